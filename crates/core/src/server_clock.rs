//! What `Date` headers tell about a server's calendar.
//!
//! A `Date` is good to a second, and was written somewhere between request and reply: a sample is known to half the
//! round trip. The best sample is kept; one gets worse as it ages, since our boot clock drifts.

use std::time::Duration;

use crate::{BootTime, Timestamp};

/// A reply that took longer says nothing: the machine may have been suspended meanwhile.
const LONGEST_ROUND_TRIP: Duration = Duration::from_mins(15);

/// 100 parts in a million: a poor crystal.
const DRIFT: u32 = 10_000;

/// A server's calendar, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerClock {
    best: Option<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    date: Timestamp,
    at: BootTime,
    round_trip: Duration,
}

impl ServerClock {
    /// Learns from a reply's date, if it can be relied on. `at`: half-way between request and reply.
    pub fn learn(&mut self, date: Timestamp, at: BootTime, round_trip: Duration) {
        if round_trip > LONGEST_ROUND_TRIP {
            return;
        }
        let sample = Sample { date, at, round_trip };
        let better = |best: Sample| best.uncertainty(sample.at) >= sample.uncertainty(sample.at);
        if self.best.is_none_or(better) {
            self.best = Some(sample);
        }
    }

    /// The server's calendar at a boot time; `None` until it has said.
    #[must_use]
    pub fn at(&self, boot: BootTime) -> Option<Timestamp> {
        let sample = self.best?;
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let passed = millis(boot.since(sample.at)).saturating_sub(millis(sample.at.since(boot)));
        Some(Timestamp::from_unix_millis(sample.date.unix_millis().saturating_add(passed)))
    }
}

impl Sample {
    fn uncertainty(&self, now: BootTime) -> Duration {
        self.round_trip / 2 + now.since(self.at) / DRIFT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(clock: &mut ServerClock, at: u64, date: i64, round_trip: u64) {
        clock.learn(Timestamp::from_unix_millis(date * 1000), boot(at), Duration::from_secs(round_trip));
    }

    fn boot(seconds: u64) -> BootTime {
        BootTime::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn runs_on_from_the_sample_in_both_directions() {
        let mut clock = ServerClock::default();
        assert!(clock.at(boot(5)).is_none());
        learn(&mut clock, 100, 1_700_000_000, 1);
        assert_eq!(clock.at(boot(160)).unwrap().unix_millis(), 1_700_000_060_000);
        assert_eq!(clock.at(boot(40)).unwrap().unix_millis(), 1_699_999_940_000);
    }

    #[test]
    fn the_quicker_reply_is_believed_until_it_is_old() {
        let mut clock = ServerClock::default();
        learn(&mut clock, 100, 1000, 1);
        learn(&mut clock, 200, 1150, 20);
        assert_eq!(clock.at(boot(200)).unwrap().unix_millis(), 1_100_000, "the slow one says little");
        learn(&mut clock, 200_000, 201_000, 20);
        assert_eq!(clock.at(boot(200_000)).unwrap().unix_millis(), 201_000_000, "two days of drift say less");
    }

    #[test]
    fn a_reply_from_before_a_suspend_teaches_nothing() {
        let mut clock = ServerClock::default();
        learn(&mut clock, 100, 1000, 901);
        assert!(clock.at(boot(100)).is_none());
    }
}
