//! Two kinds of time that must not be mixed.
//!
//! A [`Timestamp`] is a point on somebody's calendar: a certificate's end, an `Expiration`, a `Date` header. A
//! [`BootTime`] counts from the machine's boot *including suspend* and nothing sets it, so deadlines are kept in it.
//! Gateways without a real-time clock start in 1970 and jump; only the second kind is safe to wait on.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// Where time comes from. The system's clocks are implemented in `session`; tests bring their own.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since boot, suspend included (`CLOCK_BOOTTIME`). Never goes back.
    fn boot(&self) -> BootTime;

    /// The calendar as this machine believes it to be. May be wrong by decades.
    fn wall(&self) -> Timestamp;
}

/// Time since boot, suspend included.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BootTime(Duration);

impl BootTime {
    /// From a reading of the boot clock.
    #[must_use]
    pub const fn from_duration(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Later than anything that happens.
    pub const NEVER: Self = Self(Duration::MAX);

    /// This point moved back by `by`, at most to boot.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }

    /// This point moved on by `by`.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// The point half-way between `self` and `later`.
    #[must_use]
    pub fn midpoint(self, later: Self) -> Self {
        self.after(later.since(self) / 2)
    }
}

/// A point in calendar time, to the millisecond.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    unix_millis: i64,
}

impl Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before.
    #[must_use]
    pub const fn from_unix_millis(unix_millis: i64) -> Self {
        Self { unix_millis }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; what JavaScript's `Date` takes.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.unix_millis
    }

    /// Parses an RFC 3339 date with its offset, the form of the IoT endpoint's `expiration`.
    ///
    /// A date without `Z` or an offset is not a point in time and is refused.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).ok().map(Self::from_unix_millis)
    }

    /// Parses an HTTP `Date` header (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        httpdate::parse_http_date(text).ok().map(Self::from)
    }

    /// Signed milliseconds from `earlier` to `self`.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.unix_millis.saturating_sub(earlier.unix_millis)
    }

    /// Time from `now` until this point; `None` if it is not in the future.
    #[must_use]
    pub fn remaining_at(self, now: Self) -> Option<Duration> {
        u64::try_from(self.millis_since(now)).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        Self::from_unix_millis(millis)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second: `2026-11-21T09:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = OffsetDateTime::from_unix_timestamp(self.unix_millis.div_euclid(1000))
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok());
        match shown {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms since 1970", self.unix_millis),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_the_endpoints_date() {
        let parsed = Timestamp::parse_rfc3339("2018-01-18T09:18:06Z").unwrap();
        assert_eq!(parsed.unix_millis(), 1_516_267_086_000);
        assert_eq!(parsed.to_string(), "2018-01-18T09:18:06Z");
        assert_eq!(
            Timestamp::parse_rfc3339("2018-01-18T10:18:06.5+01:00").unwrap().millis_since(parsed),
            500
        );
    }

    #[test]
    fn refuses_what_is_not_a_point_in_time() {
        for text in
            ["", "2018-01-18", "2018-01-18T09:18:06", "tomorrow", "2018-13-18T09:18:06Z", "1516267086"]
        {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn http_date_and_years_far_off_do_not_panic() {
        let date = Timestamp::parse_http_date("Thu, 18 Jan 2018 09:18:06 GMT").unwrap();
        assert_eq!(date.to_string(), "2018-01-18T09:18:06Z");
        assert!(Timestamp::from_unix_millis(i64::MAX).to_string().contains("since 1970"));
        assert!(Timestamp::from_unix_millis(i64::MIN).to_string().contains("since 1970"));
        assert_eq!(Timestamp::from_unix_millis(i64::MIN).remaining_at(date), None);
    }

    #[test]
    fn boot_time_saturates() {
        let start = BootTime::from_duration(Duration::from_secs(10));
        let end = start.after(Duration::from_secs(4));
        assert_eq!(start.midpoint(end).since(start), Duration::from_secs(2));
        assert_eq!(start.since(end), Duration::ZERO);
    }
}
