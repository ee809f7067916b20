//! Bytes that never print and do not outlive their use.

use std::fmt;

use zeroize::Zeroizing;

/// A PIN, passphrase, secret key or token.
///
/// The memory is overwritten on drop. `Debug` says only that there is a secret: not its length, which for a PIN is
/// worth knowing to an attacker. There is no `Display`, no `Serialize` and no `PartialEq`: comparing secrets is
/// done through [`crate::crypto::keyed_hash`].
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one call that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// An empty PIN is a PIN; this tells it from an absent one only together with `Option`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(** redacted **)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_content_nor_length() {
        let shown = format!("{:?} {:?}", Secret::from("canary-1234"), Secret::from(""));
        assert_eq!(shown, "Secret(** redacted **) Secret(** redacted **)");
    }
}
