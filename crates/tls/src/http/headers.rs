//! Headers that go into errors.

use http::HeaderMap;

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
