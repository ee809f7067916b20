//! The facts read from an X.509 certificate (RFC 5280): whose it is, when it holds, which key it carries.

use der::{Decode as _, Encode as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_cert::spki::ObjectIdentifier;

use crate::crypto::digest::hex;
use crate::{PublicKey, Timestamp};

/// A parsed certificate. It is not checked against any issuer: the peer does that.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    subject: String,
    issuer: String,
    serial: String,
    not_before: Timestamp,
    not_after: Timestamp,
    public_key: PublicKey,
    attestation: bool,
}

/// Yubico's arc for the extensions of attestations (firmware version, serial number, policies of a PIV key).
const YUBICO_PIV: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3");

impl Certificate {
    /// Reads one DER certificate; the error is a phrase that completes "the certificate …".
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let parsed =
            x509_cert::Certificate::from_der(der).map_err(|error| format!("is not X.509 DER: {error}"))?;
        let body = parsed.tbs_certificate();
        let spki = body
            .subject_public_key_info()
            .to_der()
            .map_err(|error| format!("has an unreadable public key: {error}"))?;
        let time = |time: &x509_cert::time::Time| Timestamp::from(time.to_system_time());
        Ok(Self {
            der: der.to_vec(),
            subject: body.subject().to_string(),
            issuer: body.issuer().to_string(),
            serial: hex(body.serial_number().as_bytes()),
            not_before: time(&body.validity().not_before),
            not_after: time(&body.validity().not_after),
            public_key: PublicKey::from_spki_der(&spki).ok_or("has an unreadable public key")?,
            attestation: body
                .extensions()
                .is_some_and(|all| all.iter().any(|one| one.extn_id.starts_with(YUBICO_PIV))),
        })
    }

    /// Reads every `CERTIFICATE` block of a PEM text, in order; other blocks are passed over.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, String> {
        CertificateDer::pem_slice_iter(pem)
            .map(|block| {
                let der = block.map_err(|_| "is not valid PEM: a block is damaged or does not end")?;
                Self::from_der(&der)
            })
            .collect()
    }

    /// The DER as it goes on the wire.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's distinguished name, RFC 4514 form.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer's distinguished name, RFC 4514 form.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number in hexadecimal.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// First moment of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The key it certifies.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Whether it is a token's statement on a key it made, not a device certificate. It is for the same key, and some
    /// modules show it as one more certificate.
    #[must_use]
    pub fn is_attestation(&self) -> bool {
        self.attestation
    }
}
