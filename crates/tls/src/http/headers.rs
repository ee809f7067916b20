//! Headers with a meaning to us.

use http::HeaderMap;
use http::header::{AGE, DATE};
use refresh_session_core::Timestamp;

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
