//! What a code is.

use std::fmt;

use refresh_session_core::Secret;

const DIGITS: usize = 6;

/// Six digits, as STS takes them for `TokenCode`.
#[derive(Clone)]
pub struct TokenCode(Secret);

impl TokenCode {
    /// The whole text, white space around it aside, if that is a code.
    #[must_use]
    pub fn parse(text: &Secret) -> Option<Self> {
        let text = text.expose().trim_ascii();
        is_code(text).then(|| Self(Secret::new(text.to_vec())))
    }

    /// The last code that stands alone in what a program wrote: of `id=000123 ok 654321` the second, of `otp123456`
    /// and `1234567` none.
    #[must_use]
    pub fn last_in(output: &[u8]) -> Option<Self> {
        let mut words = output.rsplit(|byte| !is_word(*byte));
        words.find(|word| is_code(word)).map(|word| Self(Secret::new(word.to_vec())))
    }

    /// For the one request that carries it.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for TokenCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCode(** redacted **)")
    }
}

fn is_code(word: &[u8]) -> bool {
    word.len() == DIGITS && word.iter().all(u8::is_ascii_digit)
}

/// What a digit must not touch to stand alone: letters of any script, digits and `_`.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(output: &str) -> Option<String> {
        TokenCode::last_in(output.as_bytes()).map(|code| code.0.expose_str().unwrap().to_owned())
    }

    #[test]
    fn the_last_that_stands_alone_is_found() {
        for (output, expected) in [
            ("123456", Some("123456")),
            ("123456\n", Some("123456")),
            ("Touch your key…\nAWS:ops  000123\n", Some("000123")),
            ("111111 222222", Some("222222")),
            ("id=000123", Some("000123")),
            ("(654321)", Some("654321")),
            ("code: 654321.", Some("654321")),
            ("otp123456", None),
            ("123456s", None),
            ("123_456789", None),
            ("1234567", None),
            ("12345", None),
            ("123 456", None),
            ("123456é", None),
            ("１２３４５６", None),
            ("", None),
        ] {
            assert_eq!(last(output).as_deref(), expected, "{output:?}");
        }
    }

    #[test]
    fn output_that_is_no_text_is_no_obstacle() {
        assert!(TokenCode::last_in(b"\x00\x01 123456 \x02").is_some());
        assert!(TokenCode::last_in(b"\xff123456").is_none());
    }

    #[test]
    fn a_code_given_as_such_must_be_nothing_else() {
        let parse = |text: &str| TokenCode::parse(&text.into()).is_some();
        assert!(parse("123456") && parse(" 123456\n"));
        assert!(
            !parse("12345") && !parse("1234567") && !parse("123456 654321") && !parse("abcdef") && !parse("")
        );
    }

    #[test]
    fn debug_shows_no_digit() {
        let shown = format!("{:?}", TokenCode::last_in(b"987654"));
        assert!(!shown.contains("987654"), "{shown}");
    }
}
