//! The options of the IoT source as the bridge hands them over: types are right, nothing else is checked.

use std::time::Duration;

use refresh_session_core::Secret;
use refresh_session_tls::Material;

pub use crate::ca::CaOptions;
pub use crate::device::{DeviceOptions, Pkcs11Fields, Pkcs11Options};
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
