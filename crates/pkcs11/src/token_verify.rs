//! Signatures that only the token can check: of P-521 keys, which *ring* does not know (PKCS#11 v2.40 section 5.13).
//!
//! The public-key object that is used must have the very point of the certificate's key, so what the token accepts with
//! it is a signature of that key; and before its word counts, it must have refused a wrong signature.

use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki_sys as sys;
use refresh_session_core::{Code, Error, PublicKey, SignatureScheme};

use crate::config::ObjectSelector;
use crate::failure::Failure;
use crate::mechanism::{Form, Plan};
use crate::public_half;
use crate::return_value::Remedy;
use crate::token_state::Access;

/// A public-key object that checks signatures, and the form in which it does.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    of: PublicKey,
    object: ObjectHandle,
    form: Form,
}

impl Access<'_> {
    /// Whether the token takes `signature`, in its own form, for one of `key` over `message`.
    ///
    /// [`Code::UnsupportedKey`] if it cannot tell.
    pub(crate) fn token_verifies(
        &mut self,
        key: &PublicKey,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failure> {
        if let Some(known) = self.session.verifiers.iter().find(|verifier| verifier.of == *key) {
            let verified = self.verifies(known.object, scheme, known.form, message, signature);
            if !matches!(verified, Ok(true)) && self.is_another(known) {
                return Err(Failure::initialised_by_others(self.subject));
            }
            return verified;
        }
        let object = self.public_key(key)?;
        let mut refusals = Vec::new();
        for form in Form::Raw.then_other() {
            match self.verifies(object, scheme, form, message, signature) {
                Ok(false) => return Ok(false),
                Ok(true) => {
                    let another = [message, b"?"].concat();
                    if self.verifies(object, scheme, form, &another, signature)? {
                        let what = "its C_Verify accepts a signature of something else";
                        return Err(self.unchecked(key, what).into());
                    }
                    self.session.verifiers.push(Verifier { of: key.clone(), object, form });
                    return Ok(true);
                }
                Err(failure) if failure.remedy() == Remedy::Fail => refusals.push(failure.to_string()),
                // The one before was refused too late, and left active.
                Err(failure) if !refusals.is_empty() && failure.says(&[sys::CKR_OPERATION_ACTIVE]) => {
                    self.session.spoiled = true;
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(self.unchecked(key, &refusals.join("; ")).into())
    }

    /// Whether its number is another object's by now: see [`Access::doubt_key`].
    fn is_another(&self, known: &Verifier) -> bool {
        let objects = self.objects();
        objects.fits(known.object, ObjectClass::PUBLIC_KEY, &ObjectSelector::default()) == Some(false)
            || public_half::has_point_of(objects, known.object, &known.of) == Some(false)
    }

    fn verifies(
        &self,
        object: ObjectHandle,
        scheme: SignatureScheme,
        form: Form,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failure> {
        let plan = Plan::new(scheme, form, message, &scheme.hash().digest(message));
        let verified = self.session.handle.verify(&plan.for_crate(), object, &plan.data, signature);
        match verified.map_err(Failure::from) {
            Ok(()) => Ok(true),
            Err(failure) if failure.says(&[sys::CKR_SIGNATURE_INVALID, sys::CKR_SIGNATURE_LEN_RANGE]) => {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The public-key object with the key's point.
    fn public_key(&self, key: &PublicKey) -> Result<ObjectHandle, Failure> {
        let objects = self.objects();
        let all = objects.find(ObjectClass::PUBLIC_KEY, &ObjectSelector::default())?;
        let found = all.iter().find(|object| public_half::has_point_of(objects, **object, key) == Some(true));
        found.copied().ok_or_else(|| {
            let what = format!(
                "it has no public-key object with the certificate's point (CKA_EC_POINT); public keys seen: {}",
                objects.listed(&all)
            );
            self.unchecked(key, &what).into()
        })
    }

    fn unchecked(&self, key: &PublicKey, what: &str) -> Error {
        let (subject, kind) = (self.subject, key.kind());
        let message = format!("PKCS#11 {subject}: signatures of the {kind} key cannot be checked: {what}");
        Error::new(Code::UnsupportedKey, message).with_param("pkcs11.privateKeyLabel").with_hint(
            "Signatures of P-521 keys are checked by the token itself, with C_Verify: write the public key to it with \
             `pkcs11-tool --write-object <public.der> --type pubkey --id <id> --usage-sign`, if its module can verify; \
             or use an EC P-256, EC P-384 or RSA key.",
        )
    }
}
