//! What TLS asks of a private key, wherever it lives.

use std::fmt;

use crate::Result;
use crate::crypto::digest::Hash;

/// A private key that signs without showing itself: a token, a TPM, in time a remote signer.
///
/// `tls` asks, `pkcs11` answers; neither knows the other.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The schemes this key can do, best first. The first that the server also offers is used.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs the unhashed `message` and returns the signature in the form TLS sends: DER `ECDSA-Sig-Value` for
    /// ECDSA, the plain integer for RSA.
    ///
    /// Blocks, for a slow token up to its own deadline, and never longer. Call it where blocking is allowed.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>>;
}

/// The signature schemes of TLS (RFC 8446, section 4.2.3) that a device key may use here.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SignatureScheme {
    /// ECDSA on P-256 over SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 over SHA-384.
    EcdsaP384Sha384,
    /// ECDSA on P-521 over SHA-512.
    EcdsaP521Sha512,
    /// RSASSA-PSS over SHA-256, salt as long as the digest.
    RsaPssSha256,
    /// RSASSA-PSS over SHA-384, salt as long as the digest.
    RsaPssSha384,
    /// RSASSA-PSS over SHA-512, salt as long as the digest.
    RsaPssSha512,
    /// RSASSA-PKCS1-v1_5 over SHA-256; TLS 1.2 only.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 over SHA-384; TLS 1.2 only.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 over SHA-512; TLS 1.2 only.
    RsaPkcs1Sha512,
}

impl SignatureScheme {
    /// What an RSA key can do, best first. SHA-256 leads: every PKCS#11 module does it.
    pub const RSA: &'static [Self] = &[
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
    ];

    /// The digest that goes under the signature.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::EcdsaP256Sha256 | Self::RsaPssSha256 | Self::RsaPkcs1Sha256 => Hash::Sha256,
            Self::EcdsaP384Sha384 | Self::RsaPssSha384 | Self::RsaPkcs1Sha384 => Hash::Sha384,
            Self::EcdsaP521Sha512 | Self::RsaPssSha512 | Self::RsaPkcs1Sha512 => Hash::Sha512,
        }
    }

    /// The name as RFC 8446 spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa_secp256r1_sha256",
            Self::EcdsaP384Sha384 => "ecdsa_secp384r1_sha384",
            Self::EcdsaP521Sha512 => "ecdsa_secp521r1_sha512",
            Self::RsaPssSha256 => "rsa_pss_rsae_sha256",
            Self::RsaPssSha384 => "rsa_pss_rsae_sha384",
            Self::RsaPssSha512 => "rsa_pss_rsae_sha512",
            Self::RsaPkcs1Sha256 => "rsa_pkcs1_sha256",
            Self::RsaPkcs1Sha384 => "rsa_pkcs1_sha384",
            Self::RsaPkcs1Sha512 => "rsa_pkcs1_sha512",
        }
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
