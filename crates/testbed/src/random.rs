//! Random text from the system generator: identifiers, and the parts of credentials that are not canaries.

use ring::rand::{SecureRandom, SystemRandom};

/// The alphabet of access key ids.
const KEY_ID: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The alphabet of secret keys and session tokens.
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `length` random bytes.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    #[expect(
        clippy::expect_used,
        reason = "it does not fail once the system is up, and nothing works without it"
    )]
    SystemRandom::new().fill(&mut bytes).expect("the system has no random numbers");
    bytes
}

fn pick(alphabet: &[u8], length: usize) -> String {
    bytes(length).iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

/// `length` characters as in an access key id.
pub(crate) fn key_id(length: usize) -> String {
    pick(KEY_ID, length)
}

/// `length` characters as in base64, without padding.
pub(crate) fn base64(length: usize) -> String {
    pick(BASE64, length)
}

/// A random UUID, as in `x-amzn-RequestId`.
pub(crate) fn uuid() -> String {
    let mut bytes = bytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0f)]])
        .map(char::from)
        .collect()
}

/// Reads what [`hex`] writes; `None` for anything else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_survives_the_round_trip() {
        assert_eq!(hex(&[0x00, 0x7f, 0xff]), "007fff");
        assert_eq!(unhex("007fff"), Some(vec![0x00, 0x7f, 0xff]));
        assert_eq!(unhex("007ff"), None);
        assert_eq!(unhex("0X"), None);
    }

    #[test]
    fn uuids_are_version_four() {
        let uuid = uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert_ne!(uuid, super::uuid());
    }
}
