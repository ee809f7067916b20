//! What is measured.

use std::time::Duration;

use super::plan::Plan;

/// How one run went.
#[derive(Debug)]
pub(crate) struct Report {
    /// Requests until everybody had keys, for each machine.
    pub per_success: f64,
    /// The most requests in one second until then.
    pub startup_peak: u32,
    /// From boot to first keys: half of the fleet, and all but a hundredth.
    pub first_keys: (Duration, Duration),
    /// The most requests in one second, for each cycle of refreshes after start-up.
    pub cycle_peaks: Vec<u32>,
    /// After an outage.
    pub recovery: Option<Recovery>,
}

/// How the fleet came back.
#[derive(Debug)]
pub(crate) struct Recovery {
    /// Machines without valid keys when the source was back.
    pub without: usize,
    /// Requests from then until everybody had keys again, for each of those machines.
    pub per_success: f64,
    pub peak: u32,
    /// From then until they had keys again.
    pub keys: (Duration, Duration),
}

/// The instants at which something was reached, one for each machine.
#[derive(Debug, Default)]
pub(crate) struct Marks(pub Vec<Duration>);

impl Marks {
    /// The time within which this share of them was reached.
    pub(crate) fn share(&mut self, hundredths: usize) -> Duration {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * hundredths / 100).copied().unwrap_or_default()
    }
}

/// The average time between two refreshes: anywhere from 15 min to 80 s before the end of an hour.
pub(crate) const CYCLE: Duration = Duration::from_secs(3110);

/// Requests between two instants, and the most in one second.
pub(crate) fn between(asked: &[u32], from: Duration, to: Duration) -> (u64, u32) {
    let second = |at: Duration| usize::try_from(at.as_secs()).unwrap_or(usize::MAX).min(asked.len());
    let within = asked.get(second(from)..second(to)).unwrap_or_default();
    (within.iter().copied().map(u64::from).sum(), within.iter().copied().max().unwrap_or(0))
}

impl Report {
    /// The head of the table of fleets that come up.
    pub(crate) const HEAD: &'static str = "\
| Fleet | Seed | Requests per success | Peak in start-up, 1/s | First keys p50 / p99, s | Peak in cycles 1 to 6, 1/s |
|---|---|---|---|---|---|";

    /// Its row.
    pub(crate) fn row(&self, plan: &Plan) -> String {
        let Plan { name, seed, .. } = plan;
        let (half, most) = self.first_keys;
        let peaks: Vec<_> = self.cycle_peaks.iter().map(ToString::to_string).collect();
        format!(
            "| {name} | {seed} | {:.2} | {} | {} / {} | {} |",
            self.per_success,
            self.startup_peak,
            half.as_secs(),
            most.as_secs(),
            if peaks.is_empty() { "-".into() } else { peaks.join(", ") }
        )
    }
}

impl Recovery {
    /// The head of the table of fleets that come back.
    pub(crate) const HEAD: &'static str = "\
| After an hour without the source | Seed | Machines without keys | Requests per success | Peak, 1/s | Keys again p50 / p99, s |
|---|---|---|---|---|---|";

    /// Its row.
    pub(crate) fn row(&self, plan: &Plan) -> String {
        let Plan { name, seed, .. } = plan;
        let Self { without, per_success, peak, keys: (half, most) } = self;
        let (half, most) = (half.as_secs(), most.as_secs());
        format!("| {name} | {seed} | {without} | {per_success:.2} | {peak} | {half} / {most} |")
    }
}
