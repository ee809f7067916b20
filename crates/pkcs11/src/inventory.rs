//! What a module has: its tokens, their flags, and the objects that can be seen. For whoever sets a device up.
//!
//! Looking costs nothing: nobody is logged in unless that is asked for, and then the PIN goes to the one token that the
//! configuration selects, under the same rules as for signing. The other tokens show what they show to everybody.

use std::path::Path;
use std::sync::Arc;

use cryptoki::object::{AttributeType, ObjectClass, ObjectHandle};
use refresh_session_core::{Certificate, KeyKind, Result, Secret};

use crate::access::TokenAccess;
use crate::config::{TokenConfig, TokenSelector};
use crate::failure::Failure;
use crate::objects::{self, KeyType, SeenObject};
use crate::pin::Credential;
use crate::registry::{self, ModuleEntry};
use crate::slots::{SeenSlot, SeenToken, TokenIdentity};
use crate::token_flags::TokenFlag;
use crate::token_state::Access;
use crate::written_uri::{self, Kind};

/// Curves as `CKA_EC_PARAMS` has them: a DER object identifier (RFC 5480).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

/// How closely to look.
#[derive(Clone, Copy, Debug)]
pub enum Depth<'a> {
    /// Module and tokens; no session is opened.
    Tokens,
    /// The objects too, as far as they show without a login.
    Objects,
    /// The objects of the selected token after a login: with this PIN, or `None` on the token's own pad.
    Login(Option<&'a Secret>),
}

/// A module and what it leads to.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// `CK_INFO.libraryDescription`.
    pub description: String,
    /// `CK_INFO.manufacturerID`.
    pub manufacturer: String,
    /// `CK_INFO.libraryVersion`.
    pub version: String,
    /// In the order of the module's slots.
    pub slots: Vec<SlotEntry>,
}

/// A slot with a token in it.
#[derive(Clone, Debug)]
pub struct SlotEntry {
    /// The slot's number.
    pub slot_id: u64,
    /// The token, or why it cannot be read.
    pub token: Result<TokenEntry, String>,
}

/// A token.
#[derive(Clone, Debug)]
pub struct TokenEntry {
    /// `CK_TOKEN_INFO.label`.
    pub label: String,
    /// `CK_TOKEN_INFO.serialNumber`.
    pub serial: String,
    /// `CK_TOKEN_INFO.model`.
    pub model: String,
    /// `CK_TOKEN_INFO.manufacturerID`.
    pub manufacturer: String,
    /// What it says of itself.
    pub flags: Vec<TokenFlag>,
    /// It is the one that the configuration means.
    pub selected: bool,
    /// Leads to it.
    pub uri: String,
    /// What is in it, if that was looked at.
    pub objects: Option<Result<Objects>>,
}

/// What can be seen in a token.
#[derive(Clone, Debug)]
pub struct Objects {
    /// Whether it was logged in, or needs no login: then this is all there is.
    pub complete: bool,
    /// Private keys.
    pub keys: Vec<KeyEntry>,
    /// X.509 certificates.
    pub certificates: Vec<CertificateEntry>,
}

/// A private key.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// `CKA_LABEL`.
    pub label: Option<Vec<u8>>,
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
    /// Such as "EC P-256"; `None` if the token does not say.
    pub kind: Option<String>,
    /// It wants the PIN for every single use.
    pub always_authenticates: bool,
    /// Leads to it.
    pub uri: String,
}

/// A certificate.
#[derive(Clone, Debug)]
pub struct CertificateEntry {
    /// `CKA_LABEL`.
    pub label: Option<Vec<u8>>,
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
    /// Parsed, or what is wrong with it.
    pub certificate: Result<Certificate, String>,
    /// Leads to it.
    pub uri: String,
}

/// Looks at the configuration's module and tokens. Blocks; each of its waits is at most
/// [`TokenConfig::sign_timeout`].
///
/// With [`Depth::Login`] exactly one token must be selected (`Pkcs11TokenNotFound`, `Pkcs11TokenAmbiguous`), and what
/// its login says is an error of the whole. What goes wrong with other tokens stands in their entries. Errors of the
/// module are those of [`Token::open`](crate::Token::open).
pub fn inventory(config: &TokenConfig, depth: Depth<'_>) -> Result<Inventory> {
    let module = registry::module(config)?;
    let (selector, demanded) = (config.token.clone(), matches!(depth, Depth::Login(_)));
    let (seen, selected) = module.look(&config.clock, config.sign_timeout, move |module, seen| {
        let selected = match seen.select(module, &selector) {
            Err(error) if demanded => return Err(error),
            selected => selected.ok(),
        };
        Ok((seen, selected))
    })?;
    let visitor = Visitor { config, module, depth, selected };
    let slots = seen.slots().iter().map(|slot| visitor.visit(slot)).collect::<Result<_>>()?;
    let (description, manufacturer, version) = seen.library();
    Ok(Inventory { description, manufacturer, version, slots })
}

