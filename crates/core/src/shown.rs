//! Values of options in messages.
//!
//! Messages end up in logs, one line each. What somebody typed into an option must not be able to forge a line there,
//! fill it, or put a secret into it that was pasted into the wrong place.

use std::path::Path;

const MAX_SHOWN: usize = 80;
const MAX_PATH: usize = 1024;

/// `text` in quotes, on one line, cut to a reasonable length.
#[must_use]
pub fn quoted(text: &str) -> String {
    let cut = text.chars().count() > MAX_SHOWN;
    let shown: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if cut { format!("\"{shown}\"…") } else { format!("\"{shown}\"") }
}

/// Whether `text` can be meant as a path. A key in base64 that lost its PEM boundaries, or a PIN, is none.
#[must_use]
pub fn is_path_like(text: &str) -> bool {
    let begins = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start));
    !text.contains(char::is_control) && (begins || (text.len() <= 1024 && text.contains('.')))
}

/// A path for a message, if it looks like one.
#[must_use]
pub fn path(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !is_path_like(text) => "(not shown: it does not look like a path)".into(),
        _ => {
            let text = path.to_string_lossy();
            text.chars().take(MAX_PATH).flat_map(char::escape_debug).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_on_one_line_and_short() {
        assert_eq!(quoted("a\r\nINFO forged \u{1b}[1m"), r#""a\r\nINFO forged \u{1b}[1m""#);
        assert_eq!(quoted(&"x".repeat(200)).chars().count(), MAX_SHOWN + 3);
    }

    #[test]
    fn a_key_without_boundaries_is_no_path() {
        assert!(is_path_like("/etc/gw/key.pem") && is_path_like("key.pem") && is_path_like("./key"));
        assert!(!is_path_like("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH/bTBrAgEB"));
        assert!(!is_path_like("/a\nb") && !is_path_like("1234"));
        assert!(!path(Path::new("MIGHAgEAMBM")).contains("MIGH"));
    }
}
