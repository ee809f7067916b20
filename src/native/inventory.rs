//! What a PKCS#11 module has; for the command line.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Buffer, Either, PromiseRaw};
use napi_derive::napi;
use refresh_session_pkcs11::{CertificateEntry, Inventory, KeyEntry, Objects, SlotEntry, TokenEntry};
use refresh_session_session::SystemClock;
use refresh_session_session::inventory::{self, Look};

use crate::error::NativeError;
use crate::event::unix_millis;
use crate::options::NativePkcs11Options;
use crate::promise::promise;

/// A module and what it leads to.
#[napi(object, object_from_js = false)]
pub struct NativeInventory {
    pub description: String,
    pub manufacturer: String,
    pub version: String,
    pub slots: Vec<NativeSlot>,
}

/// A slot: its token, or why that cannot be read.
#[napi(object, object_from_js = false)]
pub struct NativeSlot {
    pub slot_id: f64,
    pub problem: Option<String>,
    pub token: Option<NativeToken>,
}

/// A token.
#[napi(object, object_from_js = false)]
pub struct NativeToken {
    pub label: String,
    pub serial: String,
    pub model: String,
    pub manufacturer: String,
    pub flags: Vec<NativeTokenFlag>,
    /// It is the one that the options mean.
    pub selected: bool,
    pub uri: String,
    /// What is in it; missing if that was not looked at.
    pub objects: Option<NativeObjects>,
    /// Why that could not be seen.
    pub error: Option<NativeError>,
}

/// What a token says of itself.
#[napi(object, object_from_js = false)]
pub struct NativeTokenFlag {
    pub name: String,
    pub words: String,
}

/// What can be seen in a token.
#[napi(object, object_from_js = false)]
pub struct NativeObjects {
    /// A login would show no more.
    pub complete: bool,
    pub keys: Vec<NativeKey>,
    pub certificates: Vec<NativeCertificate>,
}

/// A private key.
#[napi(object, object_from_js = false)]
pub struct NativeKey {
    pub label: Option<String>,
    pub id: Option<Buffer>,
    pub kind: Option<String>,
    pub always_authenticates: bool,
    pub uri: String,
}

/// A certificate.
#[napi(object, object_from_js = false)]
pub struct NativeCertificate {
    pub label: Option<String>,
    pub id: Option<Buffer>,
    pub subject: Option<String>,
    pub issuer: Option<String>,
    /// Milliseconds since 1970, as the next.
    pub not_before: Option<f64>,
    pub not_after: Option<f64>,
    /// What is wrong with it; then the four above are missing.
    pub problem: Option<String>,
    pub uri: String,
}

/// Lists the tokens of the `pkcs11` option's module (`tokens`), what shows in them without a login (`objects`), or
/// what the selected one shows after a login with the option's PIN (`login`).
#[napi(ts_return_type = "Promise<NativeInventory | NativeError>")]
pub fn list_pkcs11(
    env: &Env,
    pkcs11: Either<String, NativePkcs11Options>,
    #[napi(ts_arg_type = "'tokens' | 'objects' | 'login'")] look: String,
) -> napi::Result<PromiseRaw<'_, Either<NativeInventory, NativeError>>> {
    let look = match look.as_str() {
        "login" => Look::Login,
        "objects" => Look::Objects,
        _ => Look::Tokens,
    };
    let options = NativePkcs11Options::into_options(pkcs11, None);
    promise(env, async move {
        match inventory::inventory(options, look, Arc::new(SystemClock)).await {
            Ok(found) => Either::A(found.into()),
            Err(error) => Either::B(error.into()),
        }
    })
}

impl From<Inventory> for NativeInventory {
    fn from(found: Inventory) -> Self {
        let Inventory { description, manufacturer, version, slots } = found;
        Self { description, manufacturer, version, slots: slots.into_iter().map(Into::into).collect() }
    }
}

impl From<SlotEntry> for NativeSlot {
    #[expect(clippy::cast_precision_loss, reason = "slot numbers have 32 bits in all modules there are")]
    fn from(entry: SlotEntry) -> Self {
        let (token, problem) = match entry.token {
            Ok(token) => (Some(token.into()), None),
            Err(problem) => (None, Some(problem)),
        };
        Self { slot_id: entry.slot_id as f64, problem, token }
    }
}

impl From<TokenEntry> for NativeToken {
    fn from(entry: TokenEntry) -> Self {
        let (objects, error) = match entry.objects {
            Some(Ok(objects)) => (Some(objects.into()), None),
            Some(Err(error)) => (None, Some(error.into())),
            None => (None, None),
        };
        let flag = |flag: refresh_session_pkcs11::TokenFlag| NativeTokenFlag {
            name: flag.name.into(),
            words: flag.words.into(),
        };
        Self {
            label: entry.label,
            serial: entry.serial,
            model: entry.model,
            manufacturer: entry.manufacturer,
            flags: entry.flags.into_iter().map(flag).collect(),
            selected: entry.selected,
            uri: entry.uri,
            objects,
            error,
        }
    }
}

impl From<Objects> for NativeObjects {
    fn from(found: Objects) -> Self {
        Self {
            complete: found.complete,
            keys: found.keys.into_iter().map(Into::into).collect(),
            certificates: found.certificates.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<KeyEntry> for NativeKey {
    fn from(key: KeyEntry) -> Self {
        Self {
            label: key.label.map(text),
            id: key.id.map(Into::into),
            kind: key.kind,
            always_authenticates: key.always_authenticates,
            uri: key.uri,
        }
    }
}

impl From<CertificateEntry> for NativeCertificate {
    fn from(entry: CertificateEntry) -> Self {
        let (certificate, problem) = match entry.certificate {
            Ok(certificate) => (Some(certificate), None),
            Err(problem) => (None, Some(problem)),
        };
        let certificate = certificate.as_ref();
        Self {
            label: entry.label.map(text),
            id: entry.id.map(Into::into),
            subject: certificate.map(|certificate| certificate.subject().into()),
            issuer: certificate.map(|certificate| certificate.issuer().into()),
            not_before: certificate.map(|certificate| unix_millis(certificate.not_before())),
            not_after: certificate.map(|certificate| unix_millis(certificate.not_after())),
            problem,
            uri: entry.uri,
        }
    }
}

fn text(label: Vec<u8>) -> String {
    String::from_utf8_lossy(&label).into_owned()
}
