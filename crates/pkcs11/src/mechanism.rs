//! How a TLS signature scheme is asked of a token (PKCS#11 v2.40 mechanisms, sections 2.1 and 2.3).
//!
//! The digest is computed in software and the token signs it with the raw mechanism: every token has those, while
//! hash-and-sign ones are missing in SoftHSM before 2.7 and slow on secure elements. Where the raw one is refused,
//! hash-and-sign is tried once. `C_GetMechanismList` is not asked: modules leave out what they can do.

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki_sys as sys;
use refresh_session_core::SignatureScheme;
use refresh_session_core::crypto::digest::Hash;

/// Who computes the digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// We do; the token signs it.
    Raw,
    /// The token hashes and signs.
    Hashing,
}

impl Form {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Raw => Self::Hashing,
            Self::Hashing => Self::Raw,
        }
    }

    /// Both, in the order to try: this one first.
    pub(crate) fn then_other(self) -> [Self; 2] {
        [self, self.other()]
    }
}

/// One way to make one signature: mechanism, its parameters, and the bytes that go under it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) mechanism: sys::CK_MECHANISM_TYPE,
    pub(crate) pss: Option<sys::CK_RSA_PKCS_PSS_PARAMS>,
    pub(crate) data: Vec<u8>,
    scheme: SignatureScheme,
    form: Form,
}

impl Plan {
    pub(crate) fn new(scheme: SignatureScheme, form: Form, message: &[u8], digest: &[u8]) -> Self {
        let data = match (form, family(scheme)) {
            (Form::Hashing, _) => message.to_vec(),
            (Form::Raw, Family::Pkcs1) => [digest_info(scheme.hash()), digest].concat(),
            (Form::Raw, Family::Ecdsa | Family::Pss) => digest.to_vec(),
        };
        Self { mechanism: mechanism(scheme, form), pss: pss(scheme), data, scheme, form }
    }

    /// The same for the crate's own `sign`.
    pub(crate) fn for_crate(&self) -> Mechanism<'static> {
        let hash = self.scheme.hash();
        match (family(self.scheme), self.form) {
            (Family::Ecdsa, Form::Raw) => Mechanism::Ecdsa,
            (Family::Ecdsa, Form::Hashing) => match hash {
                Hash::Sha256 => Mechanism::EcdsaSha256,
                Hash::Sha384 => Mechanism::EcdsaSha384,
                Hash::Sha512 => Mechanism::EcdsaSha512,
            },
            (Family::Pkcs1, Form::Raw) => Mechanism::RsaPkcs,
            (Family::Pkcs1, Form::Hashing) => match hash {
                Hash::Sha256 => Mechanism::Sha256RsaPkcs,
                Hash::Sha384 => Mechanism::Sha384RsaPkcs,
                Hash::Sha512 => Mechanism::Sha512RsaPkcs,
            },
            (Family::Pss, Form::Raw) => Mechanism::RsaPkcsPss(pss_for_crate(hash)),
            (Family::Pss, Form::Hashing) => match hash {
                Hash::Sha256 => Mechanism::Sha256RsaPkcsPss(pss_for_crate(hash)),
                Hash::Sha384 => Mechanism::Sha384RsaPkcsPss(pss_for_crate(hash)),
                Hash::Sha512 => Mechanism::Sha512RsaPkcsPss(pss_for_crate(hash)),
            },
        }
    }
}

/// What schemes of one key have in common: a token that refuses one of a family refuses all.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Family {
    Ecdsa,
    Pss,
    Pkcs1,
}

pub(crate) fn family(scheme: SignatureScheme) -> Family {
    use SignatureScheme as Scheme;
    match scheme {
        Scheme::RsaPssSha256 | Scheme::RsaPssSha384 | Scheme::RsaPssSha512 => Family::Pss,
        Scheme::RsaPkcs1Sha256 | Scheme::RsaPkcs1Sha384 | Scheme::RsaPkcs1Sha512 => Family::Pkcs1,
        // The enum may grow, but only what `KeyKind::schemes` lists comes here, and that is ECDSA.
        _ => Family::Ecdsa,
    }
}

