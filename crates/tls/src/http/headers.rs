//! Headers with a meaning to us.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, DATE, RETRY_AFTER};
use refresh_session_core::Timestamp;

/// Bounds of an honoured `Retry-After`.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(15));

/// AWS's name of a request, which its support asks for.
pub const REQUEST_ID: &str = "x-amzn-requestid";

/// A header that names something. What does not look like a name is dropped: it would end up in errors and logs.
#[must_use]
pub fn identifier(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    // `AccessDeniedException:http://internal…` is a form that some AWS services use.
    let value = value.split(':').next()?.trim();
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'#' | b'=' | b'/');
    ((1..=128).contains(&value.len()) && value.bytes().all(plain)).then(|| value.to_owned())
}

/// The server's clock, unless a cache has held the reply (`Age`, RFC 9111 section 5.1): then `Date` is of another time.
///
/// A `Date` is cut to whole seconds. It is read as the end of its second: keys must not be used after their end, while
/// a second less of them does no harm.
#[must_use]
pub fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = Timestamp::parse_http_date(headers.get(DATE)?.to_str().ok()?)?;
    Some(Timestamp::from_unix_millis(date.unix_millis().saturating_add(1000)))
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date that is read against the reply's own `Date`. Without a
/// `Date` there is nothing to read a date against: the device's own clock may be decades off.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if digits {
        // What does not fit is longer than the longest wait anyhow.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = Timestamp::parse_http_date(headers.get(DATE)?.to_str().ok()?)?;
        Timestamp::parse_http_date(value)?.remaining_at(date).unwrap_or_default()
    };
    Some(wait.clamp(WAIT.0, WAIT.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_and_bounded() {
        let after = |value: &'static str, date: &'static str| {
            let headers = [(RETRY_AFTER, value.parse().unwrap()), (DATE, date.parse().unwrap())];
            retry_after(&headers.into_iter().collect())
        };
        let date = "Thu, 18 Jan 2018 09:18:06 GMT";
        assert_eq!(after("7", date), Some(Duration::from_secs(7)));
        assert_eq!(after("0", date), Some(Duration::from_secs(1)));
        assert_eq!(after("86400", date), Some(Duration::from_mins(15)));
        assert_eq!(after("Thu, 18 Jan 2018 09:19:06 GMT", date), Some(Duration::from_mins(1)));
        assert_eq!(after("99999999999999999999999", date), Some(Duration::from_mins(15)));
        assert_eq!(after("Thu, 18 Jan 2018 08:00:00 GMT", date), Some(Duration::from_secs(1)));
        assert_eq!(after("Tue, 18 Jan 2028 09:18:06 GMT", date), Some(Duration::from_mins(15)));
        // The obsolete forms of RFC 9110, section 5.6.7.
        assert_eq!(after("Thursday, 18-Jan-18 09:19:06 GMT", date), Some(Duration::from_mins(1)));
        assert_eq!(after("Thu Jan 18 09:19:06 2018", date), Some(Duration::from_mins(1)));
        for nonsense in ["soon", "", "-1", "+7", "7.5", "7 s", "1e3"] {
            assert_eq!(after(nonsense, date), None, "{nonsense:?}");
        }
        let undated = [(RETRY_AFTER, "Thu, 18 Jan 2018 09:19:06 GMT".parse().unwrap())].into_iter().collect();
        assert_eq!(retry_after(&undated), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
