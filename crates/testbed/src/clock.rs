//! The testbed's clock and the ways AWS writes a time.
//!
//! Everything the servers say about time (`Date`, `expiration`, the window in which a signature is accepted)
//! comes from [`now`], shifted by the `clockOffsetSeconds` setting. Shifting the server is how a test gives its
//! client a wrong clock without touching the machine. Certificates are still judged by the true time.

use std::time::SystemTime;

use time::{Date, Month, OffsetDateTime, Time};

/// The true time plus `offset_seconds`.
pub(crate) fn now(offset_seconds: i64) -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "this program is the server; its clock is the machine's")]
    let now = SystemTime::now();
    OffsetDateTime::from(now) + time::Duration::seconds(offset_seconds)
}

/// `2018-01-18T09:18:06Z`, as in `expiration`.
pub(crate) fn iso(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `2018-01-18T09:18:06.123Z`, as in the log.
pub(crate) fn iso_millis(at: OffsetDateTime) -> String {
    iso(at).replace('Z', &format!(".{:03}Z", at.millisecond()))
}

/// `20180118T091806Z`, as in `x-amz-date`.
pub(crate) fn amz(at: OffsetDateTime) -> String {
    iso(at).replace(['-', ':'], "")
}

/// `Thu, 18 Jan 2018 09:18:06 GMT`, as in `Date`.
pub(crate) fn http(at: OffsetDateTime) -> String {
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &at.weekday().to_string()[..3],
        at.day(),
        &at.month().to_string()[..3],
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Reads what [`amz`] writes; `None` for anything else.
pub(crate) fn parse_amz(text: &str) -> Option<OffsetDateTime> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| -> Option<u16> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let small = |range| digits(range).and_then(|number| u8::try_from(number).ok());
    let month = Month::try_from(small(4..6)?).ok()?;
    let date = Date::from_calendar_date(i32::from(digits(0..4)?), month, small(6..8)?).ok()?;
    let time = Time::from_hms(small(9..11)?, small(11..13)?, small(13..15)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_one_moment_in_every_form() {
        let at = OffsetDateTime::from_unix_timestamp(1_516_267_086).unwrap();
        assert_eq!(iso(at), "2018-01-18T09:18:06Z");
        assert_eq!(iso_millis(at), "2018-01-18T09:18:06.000Z");
        assert_eq!(amz(at), "20180118T091806Z");
        assert_eq!(http(at), "Thu, 18 Jan 2018 09:18:06 GMT");
        assert_eq!(parse_amz(&amz(at)), Some(at));
    }

    #[test]
    fn refuses_what_is_not_a_basic_iso_time() {
        for text in ["", "20180118T091806", "2018-01-18T09:18:06Z", "20181318T091806Z", "2018011éT09180Z"] {
            assert_eq!(parse_amz(text), None, "{text:?}");
        }
    }
}
