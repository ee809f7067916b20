//! Reading one attribute of one object, as bytes (PKCS#11 v2.40 section 5.7, C_GetAttributeValue).
//!
//! The crate's `get_attributes` allocates whatever length the module names and reads as much as the module says it
//! wrote; a module that answers nonsense would take the process with it.

use cryptoki::object::{Attribute, AttributeInfo, AttributeType, ObjectHandle};
use cryptoki::session::Session;
use cryptoki_sys as sys;

use crate::library::Functions;

/// No certificate, key or name is longer. Far below `CK_UNAVAILABLE_INFORMATION`.
const LONGEST: usize = 64 * 1024;

/// The value; `None` if it is empty, absent, not shown, too long to be one, or not what was announced.
///
/// `functions`: as [`crate::module::Lease::functions`] gives them.
pub(crate) fn read(
    functions: Option<&Functions>,
    session: &Session,
    object: ObjectHandle,
    attribute: AttributeType,
) -> Option<Vec<u8>> {
    let Some(functions) = functions else { return read_by_crate(session, object, attribute) };
    let call = |value: *mut u8, length: usize| {
        let mut template = sys::CK_ATTRIBUTE {
            type_: attribute.into(),
            pValue: value.cast(),
            ulValueLen: sys::CK_ULONG::try_from(length).ok()?,
        };
        // SAFETY: a function of the module that made this session, which this thread alone uses; a template of one
        // attribute, whose buffer is null or as long as it says.
        let result = unsafe {
            (functions.get_attribute_value)(session.handle(), object.handle(), &raw mut template, 1)
        };
        // The template may be packed, so by copy.
        let length = template.ulValueLen;
        (result == sys::CKR_OK).then(|| usize::try_from(length).ok()).flatten()
    };
    let announced = call(std::ptr::null_mut(), 0).filter(|length| (1..=LONGEST).contains(length))?;
    let mut value = vec![0; announced];
    let written = call(value.as_mut_ptr(), announced)?;
    if written > announced {
        return None;
    }
    value.truncate(written);
    Some(value).filter(|value| !value.is_empty())
}

fn read_by_crate(session: &Session, object: ObjectHandle, attribute: AttributeType) -> Option<Vec<u8>> {
    match session.get_attribute_info(object, &[attribute]).ok()?.first()? {
        AttributeInfo::Available(length) if *length <= LONGEST => {}
        _ => return None,
    }
    match session.get_attributes(object, &[attribute]).ok()?.into_iter().next()? {
        Attribute::Label(bytes)
        | Attribute::Id(bytes)
        | Attribute::Value(bytes)
        | Attribute::Modulus(bytes)
        | Attribute::PublicExponent(bytes)
        | Attribute::EcParams(bytes)
        | Attribute::EcPoint(bytes) => Some(bytes).filter(|bytes| !bytes.is_empty()),
        Attribute::Class(class) => Some((*class).to_ne_bytes().to_vec()),
        Attribute::KeyType(kind) => Some((*kind).to_ne_bytes().to_vec()),
        Attribute::AlwaysAuthenticate(yes) => Some(vec![yes.into()]),
        _ => None,
    }
}
