//! So many in a second.

use std::time::Duration;

use refresh_session_core::BootTime;

const SECOND: u64 = 1_000_000_000;

/// A token bucket: in any second at most `rate` leave it. A part of that may leave at once, the rest evenly.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// What may leave at once.
    burst: u64,
    /// What comes back in a second.
    refill: u64,
    /// In billionths, so that nothing is lost by rounding. Below zero after what was larger than the burst, and after
    /// what came in unasked.
    level: i128,
    at: BootTime,
}

impl Bucket {
    /// A full one. `share` of the rate, at least one, may leave at once.
    pub(crate) fn new(now: BootTime, rate: u32, share: u32) -> Self {
        let burst = u64::from((rate / share).max(1));
        let refill = u64::from(rate).saturating_sub(burst).max(1);
        Self { burst, refill, level: i128::from(burst) * i128::from(SECOND), at: now }
    }

    /// When `amount` may leave: at once, or later. What is larger than the burst leaves when the bucket is full.
    pub(crate) fn ready(&mut self, now: BootTime, amount: u64) -> Result<(), BootTime> {
        self.refill(now);
        let needed = i128::from(amount.min(self.burst)) * i128::from(SECOND);
        if self.level >= needed {
            return Ok(());
        }
        let missing = u128::try_from(needed - self.level).unwrap_or_default();
        let wait = missing.div_ceil(u128::from(self.refill));
        Err(now.after(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX).max(1))))
    }

    /// It leaves.
    pub(crate) fn take(&mut self, amount: u64) {
        // What the other side sends may hold us up for a second, not for ever.
        let least = -(i128::from(self.refill.max(amount)) * i128::from(SECOND));
        self.level = (self.level - i128::from(amount) * i128::from(SECOND)).max(least);
    }

    fn refill(&mut self, now: BootTime) {
        let passed = now.since(self.at).min(Duration::from_hours(1));
        let came = i128::try_from(passed.as_nanos()).unwrap_or_default() * i128::from(self.refill);
        self.level = (self.level + came).min(i128::from(self.burst) * i128::from(SECOND));
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootTime {
        BootTime::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn in_any_second_there_are_at_most_so_many() {
        let mut bucket = Bucket::new(at(0), 100, 10);
        let mut left: Vec<u64> = Vec::new();
        for now in 0..10_000 {
            // Idle for a while, so that it fills again.
            while !(3000..4000).contains(&now) && bucket.ready(at(now), 1).is_ok() {
                bucket.take(1);
                left.push(now);
            }
        }
        let most = left.iter().map(|from| left.iter().filter(|at| (*from..from + 1000).contains(at)).count());
        assert!(most.max() <= Some(100) && left.len() > 800, "{}", left.len());
    }

    #[test]
    fn it_says_when() {
        let mut bucket = Bucket::new(at(0), 100, 10);
        for _ in 0..10 {
            assert_eq!(bucket.ready(at(0), 1), Ok(()));
            bucket.take(1);
        }
        let when = bucket.ready(at(0), 1).unwrap_err();
        assert!(when > at(11) && when < at(12), "{when:?}");
        assert!(bucket.ready(when.before(Duration::from_nanos(2)), 1).is_err());
        assert_eq!(bucket.ready(when, 1), Ok(()));
    }

    #[test]
    fn what_is_larger_than_the_burst_leaves_when_it_is_full_and_is_made_up_for() {
        let mut bucket = Bucket::new(at(0), 1000, 4);
        assert_eq!(bucket.ready(at(0), 1000), Ok(()));
        bucket.take(1000);
        assert!(bucket.ready(at(999), 1).is_err() && bucket.ready(at(1002), 1).is_ok());
    }
}
