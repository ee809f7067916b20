//! Who we are: a certificate chain and the private key that goes with it.
//!
//! The key is either in memory ([`ClientIdentity::from_key`]) or behind a [`Signer`]
//! ([`ClientIdentity::from_signer`]). Both are matched against the certificate before they are ever used on the
//! wire: a mismatch found here names both keys, found there it is only "access denied".

mod private_key;
mod signing_key;

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{Certificate, Code, Error, Result, Secret, Signer};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use crate::material::{Material, is_pem};
use crate::provider::signing_key;
use signing_key::TokenKey;

/// A certificate chain with its private key, ready for TLS.
#[derive(Clone)]
pub struct ClientIdentity {
    pub(crate) certified_key: Arc<CertifiedKey>,
    leaf: Certificate,
}

impl ClientIdentity {
    /// An identity whose private key is in `key`: PKCS#8, SEC1 or PKCS#1, PEM or DER; PKCS#8 may be encrypted.
    ///
    /// # Errors
    /// `ERR_BAD_PRIVATE_KEY`, `ERR_PASSPHRASE`, `ERR_UNSUPPORTED_KEY`, `ERR_KEY_MISMATCH`, `ERR_FILE_UNREADABLE`.
    pub fn from_key(chain: &[Certificate], key: &Material, passphrase: Option<&Secret>) -> Result<Self> {
        let leaf = usable_leaf(chain)?;
        if !leaf.public_key().kind().is_verifiable() {
            let what = format!("{}, which is possible only in a PKCS#11 token", leaf.public_key().kind());
            return Err(unsupported_leaf(&leaf, &what));
        }
        let der = private_key::parse(&key.read("privateKey")?, passphrase)?;
        let unsupported = private_key::unsupported_kind(&der);
        let signing_key = signing_key(&der).map_err(|error| unusable(key, unsupported, &error))?;
        let certified_key = CertifiedKey::new(wire_chain(chain), signing_key);
        certified_key.keys_match().map_err(|_| mismatch(&leaf, certified_key.key.public_key().as_deref()))?;
        Ok(Self { certified_key: Arc::new(certified_key), leaf })
    }

    /// An identity whose private key stays behind `signer`. The signer has proved that it is the certificate's key.
    pub fn from_signer(chain: &[Certificate], signer: Arc<dyn Signer>) -> Result<Self> {
        let leaf = usable_leaf(chain)?;
        let key = Arc::new(TokenKey::new(signer, leaf.public_key().clone()));
        Ok(Self { certified_key: Arc::new(CertifiedKey::new(wire_chain(chain), key)), leaf })
    }

    /// The same key with another certificate of it; `None` if `chain` is of another key.
    #[must_use]
    pub fn with_chain(&self, chain: &[Certificate]) -> Option<Self> {
        let leaf = chain.first().filter(|leaf| leaf.public_key() == self.leaf.public_key())?;
        let certified_key = CertifiedKey::new(wire_chain(chain), self.certified_key.key.clone());
        Some(Self { certified_key: Arc::new(certified_key), leaf: leaf.clone() })
    }

    /// The device's own certificate.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("subject", &self.leaf.subject())
            .field("key", &self.leaf.public_key())
            .finish_non_exhaustive()
    }
}

/// Reads the `certificate` option: one certificate or a chain, the device's own first.
pub fn certificate_chain(material: &Material) -> Result<Vec<Certificate>> {
    let content = material.read("certificate")?;
    let bad = |what: String| {
        Error::new(Code::BadCertificate, format!("option `certificate`: {} {what}", material.described()))
            .with_param("certificate")
            .with_hint("Give the device certificate as PEM, `-----BEGIN CERTIFICATE-----`, or as DER.")
    };
    let chain = if is_pem(content.expose()) {
        Certificate::all_from_pem(content.expose()).map_err(bad)?
    } else {
        vec![Certificate::from_der(content.expose()).map_err(bad)?]
    };
    if chain.is_empty() {
        return Err(bad("holds no certificate".into()));
    }
    usable_leaf(&chain)?;
    Ok(chain)
}

fn unusable(key: &Material, unsupported: Option<&str>, error: &rustls::Error) -> Error {
    let named = format!("option `privateKey`: {}", key.described());
    let error = match unsupported {
        Some(kind) => {
            Error::new(Code::UnsupportedKey, format!("{named} holds {kind}, which cannot be used here"))
                .with_hint(
                    "Use an EC P-256, EC P-384 or RSA key of at least 2048 bits; EC P-521 keys only in a PKCS#11 token.",
                )
        }
        None => Error::new(Code::BadPrivateKey, format!("{named} holds no usable key: {error}"))
            .with_hint("Write the key anew with `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW`."),
    };
    error.with_param("privateKey")
}

fn usable_leaf(chain: &[Certificate]) -> Result<Certificate> {
    let Some(leaf) = chain.first() else {
        return Err(
            Error::new(Code::BadCertificate, "the certificate chain is empty").with_param("certificate")
        );
    };
    let kind = leaf.public_key().kind();
    if kind.schemes().is_empty() {
        return Err(unsupported_leaf(leaf, &format!("{kind}, which cannot be used here")));
    }
    Ok(leaf.clone())
}

fn unsupported_leaf(leaf: &Certificate, what: &str) -> Error {
    let message = format!("option `certificate`: the key of \"{}\" is {what}", leaf.subject());
    Error::new(Code::UnsupportedKey, message).with_param("certificate").with_hint(
        "Use a certificate for an EC P-256, EC P-384 or RSA key of at least 2048 bits; EC P-521 keys only in a PKCS#11 \
         token.",
    )
}

fn wire_chain(chain: &[Certificate]) -> Vec<CertificateDer<'static>> {
    chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect()
}

fn mismatch(leaf: &Certificate, key_spki: Option<&[u8]>) -> Error {
    use refresh_session_core::PublicKey;
    let found = key_spki
        .and_then(PublicKey::from_spki_der)
        .map_or_else(|| "unknown".into(), |key| format!("{} sha256:{}", key.kind(), key.fingerprint()));
    Error::new(
        Code::KeyMismatch,
        format!(
            "option `privateKey`: the key is not the one of the certificate \"{}\": the certificate has {} sha256:{}, the key is {found}",
            leaf.subject(),
            leaf.public_key().kind(),
            leaf.public_key().fingerprint(),
        ),
    )
    .with_param("privateKey")
    .with_hint("Give the key that the certificate was issued for; in a chain the device certificate comes first.")
}
