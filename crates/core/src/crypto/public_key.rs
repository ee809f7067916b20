//! The public half of a device key: what it is, its fingerprint, and checking signatures with it.

use std::fmt;

use der::{Decode as _, Encode as _, asn1::UintRef};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::digest::{Hash, hex};
use crate::SignatureScheme;

/// A public key as a certificate carries it (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7).
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey {
    kind: KeyKind,
    /// DER of the whole SubjectPublicKeyInfo.
    spki: Vec<u8>,
    /// The key itself: an EC point, or DER `RSAPublicKey`.
    raw: Vec<u8>,
}

/// What a key is, and so what it can sign.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyKind {
    /// NIST P-256 (secp256r1).
    EcP256,
    /// NIST P-384 (secp384r1).
    EcP384,
    /// NIST P-521 (secp521r1). Only in a token that checks its signatures: nothing here can.
    EcP521,
    /// RSA with a modulus of this many bits.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// Anything this build cannot use, by the name to show.
    Unsupported(String),
}

impl KeyKind {
    /// The schemes a key of this kind can do, best first; empty when it cannot be used at all.
    ///
    /// TLS 1.3 binds curve and hash, so an EC key has exactly one. RSA below 2048 bits is refused: AWS does not
    /// take it and RSASSA-PSS over SHA-512 does not fit into 1024 bits.
    #[must_use]
    pub fn schemes(&self) -> &'static [SignatureScheme] {
        match self {
            Self::EcP256 => &[SignatureScheme::EcdsaP256Sha256],
            Self::EcP384 => &[SignatureScheme::EcdsaP384Sha384],
            Self::EcP521 => &[SignatureScheme::EcdsaP521Sha512],
            Self::Rsa { bits } if *bits >= 2048 => SignatureScheme::RSA,
            Self::Rsa { .. } | Self::Unsupported(_) => &[],
        }
    }

    /// Length in bytes of r and of s in an ECDSA signature by such a key.
    #[must_use]
    pub fn ecdsa_scalar_len(&self) -> Option<usize> {
        match self {
            Self::EcP256 => Some(32),
            Self::EcP384 => Some(48),
            Self::EcP521 => Some(66),
            Self::Rsa { .. } | Self::Unsupported(_) => None,
        }
    }

    /// Whether [`PublicKey::verifies`] knows such keys. *ring* has no P-521.
    #[must_use]
    pub fn is_verifiable(&self) -> bool {
        *self != Self::EcP521 && !self.schemes().is_empty()
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcP256 => f.write_str("EC P-256"),
            Self::EcP384 => f.write_str("EC P-384"),
            Self::EcP521 => f.write_str("EC P-521"),
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::Unsupported(name) => f.write_str(name),
        }
    }
}

/// `id-ecPublicKey` (RFC 5480).
pub const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `rsaEncryption` (RFC 8017).
pub const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// `secp256r1` (RFC 5480).
pub const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// `secp384r1` (RFC 5480).
pub const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

impl PublicKey {
    /// Reads the DER of a SubjectPublicKeyInfo. `None` if it is none.
    #[must_use]
    pub fn from_spki_der(spki: &[u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
        let raw = info.subject_public_key.as_bytes()?.to_vec();
        let kind = match info.algorithm.oid {
            EC_PUBLIC_KEY => match info.algorithm.parameters_oid().ok()? {
                P256 => KeyKind::EcP256,
                P384 => KeyKind::EcP384,
                P521 => KeyKind::EcP521,
                other => KeyKind::Unsupported(format!("EC on curve {other}")),
            },
            RSA_ENCRYPTION => KeyKind::Rsa { bits: modulus_bits(&raw)? },
            ED25519 => KeyKind::Unsupported("Ed25519".into()),
            other => KeyKind::Unsupported(format!("a key of algorithm {other}")),
        };
        Some(Self { kind, spki: spki.to_vec(), raw })
    }

    /// What the key is.
    #[must_use]
    pub fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// The DER of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The EC point (`04 || x || y`) or the DER `RSAPublicKey`: what a token's public-key object can be compared to.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The RSA modulus without leading zeros.
    #[must_use]
    pub fn rsa_modulus(&self) -> Option<Vec<u8>> {
        matches!(self.kind, KeyKind::Rsa { .. }).then(|| modulus(&self.raw)).flatten()
    }

    /// SHA-256 of the SubjectPublicKeyInfo in hexadecimal: what `openssl x509 -pubkey | openssl pkey -pubin -outform
    /// DER | sha256sum` prints.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&Hash::Sha256.digest(&self.spki))
    }

    /// Whether `signature` is this key's over `message`. No if the key's kind is not
    /// [verifiable](KeyKind::is_verifiable).
    #[must_use]
    pub fn verifies(&self, scheme: SignatureScheme, message: &[u8], signature: &[u8]) -> bool {
        if !self.kind.schemes().contains(&scheme) {
            return false;
        }
        let algorithm: &'static dyn VerificationAlgorithm = match scheme {
            SignatureScheme::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
            SignatureScheme::EcdsaP384Sha384 => &ECDSA_P384_SHA384_ASN1,
            SignatureScheme::EcdsaP521Sha512 => return false,
            SignatureScheme::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
            SignatureScheme::RsaPssSha384 => &RSA_PSS_2048_8192_SHA384,
            SignatureScheme::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
            SignatureScheme::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            SignatureScheme::RsaPkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            SignatureScheme::RsaPkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        };
        UnparsedPublicKey::new(algorithm, &self.raw).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, sha256:{})", self.kind, self.fingerprint())
    }
}

/// `RSAPublicKey` of RFC 8017, appendix A.1.1.
#[derive(der::Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

fn modulus(raw: &[u8]) -> Option<Vec<u8>> {
    RsaPublicKey::from_der(raw).ok().map(|key| key.modulus.as_bytes().to_vec())
}

fn modulus_bits(raw: &[u8]) -> Option<usize> {
    let modulus = modulus(raw)?;
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

impl PublicKey {
    /// The DER of an `RSAPublicKey` made of big-endian numbers, as a token gives them.
    #[must_use]
    pub fn rsa_raw(modulus: &[u8], public_exponent: &[u8]) -> Option<Vec<u8>> {
        RsaPublicKey {
            modulus: UintRef::new(modulus).ok()?,
            public_exponent: UintRef::new(public_exponent).ok()?,
        }
        .to_der()
        .ok()
    }
}
