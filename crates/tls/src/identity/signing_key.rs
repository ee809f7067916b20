//! A [`Signer`] in the shape rustls 0.23 wants. When rustls changes that shape, this file changes.

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{PublicKey, SignatureScheme as Scheme, Signer};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer as RustlsSigner, SigningKey};
use rustls::{Error as RustlsError, OtherError, SignatureAlgorithm, SignatureScheme};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use crate::handshake::HandshakeReport;

/// A private key that is elsewhere.
#[derive(Debug)]
pub(super) struct TokenKey {
    signer: Arc<dyn Signer>,
    public_key: PublicKey,
}

impl TokenKey {
    pub(super) fn new(signer: Arc<dyn Signer>, public_key: PublicKey) -> Self {
        Self { signer, public_key }
    }
}

impl SigningKey for TokenKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn RustlsSigner>> {
        let scheme =
            self.signer.schemes().iter().copied().find(|scheme| offered.contains(&to_rustls(*scheme)))?;
        Some(Box::new(TokenSigner { signer: self.signer.clone(), scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.public_key.spki_der()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.signer.schemes().first() {
            Some(Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha384 | Scheme::EcdsaP521Sha512) => {
                SignatureAlgorithm::ECDSA
            }
            _ => SignatureAlgorithm::RSA,
        }
    }
}

struct TokenSigner {
    signer: Arc<dyn Signer>,
    scheme: Scheme,
}

impl RustlsSigner for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, RustlsError> {
        HandshakeReport::signing();
        // rustls signs synchronously inside the poll of the handshake: other tasks of this worker move elsewhere
        // for as long as the token takes. A current-thread runtime has nowhere to move them to.
        let multi_thread =
            Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        let signed = if multi_thread {
            block_in_place(|| self.signer.sign(self.scheme, message))
        } else {
            self.signer.sign(self.scheme, message)
        };
        HandshakeReport::signed();
        signed.map_err(|error| {
            HandshakeReport::signer_failed(&error);
            RustlsError::Other(OtherError(Arc::new(error)))
        })
    }

    fn scheme(&self) -> SignatureScheme {
        to_rustls(self.scheme)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSigner({})", self.scheme)
    }
}

fn to_rustls(scheme: Scheme) -> SignatureScheme {
    match scheme {
        Scheme::EcdsaP256Sha256 => SignatureScheme::ECDSA_NISTP256_SHA256,
        Scheme::EcdsaP384Sha384 => SignatureScheme::ECDSA_NISTP384_SHA384,
        Scheme::EcdsaP521Sha512 => SignatureScheme::ECDSA_NISTP521_SHA512,
        Scheme::RsaPssSha256 => SignatureScheme::RSA_PSS_SHA256,
        Scheme::RsaPssSha384 => SignatureScheme::RSA_PSS_SHA384,
        Scheme::RsaPssSha512 => SignatureScheme::RSA_PSS_SHA512,
        Scheme::RsaPkcs1Sha256 => SignatureScheme::RSA_PKCS1_SHA256,
        Scheme::RsaPkcs1Sha384 => SignatureScheme::RSA_PKCS1_SHA384,
        Scheme::RsaPkcs1Sha512 => SignatureScheme::RSA_PKCS1_SHA512,
    }
}
