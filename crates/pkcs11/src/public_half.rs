//! The public half of a key on the token, as far as the token shows it.
//!
//! What is shown is only ever a reason to refuse a key before it signs, or to tell twins apart; what proves a key is a
//! signature. So a value that cannot be made sense of counts as not shown.

use cryptoki::object::{AttributeType, ObjectClass, ObjectHandle};
use refresh_session_core::{KeyKind, PublicKey};

use crate::config::ObjectSelector;
use crate::der;
use crate::objects::{Objects, SeenObject};

/// Of a private key. `expected` is the key it should be: it is recognised by its point or modulus alone, whatever the
/// token says of its curve or leaves out.
///
/// RSA private keys carry their public half themselves. EC ones mostly do not: there the public-key object of the same
/// id, or without one of the same label, is believed, if there is exactly one.
pub(crate) fn of(objects: Objects<'_>, key: ObjectHandle, expected: &PublicKey) -> Option<PublicKey> {
    of_object(objects, key, expected).or_else(|| {
        let SeenObject { label, id } = objects.describe(key);
        let selector = match (id, label) {
            (Some(id), _) => ObjectSelector::id(id),
            (None, Some(label)) => ObjectSelector::label(String::from_utf8(label).ok()?),
            (None, None) => return None,
        };
        match objects.find(ObjectClass::PUBLIC_KEY, &selector).ok()?.as_slice() {
            [public] => of_object(objects, *public, expected),
            _ => None,
        }
    })
}

/// Whether the EC point in this object is the expected key's; `None` if it shows none.
pub(crate) fn has_point_of(objects: Objects<'_>, public: ObjectHandle, expected: &PublicKey) -> Option<bool> {
    objects.read(public, AttributeType::EcPoint).map(|point| is_point_of(&point, expected))
}

fn of_object(objects: Objects<'_>, object: ObjectHandle, expected: &PublicKey) -> Option<PublicKey> {
    let read = |attribute| objects.read(object, attribute);
    if let Some(modulus) = read(AttributeType::Modulus) {
        let digits = modulus.iter().position(|byte| *byte != 0).and_then(|start| modulus.get(start..));
        if digits.is_some() && expected.rsa_modulus().as_deref() == digits {
            return Some(expected.clone());
        }
        let exponent = read(AttributeType::PublicExponent)?;
        let shown = PublicKey::from_spki_der(&der::rsa_spki(&PublicKey::rsa_raw(&modulus, &exponent)?))?;
        // Keys this short are not in use; a value that was cut off is more likely.
        return matches!(shown.kind(), KeyKind::Rsa { bits } if *bits >= 1024).then_some(shown);
    }
    let point = read(AttributeType::EcPoint)?;
    if is_point_of(&point, expected) {
        return Some(expected.clone());
    }
    let params = read(AttributeType::EcParams)?;
    let shown = PublicKey::from_spki_der(&der::ec_spki(&params, &point))?;
    let length = shown.kind().ecdsa_scalar_len()? * 2 + 1;
    (shown.raw().len() == length && shown.raw().first() == Some(&4)).then_some(shown)
}

/// `point`: as an OCTET STRING or bare, whole or compressed (SEC 1 section 2.3.3).
fn is_point_of(point: &[u8], expected: &PublicKey) -> bool {
    let Some(scalar_len) = expected.kind().ecdsa_scalar_len() else { return false };
    let Some((&4, coordinates)) = expected.raw().split_first() else { return false };
    let Some((x, y)) = coordinates.split_at_checked(scalar_len) else { return false };
    let Some(odd) = y.last().map(|last| last & 1) else { return false };
    [point, der::ec_point(point)].into_iter().any(|point| {
        point == expected.raw() || point.split_first().is_some_and(|(tag, rest)| *tag == 2 + odd && rest == x)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(point: &[u8]) -> PublicKey {
        let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        PublicKey::from_spki_der(&der::ec_spki(&p256, point)).unwrap()
    }

    #[test]
    fn a_point_is_recognised_in_every_form() {
        let bare = [&[4][..], &[9; 64]].concat();
        let expected = key(&bare);
        let wrapped = [&[4, 65][..], &bare].concat();
        let compressed = [&[3][..], &[9; 32]].concat();
        let wrapped_compressed = [&[4, 33][..], &compressed].concat();
        for point in [&bare, &wrapped, &compressed, &wrapped_compressed] {
            assert!(is_point_of(point, &expected), "{point:02x?}");
        }
        let other_half = [&[2][..], &[9; 32]].concat();
        for point in [&other_half[..], &[], &[4], &bare[..64], &[0; 65], &[4, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert!(!is_point_of(point, &expected), "{point:02x?}");
        }
    }

    #[test]
    fn a_bare_point_that_looks_wrapped_is_still_bare() {
        // 04 3f: an OCTET STRING of 63 bytes, and just as many follow.
        let bare = [&[4, 63][..], &[9; 63]].concat();
        assert_eq!(bare.len(), 65);
        assert!(is_point_of(&bare, &key(&bare)));
        assert!(is_point_of(&[&[4, 65][..], &bare].concat(), &key(&bare)));
    }
}
