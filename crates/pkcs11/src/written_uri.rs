//! `pkcs11:` URIs (RFC 7512) of what was found, for somebody to paste into a configuration.

use std::fmt::Write as _;
use std::path::Path;

use crate::slots::TokenIdentity;

/// What kind of object a URI leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Private,
    Certificate,
}

/// The URI of a token, with the module that leads to it.
pub(crate) fn of_token(module: &Path, token: &TokenIdentity) -> String {
    finish(token_part(token), module)
}

/// The URI of an object in a token. What stands in neither label nor id cannot be named.
pub(crate) fn of_object(
    module: &Path,
    token: &TokenIdentity,
    kind: Kind,
    label: Option<&[u8]>,
    id: Option<&[u8]>,
) -> String {
    let mut uri = token_part(token);
    // A label that is no text could not be read back.
    if let Some(label) = label.and_then(|label| std::str::from_utf8(label).ok()) {
        attribute(&mut uri, "object", &encoded(label.as_bytes(), ""));
    }
    if let Some(id) = id {
        attribute(&mut uri, "id", &id.iter().copied().map(escaped).collect::<Vec<_>>().concat());
    }
    let kind = match kind {
        Kind::Private => "private",
        Kind::Certificate => "cert",
    };
    attribute(&mut uri, "type", kind);
    finish(uri, module)
}

fn token_part(token: &TokenIdentity) -> String {
    let mut uri = String::from("pkcs11:");
    for (name, value) in [("token", &token.label), ("serial", &token.serial)] {
        if !value.is_empty() {
            attribute(&mut uri, name, &encoded(value.as_bytes(), ""));
        }
    }
    uri
}

fn attribute(uri: &mut String, name: &str, encoded: &str) {
    let separator = if uri.ends_with(':') { "" } else { ";" };
    // Writing to a text does not fail.
    let _ = write!(uri, "{separator}{name}={encoded}");
}

fn finish(mut uri: String, module: &Path) -> String {
    let path = encoded(module.as_os_str().as_encoded_bytes(), "/");
    let _ = write!(uri, "?module-path={path}");
    uri
}

/// Everything percent-encoded but what RFC 3986 calls unreserved, and `besides`.
fn encoded(bytes: &[u8], besides: &str) -> String {
    let part = |byte: &u8| match char::from(*byte) {
        plain if plain.is_ascii_alphanumeric() || "-._~".contains(plain) || besides.contains(plain) => {
            plain.to_string()
        }
        _ => escaped(*byte),
    };
    bytes.iter().map(part).collect::<Vec<_>>().concat()
}

fn escaped(byte: u8) -> String {
    format!("%{byte:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri;

    #[test]
    fn what_is_written_is_read_back() {
        let token = TokenIdentity { label: "my gw; é=1".into(), serial: "a/b?c".into() };
        let module = Path::new("/opt/my modules/x&y.so");
        let written =
            of_object(module, &token, Kind::Private, Some(b"key %1 \xc3\xa9"), Some(&[0, 0xab, b';']));
        let read = uri::parse(&written).unwrap();
        assert_eq!(read.token.label.as_deref(), Some("my gw; é=1"));
        assert_eq!(read.token.serial.as_deref(), Some("a/b?c"));
        assert_eq!(read.key.label.as_deref(), Some("key %1 é"));
        assert_eq!(read.key.id, Some(vec![0, 0xab, b';']));
        assert!(read.certificate.is_empty());
        assert_eq!(read.module.as_deref(), Some(module));
        let certificate = of_object(module, &token, Kind::Certificate, Some(&[0xff]), Some(&[1]));
        let read = uri::parse(&certificate).unwrap();
        assert_eq!((read.certificate.label, read.certificate.id), (None, Some(vec![1])));
        assert!(uri::parse(&of_token(module, &token)).unwrap().key.is_empty());
    }

    #[test]
    fn a_token_without_names_has_a_uri_too() {
        let token = TokenIdentity { label: String::new(), serial: String::new() };
        assert_eq!(of_token(Path::new("/x.so"), &token), "pkcs11:?module-path=/x.so");
    }
}
