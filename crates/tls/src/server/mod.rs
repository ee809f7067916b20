//! The server's certificate: its check, and what is told of one that fails it.
//!
//! rustls says what is wrong and forgets with whom. A technician needs the name on the certificate to see at a glance
//! that it is a firewall's, and its dates to see that it is the device's clock that is off.

pub(crate) mod danger;
mod fault;

use std::sync::Arc;

use refresh_session_core::{Certificate, Timestamp};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::handshake::HandshakeReport;
use crate::provider::provider;

pub(crate) use fault::error;

/// A certificate that was not accepted.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    /// `None` if it could not even be read.
    certificate: Option<Certificate>,
    /// The clock it was judged by.
    now: Timestamp,
    /// Completes "trusted is …".
    trusted: Arc<str>,
}

/// rustls' own judge, with a record of whom it rejects.
#[derive(Debug)]
pub(crate) struct Judge {
    webpki: Arc<WebPkiServerVerifier>,
    trusted: Arc<str>,
}

impl Judge {
    pub(crate) fn new(roots: Arc<RootCertStore>, trusted: String) -> Result<Self, VerifierBuilderError> {
        let webpki = WebPkiServerVerifier::builder_with_provider(roots, provider()).build()?;
        Ok(Self { webpki, trusted: trusted.into() })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict =
            self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if verdict.is_err() {
            let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            HandshakeReport::reject(Rejected {
                certificate: Certificate::from_der(end_entity).ok(),
                now: Timestamp::from_unix_millis(seconds.saturating_mul(1000)),
                trusted: self.trusted.clone(),
            });
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
