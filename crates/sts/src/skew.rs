//! The time that requests are signed with.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refresh_session_core::{BootTime, Calendar, Clock, ServerClock, Timestamp};

/// A smaller difference is no reason to refuse a signature, so it is not the reason of a refusal.
const TOLERATED_MILLIS: u64 = 4 * 60 * 1000;

/// What AWS's services say to a signature whose time is off, or to one that is wrong for another reason.
const CODES: &[&str] = &[
    "RequestTimeTooSkewed",
    "RequestExpired",
    "RequestInTheFuture",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "AuthFailure",
];

/// The end of the year 9998: later ones have no date to sign with.
const LATEST_MILLIS: i64 = 253_370_764_800_000;

/// The process's calendar, unless this endpoint was found to have another.
#[derive(Debug)]
pub(crate) struct SigningClock {
    calendar: Calendar,
    own: Mutex<ServerClock>,
}

impl SigningClock {
    pub(crate) fn new(calendar: Calendar) -> Self {
        Self { calendar, own: Mutex::default() }
    }

    pub(crate) fn now(&self, clock: &dyn Clock) -> Timestamp {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).at(clock.boot());
        own.unwrap_or_else(|| self.calendar.now(clock))
    }

    /// Only for this endpoint: it may be one's own, on plain HTTP, with any clock.
    pub(crate) fn learn(&self, date: Timestamp, at: BootTime, round_trip: Duration) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).learn(date, at, round_trip);
    }
}

/// Whether a refusal with this code may be due to the time that was signed.
pub(crate) fn is_suspect(code: &str) -> bool {
    CODES.contains(&code)
}

/// Whether the server's clock shows another time than was signed.
pub(crate) fn is_far(server: Timestamp, signed: Timestamp) -> bool {
    server.millis_since(signed).unsigned_abs() > TOLERATED_MILLIS
}

/// The form that the signer takes, and has a date for.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    let millis = at.unix_millis().clamp(0, LATEST_MILLIS);
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_that_is_far_off_is_to_blame() {
        let at = |minutes: i64| Timestamp::from_unix_millis(minutes * 60_000);
        assert!(!is_far(at(100), at(104)) && !is_far(at(104), at(100)));
        assert!(is_far(at(100), at(105)) && is_far(at(105), at(100)));
        assert!(is_far(Timestamp::from_unix_millis(i64::MAX), Timestamp::from_unix_millis(i64::MIN)));
        assert!(is_suspect("SignatureDoesNotMatch") && !is_suspect("ExpiredToken"));
    }

    #[test]
    fn no_time_is_one_that_cannot_be_signed() {
        for millis in [i64::MIN, -1, 0] {
            assert_eq!(system_time(Timestamp::from_unix_millis(millis)), UNIX_EPOCH);
        }
        let latest = system_time(Timestamp::from_unix_millis(i64::MAX));
        assert_eq!(Timestamp::from(latest).to_string(), "9999-01-01T00:00:00Z");
    }
}
