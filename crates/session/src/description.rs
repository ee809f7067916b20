//! What a source is, so that two that are the same are asked once.

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Result, Secret};
use zeroize::Zeroizing;

/// Collects everything that decides which keys a source issues, and whether one may have them: secrets too.
///
/// Whoever cannot open a source must not be served by one who did, so a wrong PIN has to be another source. Only a
/// hash under a key of this process is kept.
pub struct Description(Zeroizing<Vec<u8>>);

impl Description {
    /// Of a source of this kind.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let mut new = Self(Zeroizing::new(Vec::with_capacity(256)));
        new.field("kind", kind);
        new
    }

    /// One part; parts are told apart by name and length.
    pub fn field(&mut self, name: &str, value: impl AsRef<[u8]>) {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.0.extend_from_slice(part);
        }
    }

    /// One part that may be missing, which is not the same as an empty one.
    pub fn optional(&mut self, name: &str, value: Option<impl AsRef<[u8]>>) {
        self.0.push(value.is_some().into());
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// The hash of it all.
    pub fn finish(self) -> Result<KeyedHash> {
        KeyedHash::of("source", &Secret::new(self.0.to_vec()))
    }
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Description(** redacted **)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(fields: &[(&str, Option<&str>)]) -> KeyedHash {
        let mut description = Description::new("test");
        for (name, value) in fields {
            description.optional(name, *value);
        }
        description.finish().unwrap()
    }

    #[test]
    fn parts_cannot_run_into_one_another() {
        assert_eq!(hash(&[("a", Some("1")), ("b", Some("2"))]), hash(&[("a", Some("1")), ("b", Some("2"))]));
        for other in [
            &[("a", Some("1")), ("b", Some("3"))][..],
            &[("a", Some("1b2"))],
            &[("a", Some("1")), ("b", None)],
            &[("a", Some("1")), ("b", Some(""))],
            &[("b", Some("2")), ("a", Some("1"))],
        ] {
            assert_ne!(hash(&[("a", Some("1")), ("b", Some("2"))]), hash(other), "{other:?}");
        }
        assert_ne!(hash(&[("b", None)]), hash(&[("b", Some(""))]));
    }
}
