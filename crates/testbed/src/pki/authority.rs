//! A certificate authority that lives as long as the testbed.
//!
//! There are three: the device CA that the credentials endpoint trusts, the server CA that clients are to trust,
//! and a stranger that nobody trusts. They are separate so that a client which confuses "whom do I trust" with
//! "who vouches for me" is found out.

use std::{fs, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use crate::{
    clock,
    failure::{During, Failure},
    folder::write_private,
};

/// A self-signed certificate authority with a P-256 key.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// When a certificate is valid, relative to the start of the testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// From an hour ago, for ninety days: far from where a client warns of the end.
    Current,
    /// Ended an hour ago.
    Expired,
    /// Begins tomorrow.
    NotYet,
}

impl Validity {
    fn bounds(self) -> (OffsetDateTime, OffsetDateTime) {
        let now = clock::now(0);
        match self {
            Self::Current => (now - Duration::hours(1), now + Duration::days(90)),
            Self::Expired => (now - Duration::days(30), now - Duration::hours(1)),
            Self::NotYet => (now + Duration::days(1), now + Duration::days(30)),
        }
    }
}

impl Authority {
    /// A new authority.
    pub(crate) fn make(common_name: &str) -> Result<Self, Failure> {
        let mut params = subject(common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Certificates that have expired were good once, and so was their issuer.
        params.not_before = clock::now(0) - Duration::days(60);
        params.not_after = clock::now(0) + Duration::days(365);
        let key = KeyPair::generate().during("generating a CA key")?;
        let issuer = CertifiedIssuer::self_signed(params, key).during("making a CA certificate")?;
        Ok(Self { issuer })
    }

    /// Its certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// Writes the certificate, and the key if a path is given for it.
    pub(crate) fn write(&self, certificate: &Path, key: Option<&Path>) -> Result<(), Failure> {
        fs::write(certificate, self.issuer.pem()).during("writing a CA certificate")?;
        if let Some(path) = key {
            write_private(path, &self.issuer.key().serialize_pem()).during("writing a CA key")?;
        }
        Ok(())
    }

    /// A certificate for a device key.
    pub(crate) fn device(
        &self,
        common_name: &str,
        key: &impl PublicKeyData,
        validity: Validity,
    ) -> Result<rcgen::Certificate, Failure> {
        self.leaf(subject(common_name), ExtendedKeyUsagePurpose::ClientAuth, key, validity)
    }

    /// A certificate for a server with these names.
    pub(crate) fn server(
        &self,
        names: &[&str],
        key: &impl PublicKeyData,
        validity: Validity,
    ) -> Result<rcgen::Certificate, Failure> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).during("naming a server")?;
        params.distinguished_name = subject("testbed server").distinguished_name;
        self.leaf(params, ExtendedKeyUsagePurpose::ServerAuth, key, validity)
    }

    /// A server's certificate that vouches for itself, as `openssl req -x509` makes it: a CA at the same time.
    pub(crate) fn nobody(names: &[&str], key: &KeyPair) -> Result<rcgen::Certificate, Failure> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).during("naming a server")?;
        params.distinguished_name = subject("testbed self-signed").distinguished_name;
        (params.not_before, params.not_after) = Validity::Current.bounds();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(key).during("signing a certificate")
    }

    fn leaf(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        key: &impl PublicKeyData,
        validity: Validity,
    ) -> Result<rcgen::Certificate, Failure> {
        (params.not_before, params.not_after) = validity.bounds();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.signed_by(key, &self.issuer).during("signing a certificate")
    }
}

fn subject(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
