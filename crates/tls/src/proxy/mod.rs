//! HTTP proxies: `CONNECT` (RFC 9110, section 9.3.6) to the endpoint, TLS inside.
//!
//! | Module | Holds |
//! |---|---|
//! | [`url`] | `http://[user:password@]host[:port]` → [`Proxy`] |
//! | [`bypass`] | `NO_PROXY`: which endpoints are reached without it |
//! | [`reply`] | the proxy's answer, read strictly |
//! | [`tunnel`] | the exchange |
//!
//! The proxy sees the endpoint's name and port and nothing else: the handshake with the endpoint, and the device
//! certificate with it, is between us and the endpoint. A proxy that ends TLS to look inside breaks client
//! authentication, and shows as `ERR_SERVER_CERTIFICATE`.
//!
//! A proxy that is itself reached over TLS (`https://`) is refused: it would need a second, different TLS
//! configuration, and the credentials for it are the only thing that would gain.

pub mod bypass;
mod reply;
pub(crate) mod tunnel;
mod url;

use std::fmt;

use refresh_session_core::Secret;
use refresh_session_core::authority::with_port;

/// An HTTP proxy, and who we are to it.
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// User name and password, and what they become on the wire.
#[derive(Clone)]
struct Credentials {
    password: Secret,
    /// The value of `Proxy-Authorization`: `Basic …` (RFC 7617).
    authorization: Secret,
}

impl Proxy {
    /// Name or address of the proxy.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is sent to it as `Proxy-Authorization`.
    #[must_use]
    pub fn authorization(&self) -> Option<&Secret> {
        self.credentials.as_ref().map(|credentials| &credentials.authorization)
    }
}

/// `the proxy gw.lan:3128`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", with_port(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("credentials", &self.credentials.as_ref().map(|_| "** redacted **"))
            .finish()
    }
}
