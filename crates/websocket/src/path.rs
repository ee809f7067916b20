//! Path and query of the upgrade.

use refresh_session_core::Secret;
use zeroize::Zeroizing;

/// Where AWS IoT, and most other servers, take MQTT in WebSocket.
pub const MQTT: &str = "/mqtt";

/// The path with these parameters, encoded, and no signature: for a custom authorizer (`x-amz-customauthorizer-name`, its
/// token and the token's signature), or for servers that ask for nothing.
#[must_use]
pub fn unsigned(query: &[(&str, &Secret)]) -> Secret {
    let room = query.iter().map(|(name, value)| 3 * (name.len() + value.expose().len()) + 2).sum::<usize>();
    let mut path = Zeroizing::new(Vec::with_capacity(MQTT.len() + room));
    path.extend_from_slice(MQTT.as_bytes());
    for (position, (name, value)) in query.iter().enumerate() {
        path.push(if position == 0 { b'?' } else { b'&' });
        encode(name.as_bytes(), &mut path);
        path.push(b'=');
        encode(value.expose(), &mut path);
    }
    Secret::new(std::mem::take(&mut *path))
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3), as AWS wants it.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_in_their_order() {
        assert_eq!(unsigned(&[]).expose_str(), Some("/mqtt"));
        let (name, signature) = (Secret::from("gate keeper"), Secret::from("a+b/c=="));
        let path = unsigned(&[("x-amz-customauthorizer-name", &name), ("tök~en", &signature)]);
        assert_eq!(
            path.expose_str(),
            Some("/mqtt?x-amz-customauthorizer-name=gate%20keeper&t%C3%B6k~en=a%2Bb%2Fc%3D%3D")
        );
    }
}
