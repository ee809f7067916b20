//! The server's certificate: its check, and what is told of one that fails it.
//!
//! rustls says what is wrong and forgets with whom. A technician needs the name on the certificate to see at a glance
//! that it is a firewall's, and its dates to see that it is the device's clock that is off.

pub(crate) mod danger;
mod fault;
mod time;

use std::sync::Arc;

use refresh_session_core::{Basis, Certificate, Reading};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::handshake::HandshakeReport;
use crate::provider::provider;

pub(crate) use fault::error;
pub(crate) use time::Time;

/// A certificate that was not accepted.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    /// `None` if it could not even be read.
    certificate: Option<Certificate>,
    /// The time it was judged by.
    reading: Reading,
    /// Completes "trusted is …".
    trusted: Arc<str>,
}

/// rustls' own judge, with a record of whom it rejects.
#[derive(Debug)]
pub(crate) struct Judge {
    webpki: Arc<WebPkiServerVerifier>,
    trusted: Arc<str>,
    time: Arc<Time>,
}

impl Judge {
    pub(crate) fn new(
        roots: Arc<RootCertStore>,
        trusted: String,
        time: Arc<Time>,
    ) -> Result<Self, VerifierBuilderError> {
        let webpki = WebPkiServerVerifier::builder_with_provider(roots, provider()).build()?;
        Ok(Self { webpki, trusted: trusted.into(), time })
    }
}

impl ServerCertVerifier for Judge {
    /// By our own reading of the time: rustls' `_now` is of the same clock, but does not say how much it is worth.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let reading = self.time.reading();
        let verdict_at =
            |now| self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let mut verdict = verdict_at(time::unix(reading.now));
        // A floor says only what is over. It may be late enough for a certificate that has begun since.
        if reading.basis == Basis::Floor && fault::is_too_early(&verdict) {
            let chain = std::iter::once(end_entity).chain(intermediates);
            let begun =
                chain.filter_map(|der| Certificate::from_der(der).ok()).map(|it| it.not_before()).max();
            verdict = begun.map_or(verdict, |begun| verdict_at(time::unix(begun.max(reading.now))));
        }
        if verdict.is_err() {
            HandshakeReport::reject(Rejected {
                certificate: Certificate::from_der(end_entity).ok(),
                reading,
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
