//! Finding objects and reading what they say of themselves (PKCS#11 v2.40 sections 4 and 5.7).
//!
//! Attributes are read one at a time: modules leave some out, and one value that cannot be parsed must not hide
//! the others.

use std::fmt;

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use refresh_session_core::PublicKey;
use refresh_session_core::crypto::digest::hex;

use crate::config::ObjectSelector;
use crate::der;
use crate::failure::Failure;

/// An object as a message shows it.
#[derive(Clone, Debug)]
pub(crate) struct SeenObject {
    pub(crate) label: Option<Vec<u8>>,
    pub(crate) id: Option<Vec<u8>>,
}

/// All objects of `class` that fit the selector.
pub(crate) fn find(
    session: &Session,
    class: ObjectClass,
    selector: &ObjectSelector,
) -> Result<Vec<ObjectHandle>, Failure> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(selector.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(selector.id.as_ref().map(|id| Attribute::Id(id.clone())));
    Ok(session.find_objects(&template)?)
}

/// Whether the object is of `class` and fits the selector; `None` if the module does not say.
pub(crate) fn fits(
    session: &Session,
    handle: ObjectHandle,
    class: ObjectClass,
    selector: &ObjectSelector,
) -> Option<bool> {
    let said = session.get_attributes(handle, &[AttributeType::Class]).ok()?.into_iter().next()?;
    let Attribute::Class(said) = said else { return None };
    let same = |wanted: Option<&[u8]>, attribute| {
        wanted.is_none_or(|wanted| read(session, handle, attribute).is_none_or(|said| said == wanted))
    };
    let label = selector.label.as_ref().map(String::as_bytes);
    Some(
        said == class && same(label, AttributeType::Label) && same(selector.id.as_deref(), AttributeType::Id),
    )
}

/// The names of an object, as far as it has any.
pub(crate) fn describe(session: &Session, handle: ObjectHandle) -> SeenObject {
    let label = read(session, handle, AttributeType::Label);
    let id = read(session, handle, AttributeType::Id);
    SeenObject { label, id }
}

/// "label "a" id 01; label "b" id 02", or "none".
pub(crate) fn listed(session: &Session, handles: &[ObjectHandle]) -> String {
    if handles.is_empty() {
        return "none".into();
    }
    let names: Vec<_> = handles.iter().map(|handle| describe(session, *handle).to_string()).collect();
    names.join("; ")
}

/// An attribute whose value is plain bytes; `None` if it is not there, not shown, or not readable.
pub(crate) fn read(session: &Session, handle: ObjectHandle, attribute: AttributeType) -> Option<Vec<u8>> {
    match session.get_attributes(handle, &[attribute]).ok()?.into_iter().next()? {
        Attribute::Label(bytes)
        | Attribute::Id(bytes)
        | Attribute::Value(bytes)
        | Attribute::Modulus(bytes)
        | Attribute::PublicExponent(bytes)
        | Attribute::EcParams(bytes)
        | Attribute::EcPoint(bytes) => Some(bytes).filter(|bytes| !bytes.is_empty()),
        _ => None,
    }
}

/// What kind of private key it is, if the token says so.
pub(crate) fn key_type(session: &Session, handle: ObjectHandle) -> Option<KeyType> {
    match session.get_attributes(handle, &[AttributeType::KeyType]).ok()?.into_iter().next()? {
        Attribute::KeyType(kind) => Some(kind),
        _ => None,
    }
}

/// Whether a private key wants the PIN for every single use.
pub(crate) fn always_authenticates(session: &Session, handle: ObjectHandle) -> bool {
    let attribute = session.get_attributes(handle, &[AttributeType::AlwaysAuthenticate]);
    matches!(attribute.as_deref(), Ok([Attribute::AlwaysAuthenticate(true)]))
}

/// The public half of a private key, as far as the token shows it.
///
/// RSA private keys carry it themselves. EC ones mostly do not: there the public-key object of the same id, or
/// without one of the same label, is believed, if there is exactly one.
pub(crate) fn public_half(session: &Session, key: ObjectHandle) -> Option<PublicKey> {
    let of_rsa = |handle| {
        let modulus = read(session, handle, AttributeType::Modulus)?;
        let exponent = read(session, handle, AttributeType::PublicExponent)?;
        PublicKey::from_spki_der(&der::rsa_spki(&PublicKey::rsa_raw(&modulus, &exponent)?))
    };
    let of_ec = |handle| {
        let params = read(session, handle, AttributeType::EcParams)?;
        let point = read(session, handle, AttributeType::EcPoint)?;
        PublicKey::from_spki_der(&der::ec_spki(&params, &point))
    };
    let of = |handle| of_rsa(handle).or_else(|| of_ec(handle));
    of(key).or_else(|| {
        let SeenObject { label, id } = describe(session, key);
        let selector = match (id, label) {
            (Some(id), _) => ObjectSelector::id(id),
            (None, Some(label)) => ObjectSelector::label(String::from_utf8(label).ok()?),
            (None, None) => return None,
        };
        match find(session, ObjectClass::PUBLIC_KEY, &selector).ok()?.as_slice() {
            [public] => of(*public),
            _ => None,
        }
    })
}

impl fmt::Display for SeenObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "label {:?}", String::from_utf8_lossy(label))?,
            None => f.write_str("no label")?,
        }
        match &self.id {
            Some(id) => write!(f, " id {}", hex(id)),
            None => f.write_str(" no id"),
        }
    }
}
