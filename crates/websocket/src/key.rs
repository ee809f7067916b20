//! What each side proves to the other that it speaks WebSocket (RFC 6455, sections 1.3 and 4.1): no cache and no server of
//! another kind gives this answer by accident.

use refresh_session_core::Result;
use refresh_session_core::crypto::{digest, random};
use refresh_session_core::encoding::base64;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Key`.
#[derive(Debug)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// One that nobody has used before.
    pub(crate) fn random() -> Result<Self> {
        let mut text = Vec::with_capacity(24);
        base64(&random::bytes::<16>()?, &mut text);
        Ok(Self(text))
    }

    /// As it is sent.
    pub(crate) fn text(&self) -> &[u8] {
        &self.0
    }

    /// The `Sec-WebSocket-Accept` that answers it.
    pub(crate) fn accept(&self) -> Vec<u8> {
        let mut accept = Vec::with_capacity(28);
        base64(&digest::sha1(&[&self.0, GUID].concat()), &mut accept);
        accept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let key = Key(b"dGhlIHNhbXBsZSBub25jZQ==".to_vec());
        assert_eq!(key.accept(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn no_two_are_alike() {
        let (one, other) = (Key::random().unwrap(), Key::random().unwrap());
        assert_eq!((one.text().len(), one.text() == other.text()), (24, false));
    }
}
