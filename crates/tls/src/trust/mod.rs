//! Which servers are believed.
//!
//! The default is the system's store, as `openssl` and `curl` use it (`SSL_CERT_FILE` and `SSL_CERT_DIR` are
//! honoured: whoever sets the environment of the process decides whom it trusts). A small image may have none; then
//! the roots that AWS IoT chains to, the four Amazon roots and Starfield Services G2, stand in, with a warning. The
//! `ca` option *replaces* the store.

use std::sync::{Arc, OnceLock};

use refresh_session_core::{Code, Error, Result, Warning};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::material::{Material, is_pem};

const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// A set of trusted roots.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The system's store, loaded at first use and shared by the whole process.
    System,
    /// The user's own bundle and nothing else.
    Bundle(Arc<RootCertStore>),
}

impl Trust {
    /// Reads the `ca` option: a bundle in PEM, or one certificate in DER.
    ///
    /// # Errors
    /// `ERR_BAD_CA` if it holds no certificate or one that cannot be read; `ERR_FILE_UNREADABLE`.
    pub fn bundle(material: &Material) -> Result<Self> {
        let content = material.read("ca")?;
        let bad = |what: String| {
            Error::new(Code::BadCa, format!("option `ca`: {} {what}", material.described()))
                .with_param("ca")
                .with_hint(
                    "Give the CA certificates as PEM, or the word \"system\" for the system's trust store.",
                )
        };
        let certificates = if is_pem(content.expose()) {
            certificates_in(content.expose())
                .map_err(|_| bad("is not valid PEM: a block is damaged or does not end".into()))?
        } else {
            vec![CertificateDer::from(content.expose().to_vec())]
        };
        if certificates.is_empty() {
            return Err(bad("holds no certificate".into()));
        }
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate).map_err(|error| bad(format!("holds an unusable certificate: {error}")))?;
        }
        Ok(Self::Bundle(Arc::new(store)))
    }

    /// Who is trusted, for an error about somebody who is not: completes "trusted is …".
    pub(crate) fn described(&self, roots: usize, fallback: bool) -> String {
        match (self, fallback) {
            (Self::Bundle(_), _) if roots == 1 => "the one CA of `ca`".into(),
            (Self::Bundle(_), _) => format!("the {roots} CAs of `ca`"),
            (Self::System, true) => "what AWS IoT chains to, as the system has no trust store".into(),
            (Self::System, false) => format!("the system's trust store, {roots} CAs"),
        }
    }

    /// The roots, and what the user should know about them. Reads the system's store once per process.
    pub(crate) fn roots(&self) -> Result<(Arc<RootCertStore>, Option<Warning>)> {
        static SYSTEM: OnceLock<Result<(Arc<RootCertStore>, Option<Warning>)>> = OnceLock::new();
        match self {
            Self::Bundle(store) => Ok((store.clone(), None)),
            Self::System => {
                SYSTEM.get_or_init(|| system_or_amazon(load_system(), chosen_by_environment())).clone()
            }
        }
    }
}

fn load_system() -> RootCertStore {
    let mut store = RootCertStore::empty();
    // One unreadable file among a hundred is no reason to trust nobody; none at all is handled by the caller.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

/// Whether whoever set the environment chose the roots.
fn chosen_by_environment() -> bool {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some())
}

fn system_or_amazon(mut store: RootCertStore, chosen: bool) -> Result<(Arc<RootCertStore>, Option<Warning>)> {
    if !store.is_empty() {
        return Ok((Arc::new(store), None));
    }
    if chosen {
        // A choice that came to nothing must not become another choice.
        return Err(Error::new(
            Code::BadCa,
            "SSL_CERT_FILE or SSL_CERT_DIR is set, and no root was found there",
        )
        .with_param("ca")
        .with_hint("Correct or unset these variables, or give `ca`."));
    }
    store.add_parsable_certificates(certificates_in(AMAZON_ROOTS).unwrap_or_default());
    let warning = Warning {
        code: "WARN_NO_SYSTEM_ROOTS",
        message:
            "The system has no trust store; only the Amazon roots are trusted. Install `ca-certificates` \
                  or give `ca`."
                .into(),
    };
    Ok((Arc::new(store), Some(warning)))
}

fn certificates_in(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

#[cfg(test)]
mod tests {
    use refresh_session_core::crypto::digest::{Hash, hex};

    use super::*;

    /// SHA-256 of each root as Amazon Trust Services publishes it.
    const PUBLISHED: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_amazon_roots_are_the_published_ones() {
        let embedded = certificates_in(AMAZON_ROOTS).unwrap();
        let fingerprints: Vec<_> = embedded.iter().map(|root| hex(&Hash::Sha256.digest(root))).collect();
        assert_eq!(fingerprints, PUBLISHED);
    }

    #[test]
    fn an_image_without_a_store_trusts_amazon_and_says_so() {
        let (store, warning) = system_or_amazon(RootCertStore::empty(), false).unwrap();
        assert_eq!(store.len(), PUBLISHED.len());
        assert_eq!(warning.unwrap().code, "WARN_NO_SYSTEM_ROOTS");
    }

    #[test]
    fn roots_that_were_chosen_and_are_not_there_are_not_replaced() {
        let error = system_or_amazon(RootCertStore::empty(), true).unwrap_err();
        assert_eq!(error.code(), Code::BadCa);
    }

    #[test]
    fn a_bundle_without_a_certificate_is_refused() {
        for junk in ["junk", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            let error = Trust::bundle(&Material::from_bytes(junk.into())).unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::BadCa, Some("ca")));
        }
    }
}
