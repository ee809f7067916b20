//! The `Authorization` header.

use std::fmt;

use http::HeaderValue;
use refresh_session_core::{Error, Result, Secret};

/// A token, as it is sent.
#[derive(Clone)]
pub struct Authorization(HeaderValue);

impl Authorization {
    /// The token as it is, without a scheme: whoever gave it has put that in. `from`: the option or variable.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` if it would end the header and begin another one, or is empty.
    pub fn new(token: &Secret, from: &'static str) -> Result<Self> {
        Self::parse(token.expose()).ok_or_else(|| {
            Error::invalid_option(from, "is empty, or has a line break or another control character in it")
                .with_hint("It is sent as the header `Authorization`, as it is.")
        })
    }

    /// Of a file's content; the newline that editors put at the end is left out.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_file(content: &Secret, from: &'static str) -> Result<Self> {
        let content = content.expose();
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        Self::new(&Secret::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()), from)
    }

    fn parse(token: &[u8]) -> Option<Self> {
        let mut value = HeaderValue::from_bytes(token).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(** redacted **)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_header_and_nothing_more() {
        let sent = |token: &str| Authorization::new(&token.into(), "authorizationToken").map(|sent| sent.0);
        assert_eq!(sent("Bearer canary").unwrap(), "Bearer canary");
        for token in ["", "a\r\nX: y", "a\n", "a\rb", "a\0b"] {
            let error = sent(token).unwrap_err();
            assert_eq!(error.param(), Some("authorizationToken"));
            assert!(!format!("{error:?}").contains("X:"));
        }
        assert!(!format!("{:?}", Authorization::new(&"canary".into(), "x").unwrap()).contains("canary"));
    }

    #[test]
    fn a_file_may_end_with_one_newline() {
        let sent =
            |text: &str| Authorization::of_file(&text.into(), "authorizationTokenFile").map(|sent| sent.0);
        assert_eq!(sent("token\n").unwrap(), "token");
        assert_eq!(sent("token\r\n").unwrap(), "token");
        assert_eq!(sent("token").unwrap(), "token");
        assert!(sent("token\n\n").is_err() && sent("\n").is_err());
    }
}
