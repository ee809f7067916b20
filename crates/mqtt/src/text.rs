//! Text on the wire.

use std::fmt;

use bytes::Bytes;

/// UTF-8 as MQTT wants it (no U+0000), sharing the memory of the packet it came in.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Text(Bytes);

impl Text {
    /// Takes the bytes if they are text that MQTT allows.
    #[must_use]
    pub fn new(bytes: Bytes) -> Option<Self> {
        let fine = std::str::from_utf8(&bytes).is_ok() && !bytes.contains(&0);
        fine.then_some(Self(bytes))
    }

    /// As `str`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made; the default cannot happen.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As it is on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A text of the caller's; whether it is fit for the wire is checked where it is used.
impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
