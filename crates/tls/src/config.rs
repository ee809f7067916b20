//! The TLS configuration of one identity.
//!
//! Made once and shared by every connection of that identity: rustls keys its session cache by the configuration, so
//! a new certificate must come with a new configuration, or tickets of the old identity would still be used.

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{Code, Error, Result, Warning};
use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::handshake::CertificateResolver;
use crate::provider::provider;
use crate::{ClientIdentity, Trust};

/// An identity, the roots it trusts, and the TLS settings: what a connection needs besides an address.
#[derive(Clone)]
pub struct TlsConfig {
    pub(crate) rustls: Arc<ClientConfig>,
    warning: Option<Warning>,
}

impl TlsConfig {
    /// TLS 1.2 and 1.3 with client authentication by `identity`.
    ///
    /// Reads the system's trust store if `trust` says so: call it where blocking is allowed. With `verify_peer`
    /// off, anybody can play the server; it exists for laboratories.
    pub fn new(identity: &ClientIdentity, trust: &Trust, verify_peer: bool) -> Result<Self> {
        let (roots, warning) = trust.roots()?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unbuildable)?;
        let verifier: Arc<dyn ServerCertVerifier> = if verify_peer {
            WebPkiServerVerifier::builder_with_provider(roots, provider()).build().map_err(|error| {
                Error::new(Code::BadCa, format!("option `ca`: the trusted roots are unusable: {error}"))
                    .with_param("ca")
            })?
        } else {
            Arc::new(danger::AnyServer)
        };
        let rustls = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(CertificateResolver(identity.certified_key.clone())));
        Ok(Self { rustls: Arc::new(rustls), warning })
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

/// What `verifyPeer: false` switches on. The name is the warning.
mod danger {
    use rustls::Error;
    use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};

    use super::{
        CertificateDer, DigitallySignedStruct, HandshakeSignatureValid, ServerCertVerified,
        ServerCertVerifier, ServerName, SignatureScheme, UnixTime, provider,
    };

    /// Believes any certificate. The handshake's own signature is still checked: the peer has the key it shows.
    #[derive(Debug)]
    pub(super) struct AnyServer;

    impl ServerCertVerifier for AnyServer {
        fn verify_server_cert(
            &self,
            _end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, dss, &provider().signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            provider().signature_verification_algorithms.supported_schemes()
        }
    }
}
