//! Finding objects and reading what they say of themselves (PKCS#11 v2.40 sections 4 and 5.7).
//!
//! Attributes are read one at a time: modules leave some out, and one value that cannot be read must not hide the
//! others, still less end a search.

use std::fmt;

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki_sys as sys;
use refresh_session_core::crypto::digest::hex;

use crate::attribute;
use crate::config::ObjectSelector;
use crate::failure::Failure;
use crate::library::Functions;

/// More of a name does not help to recognise it.
const SHOWN: usize = 64;

/// The objects that a session shows.
#[derive(Clone, Copy)]
pub(crate) struct Objects<'a> {
    pub(crate) session: &'a Session,
    pub(crate) functions: Option<&'a Functions>,
}

/// An object as a message shows it.
#[derive(Clone, Debug)]
pub(crate) struct SeenObject {
    pub(crate) label: Option<Vec<u8>>,
    pub(crate) id: Option<Vec<u8>>,
}

/// Of what kind a private key is, as far as that can be a reason against it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyType {
    Rsa,
    Ec,
}

impl Objects<'_> {
    /// All objects of `class` that fit the selector, each once.
    ///
    /// The module is asked for them. Where it finds none, or cannot search for such an attribute, all of the class are
    /// looked at: some pad labels that they store with spaces or zeros, and compare them with that.
    pub(crate) fn find(
        &self,
        class: ObjectClass,
        selector: &ObjectSelector,
    ) -> Result<Vec<ObjectHandle>, Failure> {
        let mut template = vec![Attribute::Class(class)];
        if selector.is_empty() {
            return self.search(&template);
        }
        template.extend(selector.label.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
        template.extend(selector.id.as_ref().map(|id| Attribute::Id(id.clone())));
        match self.search(&template) {
            Ok(found) if !found.is_empty() => return Ok(found),
            Err(failure) if !failure.refuses_template() => return Err(failure),
            _ => {}
        }
        let mut all = self.search(&[Attribute::Class(class)])?;
        all.retain(|object| self.describe(*object).fits(selector));
        Ok(all)
    }

    /// Whether the object is of `class` and fits the selector; `None` if the module does not say.
    ///
    /// A name that is not shown is no reason against it.
    pub(crate) fn fits(
        &self,
        object: ObjectHandle,
        class: ObjectClass,
        selector: &ObjectSelector,
    ) -> Option<bool> {
        let said = self.read(object, AttributeType::Class)?;
        let said = sys::CK_OBJECT_CLASS::from_ne_bytes(said.try_into().ok()?);
        let seen = self.describe(object);
        let shown = ObjectSelector {
            label: selector.label.clone().filter(|_| seen.label.is_some()),
            id: selector.id.clone().filter(|_| seen.id.is_some()),
        };
        Some(said == *class && seen.fits(&shown))
    }

    /// The names of an object, as far as it has any.
    pub(crate) fn describe(&self, object: ObjectHandle) -> SeenObject {
        let label = self.read(object, AttributeType::Label);
        let id = self.read(object, AttributeType::Id);
        SeenObject { label, id }
    }

    /// "label "a" id 01; label "b" id 02", or "none".
    pub(crate) fn listed(&self, objects: &[ObjectHandle]) -> String {
        if objects.is_empty() {
            return "none".into();
        }
        let names: Vec<_> = objects.iter().map(|object| self.describe(*object).to_string()).collect();
        names.join("; ")
    }

    /// An attribute's bytes; `None` if it is not there, not shown, or not readable.
    pub(crate) fn read(&self, object: ObjectHandle, attribute: AttributeType) -> Option<Vec<u8>> {
        attribute::read(self.functions, self.session, object, attribute)
    }

    /// What kind of private key it is, if the token says so.
    pub(crate) fn key_type(&self, key: ObjectHandle) -> Option<KeyType> {
        let bytes = self.read(key, AttributeType::KeyType)?;
        match sys::CK_KEY_TYPE::from_ne_bytes(bytes.try_into().ok()?) {
            sys::CKK_RSA => Some(KeyType::Rsa),
            sys::CKK_EC => Some(KeyType::Ec),
            _ => None,
        }
    }

    /// Whether a private key wants the PIN for every single use.
    pub(crate) fn always_authenticates(&self, key: ObjectHandle) -> bool {
        self.read(key, AttributeType::AlwaysAuthenticate).is_some_and(|value| value == [sys::CK_TRUE])
    }

    fn search(&self, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Failure> {
        let mut found: Vec<ObjectHandle> = Vec::new();
        for object in self.session.find_objects(template)? {
            // One object that is listed twice is one.
            if !found.contains(&object) {
                found.push(object);
            }
        }
        Ok(found)
    }
}

impl SeenObject {
    fn fits(&self, selector: &ObjectSelector) -> bool {
        let label_fits = selector.label.as_ref().is_none_or(|wanted| {
            self.label.as_ref().is_some_and(|label| unpadded(label) == unpadded(wanted.as_bytes()))
        });
        label_fits && selector.id.as_ref().is_none_or(|wanted| self.id.as_ref() == Some(wanted))
    }
}

impl fmt::Display for SeenObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label.as_deref().map(unpadded) {
            Some(label) => write!(f, "label {}", quoted(label))?,
            None => f.write_str("no label")?,
        }
        match &self.id {
            Some(id) if id.len() > SHOWN => write!(f, " id {}…", hex(&id[..SHOWN])),
            Some(id) => write!(f, " id {}", hex(id)),
            None => f.write_str(" no id"),
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "RSA",
            Self::Ec => "EC",
        })
    }
}

fn unpadded(label: &[u8]) -> &[u8] {
    let end = label.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    &label[..end]
}

/// As text where it is one, else with the bytes that are none as `\xe9`.
fn quoted(label: &[u8]) -> String {
    let shown = match std::str::from_utf8(label) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => label.escape_ascii().to_string(),
    };
    match shown.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("\"{}…\"", &shown[..end]),
        None => format!("\"{shown}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(label: &[u8]) -> SeenObject {
        SeenObject { label: Some(label.into()), id: Some(vec![1]) }
    }

    #[test]
    fn padding_is_no_part_of_a_label() {
        for padded in [&b"key"[..], b"key  ", b"key\0\0\0", b"key \0 \0"] {
            assert!(seen(padded).fits(&ObjectSelector::label("key")));
            assert_eq!(seen(padded).to_string(), "label \"key\" id 01");
        }
        assert!(!seen(b" key").fits(&ObjectSelector::label("key")));
        assert!(seen(b"key ").fits(&ObjectSelector { label: Some("key".into()), id: Some(vec![1]) }));
        assert!(!seen(b"key ").fits(&ObjectSelector { label: Some("key".into()), id: Some(vec![2]) }));
        assert!(!SeenObject { label: None, id: None }.fits(&ObjectSelector::label("")));
    }

    #[test]
    fn names_are_shown_readably() {
        assert_eq!(seen(b"caf\xe9\n").to_string(), r#"label "caf\xe9\n" id 01"#);
        assert_eq!(seen("Schlüssel\n\"1\"".as_bytes()).to_string(), r#"label "Schlüssel\n\"1\"" id 01"#);
        assert_eq!(seen(&[b'a'; 9000]).to_string(), format!("label \"{}…\" id 01", "a".repeat(64)));
        let long = SeenObject { label: None, id: Some(vec![7; 9000]) };
        assert_eq!(long.to_string(), format!("no label id {}…", "07".repeat(64)));
    }
}
