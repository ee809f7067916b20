//! A private key on a token, as TLS uses it.

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{Code, Error, KeyKind, PublicKey, Result, SignatureScheme, Signer};

use crate::access::TokenAccess;
use crate::config::ObjectSelector;
use crate::der;
use crate::failure::Failure;
use crate::mechanism::family;
use crate::objects::KeyType;
use crate::public_half;
use crate::session::Proof;
use crate::token_state::Access;

/// What the test signature is made over. Never anything a server could have chosen.
const SELF_TEST: &[u8] = b"refresh-session: does this key belong to this certificate?";

/// Signs with a private key that stays on its token; [`crate::Token::signer`] makes it.
///
/// Signatures of one token are made one after the other on its thread; any number of threads may ask. A signature
/// that fails because the session, the login, the key's handle or the device was lost is made again after renewing
/// that, within the same deadline.
pub struct Pkcs11Signer {
    access: TokenAccess,
    key: Arc<ObjectSelector>,
    expected: PublicKey,
    schemes: Vec<SignatureScheme>,
}

impl Pkcs11Signer {
    pub(crate) fn open(access: TokenAccess, key: ObjectSelector, expected: PublicKey) -> Result<Self> {
        let schemes = expected.kind().schemes().to_vec();
        if schemes.is_empty() {
            let message = format!("PKCS#11 {}: {} keys cannot be used here", access.subject, expected.kind());
            return Err(Error::new(Code::UnsupportedKey, message));
        }
        let mut signer = Self { access, key: Arc::new(key), expected, schemes };
        if let Some(proof) = signer.proof()? {
            signer.schemes = proof.schemes;
            return Ok(signer);
        }
        let shown = signer.compare_public_halves()?;
        signer.self_test(shown.as_ref())?;
        signer.remember_proof()?;
        Ok(signer)
    }

