//! Decides whether a client certificate is good, in the handshake and again at every request.
//!
//! Judging at every request is what makes a revocation count on open connections and resumed sessions. Only the chain,
//! whose signatures cost more than the whole rest of a request, is verified once for each connection.

use std::{error::Error, fmt, sync::Arc};

use rustls::{CertificateError, OtherError, server::danger::ClientCertVerifier};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_cert::{
    Certificate,
    der::{Decode, asn1::UintRef},
    time::Validity,
};

use super::certificates::{Certificates, Status};

/// The verdict of [`judge`] on a certificate that verifies but is not registered.
#[derive(Debug)]
struct NotRegistered;

impl fmt::Display for NotRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate is not registered")
    }
}

impl Error for NotRegistered {}

/// What the device CA says of a certificate: [`verify_chain`], or remembered from an earlier request.
pub(crate) type ChainVerdict = Result<(), rustls::Error>;

/// Whether the certificate verifies. `chain` knows the device CA.
pub(crate) fn verify_chain(
    chain: &Arc<dyn ClientCertVerifier>,
    presented: &[CertificateDer<'_>],
    now: UnixTime,
) -> ChainVerdict {
    let [leaf, intermediates @ ..] = presented else {
        return Err(rustls::Error::NoCertificatesPresented);
    };
    chain.verify_client_cert(leaf, intermediates, now).map(drop)
}

/// Whether the certificate is good now.
///
/// The error decides the alert: `unknown_ca`, `certificate_expired`, `certificate_revoked`, or
/// `certificate_unknown` for a certificate that is merely not registered.
pub(crate) fn judge(
    verified: ChainVerdict,
    certificates: &Certificates,
    presented: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let Some(leaf) = presented.first() else {
        return Err(rustls::Error::NoCertificatesPresented);
    };
    let status = certificates.registration(leaf).map_or(Status::Unknown, |registration| registration.status);
    match (status, verified) {
        (Status::Revoked, _) => Err(CertificateError::Revoked.into()),
        // Registered without a CA: only its dates speak for it.
        (Status::Active, Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))) => {
            check_dates(leaf, now)
        }
        (Status::Unknown, Ok(())) => Err(CertificateError::Other(OtherError(Arc::new(NotRegistered))).into()),
        (_, verified) => verified,
    }
}

fn check_dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let certificate = Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let Validity { not_before, not_after, .. } = certificate.tbs_certificate().validity();
    if now.as_secs() < not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// What the log says about a certificate that has no name here: its subject.
pub(crate) fn subject(leaf: &CertificateDer<'_>) -> String {
    Certificate::from_der(leaf).map_or_else(
        |_| "unreadable".to_owned(),
        |certificate| certificate.tbs_certificate().subject().to_string(),
    )
}

/// The kind of key in a certificate: `ec-p256`, `rsa-2048`, `ed25519`.
pub(crate) fn key_kind(leaf: &CertificateDer<'_>) -> String {
    let Ok(certificate) = Certificate::from_der(leaf) else {
        return "unreadable".to_owned();
    };
    let key = certificate.tbs_certificate().subject_public_key_info();
    match key.algorithm.oid.to_string().as_str() {
        "1.2.840.10045.2.1" => match key.subject_public_key.raw_bytes().len() {
            65 => "ec-p256".to_owned(),
            97 => "ec-p384".to_owned(),
            133 => "ec-p521".to_owned(),
            length => format!("ec with a point of {length} bytes"),
        },
        "1.2.840.113549.1.1.1" => format!("rsa-{}", rsa_bits(key.subject_public_key.raw_bytes())),
        "1.3.101.112" => "ed25519".to_owned(),
        oid => oid.to_owned(),
    }
}

/// The bits of the modulus in an `RSAPublicKey`, which is a sequence of two integers.
fn rsa_bits(key: &[u8]) -> u32 {
    let numbers = Vec::<UintRef<'_>>::from_der(key).unwrap_or_default();
    numbers.first().map_or(0, |modulus| {
        let modulus = modulus.as_bytes();
        let spare = modulus.first().map_or(0, |byte| byte.leading_zeros());
        u32::try_from(modulus.len()).unwrap_or(0) * 8 - spare
    })
}