struct Visitor<'a> {
    config: &'a TokenConfig,
    module: &'static ModuleEntry,
    depth: Depth<'a>,
    selected: Option<TokenIdentity>,
}

impl Visitor<'_> {
    fn visit(&self, slot: &SeenSlot) -> Result<SlotEntry> {
        let token = match &slot.token {
            Ok(token) => Ok(self.token(token)?),
            Err(reason) => Err(reason.clone()),
        };
        Ok(SlotEntry { slot_id: slot.slot.id(), token })
    }

    fn token(&self, seen: &SeenToken) -> Result<TokenEntry> {
        let identity = &seen.identity;
        let selected = self.selected.as_ref() == Some(identity);
        let objects = match self.depth {
            _ if !seen.initialised => None,
            Depth::Tokens => None,
            Depth::Login(_) if selected => Some(Ok(self.objects(identity, self.depth)?)),
            Depth::Objects | Depth::Login(_) => Some(self.objects(identity, Depth::Objects)),
        };
        Ok(TokenEntry {
            label: identity.label.clone(),
            serial: identity.serial.clone(),
            model: seen.model.trim_end().into(),
            manufacturer: seen.manufacturer.trim_end().into(),
            flags: seen.flags.clone(),
            selected,
            uri: written_uri::of_token(&self.config.module, identity),
            objects,
        })
    }

    fn objects(&self, identity: &TokenIdentity, depth: Depth<'_>) -> Result<Objects> {
        let selector = TokenSelector {
            label: Some(identity.label.clone()),
            serial: Some(identity.serial.clone()),
            ..TokenSelector::default()
        };
        let (clock, deadline) = (Arc::clone(&self.config.clock), self.config.sign_timeout);
        let (must_log_in, pin) = match depth {
            Depth::Login(pin) => (true, pin),
            Depth::Tokens | Depth::Objects => (false, None),
        };
        let credential =
            pin.map(|pin| Credential::new(pin, self.config.force_login)).transpose()?.map(Arc::new);
        let (identity, user) = self.module.token(&selector, &clock, deadline)?;
        let access = TokenAccess { user, credential, deadline, clock, subject: identity.to_string() };
        let path = self.config.module.clone();
        access.run("listing its objects", move |access| {
            if must_log_in {
                access.log_in()?;
            }
            read(access, &path, &identity)
        })
    }
}

fn read(access: &Access<'_>, module: &Path, token: &TokenIdentity) -> Result<Objects, Failure> {
    let objects = access.objects();
    let all = |class| objects.find(class, &crate::ObjectSelector::default());
    let uri = |kind, names: &SeenObject| {
        written_uri::of_object(module, token, kind, names.label.as_deref(), names.id.as_deref())
    };
    let key = |handle: ObjectHandle| {
        let names = objects.describe(handle);
        KeyEntry {
            kind: kind(objects, handle),
            always_authenticates: objects.always_authenticates(handle),
            uri: uri(Kind::Private, &names),
            label: names.label,
            id: names.id,
        }
    };
    let certificate = |handle: ObjectHandle| {
        let names = objects.describe(handle);
        let der = objects.read(handle, AttributeType::Value).ok_or("has no value (CKA_VALUE)".to_owned());
        CertificateEntry {
            certificate: der.and_then(|der| Certificate::from_der(&der)),
            uri: uri(Kind::Certificate, &names),
            label: names.label,
            id: names.id,
        }
    };
    Ok(Objects {
        complete: !access.session.lacks_login(),
        keys: all(ObjectClass::PRIVATE_KEY)?.into_iter().map(key).collect(),
        certificates: all(ObjectClass::CERTIFICATE)?.into_iter().map(certificate).collect(),
    })
}

/// What kind of key it is, as far as it says.
fn kind(objects: objects::Objects<'_>, key: ObjectHandle) -> Option<String> {
    let kind = objects.key_type(key)?;
    let shown = match kind {
        KeyType::Rsa => objects.read(key, AttributeType::Modulus).map(|modulus| {
            let leading = modulus.iter().take_while(|byte| **byte == 0).count();
            KeyKind::Rsa { bits: (modulus.len() - leading) * 8 }
        }),
        KeyType::Ec => objects.read(key, AttributeType::EcParams).and_then(|curve| match curve.as_slice() {
            P256 => Some(KeyKind::EcP256),
            P384 => Some(KeyKind::EcP384),
            P521 => Some(KeyKind::EcP521),
            _ => None,
        }),
    };
    Some(shown.map_or_else(|| kind.to_string(), |shown| shown.to_string()))
}