    /// The public key that every signature is checked with.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.expected
    }

    /// What an earlier test signature of this key showed, while the token's session has lasted.
    fn proof(&self) -> Result<Option<Proof>> {
        let (selector, expected) = (Arc::clone(&self.key), self.expected.clone());
        self.access.run("finding the key", move |access| {
            Ok(access.session.proofs.get(&*selector).filter(|proof| proof.expected == expected).cloned())
        })
    }

    fn remember_proof(&self) -> Result<()> {
        let proof = Proof { expected: self.expected.clone(), schemes: self.schemes.clone() };
        let selector = (*self.key).clone();
        self.access.run("finding the key", move |access| {
            access.session.proofs.insert(selector.clone(), proof.clone());
            Ok(())
        })
    }

    /// Refuses a key that visibly is another one, before anything is signed with it.
    fn compare_public_halves(&self) -> Result<Option<PublicKey>> {
        let (selector, expected) = (Arc::clone(&self.key), self.expected.clone());
        let look = move |access: &mut Access<'_>| look(access, &selector, &expected);
        let (kind, shown) = self.access.run("finding the key", look)?;
        if let Some(kind) = kind.filter(|kind| Some(*kind) != key_type(self.expected.kind())) {
            let what = format!("is of type {kind}");
            return Err(self.mismatch(&what, shown.as_ref()));
        }
        if shown.as_ref().is_some_and(|shown| shown != &self.expected) {
            return Err(self.mismatch("is another", shown.as_ref()));
        }
        Ok(shown)
    }

    /// Signs with the best scheme, and if the token cannot do that family of schemes, with the best of the next.
    fn self_test(&mut self, shown: Option<&PublicKey>) -> Result<()> {
        loop {
            let Some(best) = self.schemes.first().copied() else {
                return Err(Error::new(Code::Internal, "a signer ran out of schemes to test"));
            };
            let blame = |what: &str| self.blame_test(best, what, shown);
            let Err(error) = self.make(best, SELF_TEST, blame) else { return Ok(()) };
            let others: Vec<_> =
                self.schemes.iter().copied().filter(|scheme| family(*scheme) != family(best)).collect();
            if error.code() != Code::Pkcs11Mechanism || others.is_empty() {
                return Err(error);
            }
            self.schemes = others;
        }
    }

    /// `blame` makes the error for a signature that is none of the certificate's key.
    fn make(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        blame: impl FnOnce(&str) -> Error,
    ) -> Result<Vec<u8>> {
        match self.attempt(scheme, message)? {
            Ok(signature) => Ok(signature),
            Err(what) if self.key_stands()? => Err(blame(&what)),
            Err(_) => self.attempt(scheme, message)?.map_err(|what| blame(&what)),
        }
    }

    /// A signature, or what is wrong with it.
    fn attempt(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Result<Vec<u8>, String>> {
        let selector = Arc::clone(&self.key);
        let digest = scheme.hash().digest(message);
        let owned = message.to_vec();
        let for_token = (!self.expected.kind().is_verifiable()).then(|| self.expected.clone());
        let (raw, taken) = self.access.run("a signature", move |access| {
            access.with_key(&selector, |access, key| {
                let raw = access.sign(key, scheme, &owned, &digest)?;
                let checked = for_token.as_ref().map(|key| access.token_verifies(key, scheme, &owned, &raw));
                Ok((raw, checked.transpose()?))
            })
        })?;
        let length = raw.len();
        let signature = match self.expected.kind().ecdsa_scalar_len() {
            Some(scalar_len) => der::ecdsa_signature(&raw, scalar_len),
            None => Some(raw),
        };
        // A tenth of a millisecond, against a token that was swapped or a key that was replaced under a running
        // process, which otherwise shows as a server's "bad certificate"; and against a glitched RSA computation,
        // whose output would give the key away.
        Ok(match signature {
            None => Err(format!("made a signature of {length} bytes, which is not of such a key")),
            Some(signature)
                if taken.unwrap_or_else(|| self.expected.verifies(scheme, message, &signature)) =>
            {
                Ok(signature)
            }
            Some(_) => Err("made a signature that does not verify".into()),
        })
    }

    /// Whether what signed was the key that was found, and not an object that got its number later: then it is to be
    /// found again.
    fn key_stands(&self) -> Result<bool> {
        let selector = Arc::clone(&self.key);
        self.access.run("finding the key", move |access| {
            access.doubt_key(&selector)?;
            // After the remedy nothing is known.
            Ok(access.knows_key(&selector))
        })
    }

    fn blame_test(&self, scheme: SignatureScheme, what: &str, shown: Option<&PublicKey>) -> Error {
        if shown != Some(&self.expected) {
            return self.mismatch(what, shown);
        }
        let message = format!(
            "PKCS#11 {}: the key with {} is the certificate's, but with {scheme} it {what}",
            self.access.subject, self.key
        );
        Error::new(Code::Pkcs11Mechanism, message)
            .with_hint("The module makes wrong signatures; update it or the device's firmware.")
    }

    fn blame_change(&self, what: &str) -> Error {
        let message = format!(
            "PKCS#11 {}: the key with {} {what}, unlike its test signature; the certificate's is {} with SPKI \
             SHA-256 {}",
            self.access.subject,
            self.key,
            self.expected.kind(),
            self.expected.fingerprint(),
        );
        Error::new(Code::Pkcs11KeyMismatch, message).with_param("pkcs11.privateKeyLabel").with_hint(
            "The key was replaced or the token exchanged since: open it anew with the new certificate.",
        )
    }

    fn mismatch(&self, what: &str, shown: Option<&PublicKey>) -> Error {
        let on_token = shown.map_or_else(
            || "the token does not show its public half".into(),
            |shown| format!("the token's is {} with SPKI SHA-256 {}", shown.kind(), shown.fingerprint()),
        );
        let message = format!(
            "PKCS#11 {}: the key with {} {what}; the certificate's is {} with SPKI SHA-256 {}, {on_token}",
            self.access.subject,
            self.key,
            self.expected.kind(),
            self.expected.fingerprint(),
        );
        Error::new(Code::Pkcs11KeyMismatch, message)
            .with_param("pkcs11.privateKeyLabel")
            .with_hint("Select the key that the certificate was made for, or use that key's certificate.")
    }
}

impl Signer for Pkcs11Signer {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>> {
        if !self.schemes.contains(&scheme) {
            let message = format!("PKCS#11 {}: this key makes no {scheme} signature", self.access.subject);
            return Err(Error::new(Code::Pkcs11Mechanism, message));
        }
        self.make(scheme, message, |what| self.blame_change(what))
    }
}

impl fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Signer")
            .field("token", &self.access.subject)
            .field("key", &self.key)
            .field("public_key", &self.expected)
            .field("schemes", &self.schemes)
            .finish_non_exhaustive()
    }
}

fn look(
    access: &mut Access<'_>,
    selector: &ObjectSelector,
    expected: &PublicKey,
) -> Result<(Option<KeyType>, Option<PublicKey>), Failure> {
    let key = access.private_key(selector)?.handle;
    let objects = access.objects();
    Ok((objects.key_type(key), public_half::of(objects, key, expected)))
}

fn key_type(kind: &KeyKind) -> Option<KeyType> {
    match kind {
        KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::EcP521 => Some(KeyType::Ec),
        KeyKind::Rsa { .. } => Some(KeyType::Rsa),
        _ => None,
    }
}
