//! A line into words, as a POSIX shell splits it (POSIX.1-2024, Shell Command Language, 2.2 and 2.3).

use refresh_session_core::{Error, Result};

use super::PARAM;

/// Quotes, backslashes and comments mean what they mean to a shell; `$`, `*`, `~`, `|`, `;` and the like mean
/// themselves.
///
/// # Errors
/// `ERR_INVALID_OPTION` if a quote is not closed.
pub(super) fn split(line: &str) -> Result<Vec<String>> {
    shlex::split(line).ok_or_else(|| {
        Error::invalid_option(PARAM, "ends within a quote or after a backslash")
            .with_hint("Close it, or give an array of words, which needs no quotes.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_a_shells() {
        for (line, expected) in [
            ("ykman oath code AWS", vec!["ykman", "oath", "code", "AWS"]),
            ("  a\t b\n", vec!["a", "b"]),
            (r#"a "b c" 'd e' f\ g"#, vec!["a", "b c", "d e", "f g"]),
            (r#"a 'it''s' "say \"x\"" """#, vec!["a", "its", "say \"x\"", ""]),
            ("a; b | c > $HOME/* ~", vec!["a;", "b", "|", "c", ">", "$HOME/*", "~"]),
            ("a b#c", vec!["a", "b#c"]),
            ("a # why", vec!["a"]),
            ("", vec![]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_is_not_closed_is_refused_without_being_shown() {
        for line in ["a 'canary", "a \"canary", "a canary\\"] {
            let error = split(line).unwrap_err();
            assert_eq!(error.param(), Some(PARAM));
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