fn mechanism(scheme: SignatureScheme, form: Form) -> sys::CK_MECHANISM_TYPE {
    match (family(scheme), form, scheme.hash()) {
        (Family::Ecdsa, Form::Raw, _) => sys::CKM_ECDSA,
        (Family::Ecdsa, Form::Hashing, Hash::Sha256) => sys::CKM_ECDSA_SHA256,
        (Family::Ecdsa, Form::Hashing, Hash::Sha384) => sys::CKM_ECDSA_SHA384,
        (Family::Ecdsa, Form::Hashing, Hash::Sha512) => sys::CKM_ECDSA_SHA512,
        (Family::Pkcs1, Form::Raw, _) => sys::CKM_RSA_PKCS,
        (Family::Pkcs1, Form::Hashing, Hash::Sha256) => sys::CKM_SHA256_RSA_PKCS,
        (Family::Pkcs1, Form::Hashing, Hash::Sha384) => sys::CKM_SHA384_RSA_PKCS,
        (Family::Pkcs1, Form::Hashing, Hash::Sha512) => sys::CKM_SHA512_RSA_PKCS,
        (Family::Pss, Form::Raw, _) => sys::CKM_RSA_PKCS_PSS,
        (Family::Pss, Form::Hashing, Hash::Sha256) => sys::CKM_SHA256_RSA_PKCS_PSS,
        (Family::Pss, Form::Hashing, Hash::Sha384) => sys::CKM_SHA384_RSA_PKCS_PSS,
        (Family::Pss, Form::Hashing, Hash::Sha512) => sys::CKM_SHA512_RSA_PKCS_PSS,
    }
}

/// TLS fixes them (RFC 8446 section 4.2.3): MGF1 over the same digest, salt as long as the digest.
fn pss(scheme: SignatureScheme) -> Option<sys::CK_RSA_PKCS_PSS_PARAMS> {
    let (hash, mgf, salt) = match scheme {
        SignatureScheme::RsaPssSha256 => (sys::CKM_SHA256, sys::CKG_MGF1_SHA256, 32),
        SignatureScheme::RsaPssSha384 => (sys::CKM_SHA384, sys::CKG_MGF1_SHA384, 48),
        SignatureScheme::RsaPssSha512 => (sys::CKM_SHA512, sys::CKG_MGF1_SHA512, 64),
        _ => return None,
    };
    Some(sys::CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash, mgf, sLen: salt })
}

fn pss_for_crate(hash: Hash) -> PkcsPssParams {
    let (hash_alg, mgf, salt) = match hash {
        Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
        Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
        Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
    };
    PkcsPssParams { hash_alg, mgf, s_len: salt.into() }
}

/// What stands before the digest in an `EMSA-PKCS1-v1_5` encoding (RFC 8017 section 9.2, note 1).
fn digest_info(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1, 5, 0, 4,
            32,
        ],
        Hash::Sha384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2, 5, 0, 4,
            48,
        ],
        Hash::Sha512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 3, 5, 0, 4,
            64,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_signs_the_digest_and_hashing_the_message() {
        let plan = |scheme, form| Plan::new(scheme, form, b"message", &[7; 32]);
        let ecdsa = plan(SignatureScheme::EcdsaP256Sha256, Form::Raw);
        assert_eq!((ecdsa.mechanism, ecdsa.data, ecdsa.pss.is_none()), (sys::CKM_ECDSA, vec![7; 32], true));
        let hashing = plan(SignatureScheme::EcdsaP384Sha384, Form::Hashing);
        assert_eq!((hashing.mechanism, hashing.data), (sys::CKM_ECDSA_SHA384, b"message".to_vec()));
        let pkcs1 = plan(SignatureScheme::RsaPkcs1Sha256, Form::Raw);
        assert_eq!((pkcs1.mechanism, pkcs1.data.len()), (sys::CKM_RSA_PKCS, 19 + 32));
    }

    #[test]
    fn the_salt_is_as_long_as_the_digest() {
        for (scheme, salt) in [
            (SignatureScheme::RsaPssSha256, 32),
            (SignatureScheme::RsaPssSha384, 48),
            (SignatureScheme::RsaPssSha512, 64),
        ] {
            assert_eq!(scheme.hash().digest(b"").len(), salt);
            for form in Form::Raw.then_other() {
                let params = Plan::new(scheme, form, b"", &[]).pss.unwrap();
                assert_eq!(usize::try_from(params.sLen).unwrap(), salt);
            }
        }
    }

    #[test]
    fn the_digest_info_lengths_add_up() {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let (info, digest) = (digest_info(hash), hash.digest(b""));
            assert_eq!(usize::from(info[1]), info.len() - 2 + digest.len());
            assert_eq!(usize::from(info[18]), digest.len());
        }
    }
}
