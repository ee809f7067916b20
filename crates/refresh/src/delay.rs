//! How long to leave a source alone after a failure.

use std::time::Duration;

use fastrand::Rng;

/// Nobody is asked twice within this time, whatever was drawn.
pub const FLOOR: Duration = Duration::from_millis(250);

/// While keys are held, attempts are at least this far apart.
const FLOOR_WITH_KEYS: Duration = Duration::from_secs(1);

/// The shape of a delay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delay {
    /// Evenly between two ends.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Evenly between nothing and `base` × 2ⁿ, at most `cap`, where n counts the failures before.
    FullJitter {
        /// The longest first delay.
        base: Duration,
        /// The longest ever.
        cap: Duration,
    },
}

impl Delay {
    /// A delay after `failures` failures before this one.
    #[must_use]
    pub fn draw(self, failures: u32, rng: &mut Rng) -> Duration {
        match self {
            Self::Uniform { min, max } => between(min, max, rng),
            Self::FullJitter { base, cap } => {
                let longest = base.saturating_mul(2_u32.saturating_pow(failures)).min(cap);
                between(Duration::ZERO, longest, rng).max(FLOOR)
            }
        }
    }

    /// The same while keys have `left` to live: at most `share` of it, so that several attempts fit in.
    #[must_use]
    pub fn draw_within(self, failures: u32, left: Duration, share: u32, rng: &mut Rng) -> Duration {
        let longest = left / share.max(1);
        let drawn = match self {
            Self::Uniform { min, max } if max > longest => between(min.min(longest / 2), longest, rng),
            Self::FullJitter { base, cap } => {
                Self::FullJitter { base: base.min(longest), cap: cap.min(longest) }.draw(failures, rng)
            }
            Self::Uniform { .. } => self.draw(failures, rng),
        };
        drawn.max(FLOOR_WITH_KEYS)
    }
}

/// Evenly between two ends, to the microsecond.
pub fn between(min: Duration, max: Duration, rng: &mut Rng) -> Duration {
    let span = u64::try_from(max.saturating_sub(min).as_micros()).unwrap_or(u64::MAX);
    min + Duration::from_micros(rng.u64(0..=span))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn drawn(mut draw: impl FnMut(&mut Rng) -> Duration) -> (Duration, Duration) {
        let mut rng = Rng::with_seed(1);
        let all: Vec<_> = (0..2000).map(|_| draw(&mut rng)).collect();
        (*all.iter().min().unwrap(), *all.iter().max().unwrap())
    }

    #[test]
    fn uniform_stays_between_its_ends_and_reaches_them() {
        let delay = Delay::Uniform { min: 300 * SECOND, max: 600 * SECOND };
        let (least, most) = drawn(|rng| delay.draw(9, rng));
        assert!(least >= 300 * SECOND && least < 302 * SECOND, "{least:?}");
        assert!(most <= 600 * SECOND && most > 598 * SECOND, "{most:?}");
    }

    #[test]
    fn full_jitter_doubles_up_to_its_cap_and_never_hammers() {
        let delay = Delay::FullJitter { base: SECOND, cap: 60 * SECOND };
        for (failures, longest) in [(0, 1), (1, 2), (5, 32), (6, 60), (u32::MAX, 60)] {
            let (least, most) = drawn(|rng| delay.draw(failures, rng));
            assert_eq!(least, FLOOR);
            assert!(most <= longest * SECOND && most > longest * SECOND * 9 / 10, "{failures}: {most:?}");
        }
    }

    #[test]
    fn while_keys_live_several_attempts_fit_into_what_is_left() {
        let answered = Delay::Uniform { min: 300 * SECOND, max: 600 * SECOND };
        let (least, most) = drawn(|rng| answered.draw_within(0, 400 * SECOND, 4, rng));
        assert!(least >= 50 * SECOND && most <= 100 * SECOND, "{least:?} {most:?}");
        let (least, most) = drawn(|rng| answered.draw_within(0, 3600 * SECOND, 4, rng));
        assert!(least >= 300 * SECOND && most <= 600 * SECOND, "{least:?} {most:?}");
        let unreachable = Delay::FullJitter { base: 15 * SECOND, cap: 300 * SECOND };
        let (_, most) = drawn(|rng| unreachable.draw_within(9, 400 * SECOND, 4, rng));
        assert!(most <= 100 * SECOND && most > 90 * SECOND, "{most:?}");
        let (least, most) = drawn(|rng| unreachable.draw_within(9, SECOND, 4, rng));
        assert_eq!((least, most), (SECOND, SECOND), "never faster than once a second");
    }
}
