//! The TLS configuration of one identity.
//!
//! Made once and shared by every connection of that identity: rustls keys its session cache by the configuration, so
//! a new certificate must come with a new configuration, or tickets of the old identity would still be used.

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{Calendar, Clock, Code, Error, Result, Warning};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;

use crate::handshake::CertificateResolver;
use crate::provider::provider;
use crate::server::{Judge, Time, danger};
use crate::{ClientIdentity, Trust};

/// An identity, the roots it trusts, and the TLS settings: what a connection needs besides an address.
#[derive(Clone)]
pub struct TlsConfig {
    pub(crate) rustls: Arc<ClientConfig>,
    /// What servers tell the time to; `None`: they are not verified.
    taught: Option<Calendar>,
    warning: Option<Warning>,
}

impl TlsConfig {
    /// TLS 1.2 and 1.3, with client authentication if there is an `identity`.
    ///
    /// Reads the system's trust store if `trust` says so: call it where blocking is allowed. With `verify_peer`
    /// off, anybody can play the server; it exists for laboratories. Certificates are checked by `calendar`, which verified
    /// servers teach.
    pub fn new(
        identity: Option<&ClientIdentity>,
        trust: &Trust,
        verify_peer: bool,
        calendar: &Calendar,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let (roots, warning) = trust.roots()?;
        let trusted = trust.described(roots.len(), warning.is_some());
        let time = Arc::new(Time { calendar: calendar.clone(), clock });
        let builder = ClientConfig::builder_with_details(provider(), time.clone())
            .with_safe_default_protocol_versions()
            .map_err(unbuildable)?;
        let verifier: Arc<dyn ServerCertVerifier> = if verify_peer {
            Arc::new(Judge::new(roots, trusted, time).map_err(|error| {
                Error::new(Code::BadCa, format!("option `ca`: the trusted roots are unusable: {error}"))
                    .with_param("ca")
            })?)
        } else {
            Arc::new(danger::AnyServer)
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let rustls = match identity {
            Some(identity) => builder
                .with_client_cert_resolver(Arc::new(CertificateResolver(identity.certified_key.clone()))),
            None => builder.with_no_client_auth(),
        };
        let taught = verify_peer.then(|| calendar.clone());
        Ok(Self { rustls: Arc::new(rustls), taught, warning })
    }

    /// The same, offering these protocols by name in the handshake (ALPN, RFC 7301), best first.
    ///
    /// A configuration of its own with a session cache of its own: a ticket that a server gave for one protocol is not
    /// shown to it for another.
    #[must_use]
    pub fn with_alpn(&self, names: &[&str]) -> Self {
        let mut rustls = ClientConfig::clone(&self.rustls);
        rustls.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        rustls.resumption = Resumption::default();
        Self { rustls: Arc::new(rustls), ..self.clone() }
    }

    /// Whether there is a certificate to show.
    pub(crate) fn identifies(&self) -> bool {
        self.rustls.client_auth_cert_resolver.has_certs()
    }

    /// What servers tell the time to.
    pub(crate) fn taught(&self) -> Option<&Calendar> {
        self.taught.as_ref()
    }

    /// What the user should know: that a fallback trust store is in use.
    #[must_use]
    pub fn warning(&self) -> Option<&Warning> {
        self.warning.as_ref()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "shape of map_err")]
fn unbuildable(error: rustls::Error) -> Error {
    Error::new(Code::Internal, format!("the TLS configuration cannot be built: {error}"))
}
