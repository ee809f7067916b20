//! When to fetch: a pure function of the time left.
//!
//! This is the seam where the refresh machine goes. Until then it knows three states, scaled to the life of the keys
//! so that six-second and one-hour keys behave alike:
//!
//! | Time left | Reader |
//! |---|---|
//! | more than the advisory window (at most half of the life) | gets the keys |
//! | less | gets the keys; one fetch starts in the background |
//! | less than a minute (at most a tenth of the life) | waits for the fetch; gets the old keys if it fails |
//! | none | waits for the fetch; gets its error if it fails |

use std::time::Duration;

use refresh_session_core::BootTime;

/// Where the SDK begins to ask again is five minutes before the end; this starts well before.
const DEFAULT_ADVISORY: Duration = Duration::from_mins(15);
const MANDATORY: Duration = Duration::from_mins(1);

/// The refresh windows of a session.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    advisory: Duration,
}

/// What a reader should do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// Use the keys.
    No,
    /// Use the keys, and have new ones fetched.
    Advisory,
    /// Wait for new keys; the old ones still hold if that fails.
    Mandatory,
    /// Wait for new keys; the old ones are over.
    Expired,
}

impl Schedule {
    /// `advisory`: how long before the end a refresh starts; `None` for 15 minutes.
    #[must_use]
    pub fn new(advisory: Option<Duration>) -> Self {
        Self { advisory: advisory.unwrap_or(DEFAULT_ADVISORY) }
    }

    /// What to do with keys that live for `life` and end at `deadline`.
    #[must_use]
    pub fn due(&self, now: BootTime, deadline: BootTime, life: Duration) -> Due {
        let left = deadline.since(now);
        if left.is_zero() {
            return Due::Expired;
        }
        if left < MANDATORY.min(life / 10) {
            return Due::Mandatory;
        }
        if left < self.advisory.min(life / 2) { Due::Advisory } else { Due::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_with_left(left: u64, life: u64) -> Due {
        let deadline = BootTime::from_duration(Duration::from_secs(100_000));
        let now = BootTime::from_duration(Duration::from_secs(100_000 - left));
        Schedule::new(None).due(now, deadline, Duration::from_secs(life))
    }

    #[test]
    fn windows_follow_the_time_left() {
        assert_eq!(due_with_left(3600, 3600), Due::No);
        assert_eq!(due_with_left(900, 3600), Due::No);
        assert_eq!(due_with_left(899, 3600), Due::Advisory);
        assert_eq!(due_with_left(59, 3600), Due::Mandatory);
        assert_eq!(due_with_left(0, 3600), Due::Expired);
    }

    #[test]
    fn short_lives_scale_the_windows() {
        assert_eq!(due_with_left(450, 900), Due::No);
        assert_eq!(due_with_left(449, 900), Due::Advisory);
        assert_eq!(due_with_left(89, 900), Due::Advisory);
        assert_eq!(due_with_left(59, 900), Due::Mandatory);
        assert_eq!(due_with_left(4, 6), Due::No);
        assert_eq!(due_with_left(2, 6), Due::Advisory);
    }
}
