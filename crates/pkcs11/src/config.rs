//! Which module, which token, which objects: what the caller fixes before anything is loaded.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::crypto::digest::hex;
use refresh_session_core::{Clock, Warning};

/// How long one call into a token may take unless the caller says otherwise.
///
/// Software tokens answer in under a millisecond, TPMs in ten, secure elements on I²C in up to half a second; the
/// rest is for a token that waits for a touch.
pub const DEFAULT_SIGN_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything needed to reach a key, except the PIN.
#[derive(Clone)]
pub struct TokenConfig {
    /// The module's shared library; absolute. Loading it runs its code: there is no default and no search path.
    pub module: PathBuf,
    /// The SHA-256 that the module's file must have, if it is to be that very one.
    pub module_sha256: Option<Vec<u8>>,
    /// Which of the module's tokens.
    pub token: TokenSelector,
    /// Which private key; empty: as `certificate`.
    pub key: ObjectSelector,
    /// Which certificate object; empty: as `key`.
    pub certificate: ObjectSelector,
    /// Deadline of every single wait: a signature, a search with its login, the listing of tokens.
    ///
    /// Whatever is tried to bring a lost token back is tried within it.
    pub sign_timeout: Duration,
    /// Sends the PIN although the token says that one try is left, or that the PIN must be changed.
    pub force_login: bool,
    /// Tells how much of a deadline is left, and when the module was last initialised anew.
    pub clock: Arc<dyn Clock>,
}

impl TokenConfig {
    /// A configuration that selects the only token and the only key of `module`, with the default deadline.
    #[must_use]
    pub fn new(module: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            module: module.into(),
            module_sha256: None,
            token: TokenSelector::default(),
            key: ObjectSelector::default(),
            certificate: ObjectSelector::default(),
            sign_timeout: DEFAULT_SIGN_TIMEOUT,
            force_login: false,
            clock,
        }
    }
}

/// Without the clock: two configurations that show alike reach the same key in the same way.
impl fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenConfig")
            .field("module", &self.module)
            .field("module_sha256", &self.module_sha256)
            .field("token", &self.token)
            .field("key", &self.key)
            .field("certificate", &self.certificate)
            .field("sign_timeout", &self.sign_timeout)
            .field("force_login", &self.force_login)
            .finish_non_exhaustive()
    }
}

/// What a token must look like; every given field must match (PKCS#11 v2.40 sections 3.1 and 3.2: `CK_INFO`,
/// `CK_SLOT_INFO`, `CK_TOKEN_INFO`).
///
/// Empty selects the only initialised token there is. Texts are compared without the padding that the standard
/// puts behind them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenSelector {
    /// The slot's number. Slots are renumbered by hot plug, and by SoftHSM when a token is initialised.
    pub slot_id: Option<u64>,
    /// `CK_TOKEN_INFO.label`.
    pub label: Option<String>,
    /// `CK_TOKEN_INFO.serialNumber`.
    pub serial: Option<String>,
    /// `CK_TOKEN_INFO.manufacturerID`.
    pub manufacturer: Option<String>,
    /// `CK_TOKEN_INFO.model`.
    pub model: Option<String>,
    /// `CK_SLOT_INFO.slotDescription`.
    pub slot_description: Option<String>,
    /// `CK_SLOT_INFO.manufacturerID`.
    pub slot_manufacturer: Option<String>,
    /// `CK_INFO.libraryDescription`.
    pub library_description: Option<String>,
    /// `CK_INFO.manufacturerID`.
    pub library_manufacturer: Option<String>,
    /// `CK_INFO.libraryVersion` as `major.minor`, or only `major`.
    pub library_version: Option<String>,
}

impl TokenSelector {
    /// Whether nothing is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the user should know about this selection.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let only_slot = Self { slot_id: self.slot_id, ..Self::default() };
        if self.slot_id.is_none() || *self != only_slot {
            return Vec::new();
        }
        vec![Warning {
            code: "WARN_PKCS11_SLOT_ID_ONLY",
            message:
                "the token is selected by its slot number only, which changes when devices come and go; \
                      select it by label or serial number"
                    .into(),
        }]
    }
}

impl fmt::Display for TokenSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [
            ("label", &self.label),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("slot description", &self.slot_description),
            ("slot manufacturer", &self.slot_manufacturer),
            ("library description", &self.library_description),
            ("library manufacturer", &self.library_manufacturer),
            ("library version", &self.library_version),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some(format!("{name} {:?}", text.as_ref()?)));
        let slot = self.slot_id.map(|id| format!("slot {id}"));
        let all: Vec<_> = texts.chain(slot).collect();
        if all.is_empty() {
            return f.write_str("no selector");
        }
        f.write_str(&all.join(", "))
    }
}

/// Which object on the token, by the two names an object can have (PKCS#11 v2.40 section 4.4, `CKA_LABEL` and
/// section 4.6, `CKA_ID`). Both given: both must match.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ObjectSelector {
    /// `CKA_LABEL`.
    pub label: Option<String>,
    /// `CKA_ID`, the bytes themselves.
    pub id: Option<Vec<u8>>,
}

impl ObjectSelector {
    /// Selects by label alone.
    #[must_use]
    pub fn label(label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), id: None }
    }

    /// Selects by id alone.
    #[must_use]
    pub fn id(id: impl Into<Vec<u8>>) -> Self {
        Self { label: None, id: Some(id.into()) }
    }

    /// Whether nothing is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label.is_none() && self.id.is_none()
    }

    /// This selector, or `other` when this one is empty.
    #[must_use]
    pub fn or<'a>(&'a self, other: &'a Self) -> &'a Self {
        if self.is_empty() { other } else { self }
    }
}

impl fmt::Display for ObjectSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.label, &self.id) {
            (None, None) => f.write_str("no selector"),
            (Some(label), None) => write!(f, "label {label:?}"),
            (None, Some(id)) => write!(f, "id {}", hex(id)),
            (Some(label), Some(id)) => write!(f, "label {label:?}, id {}", hex(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_number_alone_is_warned_about() {
        let slot = TokenSelector { slot_id: Some(3), ..TokenSelector::default() };
        assert_eq!(slot.warnings()[0].code, "WARN_PKCS11_SLOT_ID_ONLY");
        let both = TokenSelector { label: Some("gw".into()), ..slot };
        assert!(both.warnings().is_empty());
        assert_eq!(both.to_string(), "label \"gw\", slot 3");
    }

    #[test]
    fn an_empty_selector_gives_way() {
        let (none, key) = (ObjectSelector::default(), ObjectSelector::id([0xab, 1]));
        assert_eq!(none.or(&key), &key);
        assert_eq!(key.or(&none).to_string(), "id ab01");
        assert_eq!(none.to_string(), "no selector");
    }
}
