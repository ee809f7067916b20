//! How long to wait before the next attempt to connect.

use std::time::Duration;

use fastrand::Rng;

/// By what ended the last attempt or connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// The network, or a server that went away: full jitter from the least on, doubling.
    Normal,
    /// A quota, or a busy server: an eighth to half of the most.
    Busy,
    /// Nothing that heals by itself soon: a policy, a certificate, another device with this client identifier. Half of
    /// the most to all of it.
    Slow,
}

/// The schedule of attempts.
///
/// The first delay too is drawn: devices that lost their server together do not come back together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// No delay is shorter.
    pub min: Duration,
    /// No delay is longer.
    pub max: Duration,
    /// A connection that lasted so long was a good one: the next delay is the first again.
    pub stable: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min: Duration::from_secs(1), max: Duration::from_mins(2), stable: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// A delay after `failures` in a row before this one.
    #[must_use]
    pub fn draw(&self, lane: Lane, failures: u32, rng: &mut Rng) -> Duration {
        let (least, most) = match lane {
            Lane::Normal => {
                let doublings = failures.saturating_add(1).min(31);
                (self.min, self.min.saturating_mul(1 << doublings).min(self.max))
            }
            Lane::Busy => (self.max / 8, self.max / 2),
            Lane::Slow => (self.max / 2, self.max),
        };
        between(least.max(self.min), most.max(self.min), rng)
    }
}

/// Evenly between two ends, to the microsecond.
pub(crate) fn between(least: Duration, most: Duration, rng: &mut Rng) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
    least + Duration::from_micros(rng.u64(0..=span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_the_first_on_and_stay_between_their_ends() {
        let mut rng = Rng::with_seed(1);
        let backoff = Backoff::default();
        for (lane, failures, least, most) in [
            (Lane::Normal, 0, 1, 2),
            (Lane::Normal, 1, 1, 4),
            (Lane::Normal, 6, 1, 120),
            (Lane::Normal, u32::MAX, 1, 120),
            (Lane::Busy, 0, 15, 60),
            (Lane::Slow, 0, 60, 120),
        ] {
            let drawn: Vec<_> =
                (0..2000).map(|_| backoff.draw(lane, failures, &mut rng).as_secs_f64()).collect();
            let (low, high) =
                drawn.iter().fold((f64::MAX, 0.0_f64), |(low, high), at| (low.min(*at), high.max(*at)));
            let span = f64::from(most - least);
            assert!(
                low >= f64::from(least) && low < f64::from(least) + span / 10.0,
                "{lane:?} {failures} {low}"
            );
            assert!(
                high <= f64::from(most) && high > f64::from(most) - span / 10.0,
                "{lane:?} {failures} {high}"
            );
        }
    }
}
