//! base64url and base32 as tokens and MFA seeds are written in, both without padding; and base64 with it.

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `bytes` in base64url.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    encode(bytes, BASE64URL, 6)
}

/// `bytes` in base64, padded.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = base64url(bytes).replace('-', "+").replace('_', "/");
    text.push_str(&"==="[..(4 - text.len() % 4) % 4]);
    text
}

/// `bytes` in base32.
pub(crate) fn base32(bytes: &[u8]) -> String {
    encode(bytes, BASE32, 5)
}

/// Reads what [`base64url`] writes; `None` for anything else.
pub(crate) fn unbase64url(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut pending, mut bits) = (Vec::new(), 0_u32, 0);
    for character in text.bytes() {
        let value = BASE64URL.iter().position(|other| *other == character)?;
        pending = (pending << 6) | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(pending >> bits).ok()?);
            pending &= (1 << bits) - 1;
        }
    }
    (bits < 6 && pending == 0).then_some(bytes)
}

fn encode(bytes: &[u8], alphabet: &[u8], width: u32) -> String {
    let (mut text, mut pending, mut bits) = (String::new(), 0_u32, 0);
    let mut push = |value: u32| text.push(char::from(alphabet[value as usize]));
    for byte in bytes {
        pending = (pending << 8) | u32::from(*byte);
        bits += 8;
        while bits >= width {
            bits -= width;
            push(pending >> bits);
            pending &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        push(pending << (width - bits));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        for (plain, base64, base_32) in [
            ("", "", ""),
            ("f", "Zg", "MY"),
            ("fo", "Zm8", "MZXQ"),
            ("foo", "Zm9v", "MZXW6"),
            ("foobar", "Zm9vYmFy", "MZXW6YTBOI"),
        ] {
            assert_eq!(
                (base64url(plain.as_bytes()), base32(plain.as_bytes())),
                (base64.into(), base_32.into())
            );
            assert_eq!(unbase64url(base64), Some(plain.as_bytes().to_vec()));
            assert_eq!(super::base64(plain.as_bytes()).trim_end_matches('='), base64);
        }
        assert_eq!((super::base64(b"f").as_str(), super::base64(&[0xfb, 0xff]).as_str()), ("Zg==", "+/8="));
        for text in ["Z", "Zh", "Zg==", "Zm+v", "é"] {
            assert_eq!(unbase64url(text), None, "{text}");
        }
    }
}
