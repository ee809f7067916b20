//! The options of the IoT source as the bridge hands them over: types are right, nothing else is checked.

use std::time::Duration;

use refresh_session_core::Secret;
use refresh_session_tls::Material;

use crate::PinSource;
pub use crate::ca::CaOptions;
pub use crate::proxy::ProxyOptions;

/// Options of `method: "iot"`; the names are those of the public API in snake case.
#[derive(Debug)]
pub struct IotOptions {
    /// `host[:port]`.
    pub endpoint: String,
    /// Name of the role alias.
    pub role_alias: String,
    /// Name of the thing, sent for policy variables.
    pub thing_name: Option<String>,
    /// Asked-for life of the keys.
    pub duration_seconds: Option<u32>,
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
    /// Off only in laboratories.
    pub verify_peer: bool,
    /// Replaces the endpoint's name in SNI and in the certificate check.
    pub server_name: Option<String>,
    /// A whole fetch.
    pub timeout: Duration,
    /// How many days before the certificate's end to warn; 0: never.
    pub certificate_warning_days: u32,
    /// Which way to the endpoint.
    pub proxy: ProxyOptions,
    /// Name lookup, TCP, proxy and TLS together; `None`: only the whole fetch is limited.
    pub connect_timeout: Option<Duration>,
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
