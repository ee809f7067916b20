//! Comparing secrets without keeping them.

use std::sync::OnceLock;

use ring::hmac::{HMAC_SHA256, Key, sign};
use ring::rand::SystemRandom;

use crate::Secret;
use crate::error::{Code, Error, Result};

/// An HMAC-SHA-256 of a secret under a key that this process drew at random.
///
/// It answers "is this the PIN that the token accepted?" in constant time, and is worthless outside this process.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// Hashes `secret`, bound to `purpose` so that hashes of different things never compare equal.
    pub fn of(purpose: &str, secret: &Secret) -> Result<Self> {
        let mut message =
            zeroize::Zeroizing::new(Vec::with_capacity(purpose.len() + 1 + secret.expose().len()));
        message.extend_from_slice(purpose.as_bytes());
        message.push(0);
        message.extend_from_slice(secret.expose());
        let tag = sign(process_key()?, &message);
        let mut hash = [0; 32];
        hash.copy_from_slice(tag.as_ref());
        Ok(Self(hash))
    }
}

impl AsRef<[u8]> for KeyedHash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn process_key() -> Result<&'static Key> {
    static KEY: OnceLock<Option<Key>> = OnceLock::new();
    KEY.get_or_init(|| Key::generate(HMAC_SHA256, &SystemRandom::new()).ok())
        .as_ref()
        .ok_or_else(|| Error::new(Code::Internal, "the system's random number generator gave no key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_only_for_the_same_secret_and_purpose() {
        let hash = |purpose, secret: &str| KeyedHash::of(purpose, &secret.into()).unwrap();
        assert_eq!(hash("pin", "1234"), hash("pin", "1234"));
        assert_ne!(hash("pin", "1234"), hash("pin", "1235"));
        assert_ne!(hash("pin", "1234"), hash("key", "1234"));
        assert_ne!(hash("pi", "n1234"), hash("pin", "1234"));
    }
}
