//! The options of a device's identity as the bridge hands them over: types are right, nothing else is checked.

use std::time::Duration;

use refresh_session_core::Secret;
use refresh_session_tls::Material;

use crate::PinSource;
use crate::ca::CaOptions;

/// What says who a device is; the names are those of the public API in snake case.
#[derive(Debug)]
pub struct DeviceOptions {
    /// The device certificate or chain; may be left out with `pkcs11`.
    pub certificate: Option<Material>,
    /// The private key; exactly one of this and `pkcs11`.
    pub private_key: Option<Material>,
    /// Opens an encrypted private key.
    pub private_key_passphrase: Option<Secret>,
    /// The private key in a token.
    pub pkcs11: Option<Pkcs11Options>,
    /// Which servers are believed.
    pub ca: CaOptions,
    /// Whatever it is needed for may take so long as a whole.
    pub timeout: Duration,
    /// How many days before the certificate's end to warn; 0: never.
    pub certificate_warning_days: u32,
}

/// The `pkcs11` option.
#[derive(Debug)]
pub enum Pkcs11Options {
    /// An RFC 7512 URI.
    Uri(String),
    /// Single fields.
    Fields(Box<Pkcs11Fields>),
}

/// The fields of the `pkcs11` option.
#[derive(Debug)]
pub struct Pkcs11Fields {
    /// An RFC 7512 URI, in place of the module's path unless it has none, and of all selectors.
    pub uri: Option<String>,
    /// Absolute path of the module.
    pub library: Option<String>,
    /// What its file's SHA-256 must be.
    pub library_sha256: Option<Vec<u8>>,
    /// Slot number.
    pub slot_id: Option<u64>,
    /// Token label.
    pub token_label: Option<String>,
    /// Token serial number.
    pub token_serial: Option<String>,
    /// `CKA_LABEL` of the private key.
    pub private_key_label: Option<String>,
    /// `CKA_ID` of the private key.
    pub private_key_id: Option<Vec<u8>>,
    /// `CKA_LABEL` of the certificate.
    pub certificate_label: Option<String>,
    /// `CKA_ID` of the certificate.
    pub certificate_id: Option<Vec<u8>>,
    /// The PIN.
    pub user_pin: PinSource,
    /// Sends the PIN although the token's flags warn.
    pub force_login: bool,
    /// Deadline of one call into the token.
    pub sign_timeout: Option<Duration>,
}
