//! What the thread of one token owns, and how every request to the token is run and, after a remedy, run again.

use std::cell::Cell;
use std::collections::HashMap;
use std::thread;

use cryptoki::object::{ObjectClass, ObjectHandle};
use refresh_session_core::{Code, Error, Result, SignatureScheme};

use crate::budget::Budget;
use crate::config::ObjectSelector;
use crate::failure::{Failure, Place};
use crate::mechanism::{Family, Form, Plan, family};
use crate::module::{Lease, Module, Refusal};
use crate::objects::Objects;
use crate::pin::{self, Credential, SharedPins};
use crate::raw_sign;
use crate::recovery::{Ladder, Step};
use crate::session::{Key, TokenSession};
use crate::slots::TokenIdentity;

/// The state of one token in this process. Lives on its thread and never moves.
pub(crate) struct TokenState {
    module: &'static Module,
    identity: TokenIdentity,
    /// ``token `gw` ``.
    subject: String,
    pins: SharedPins,
    session: Option<TokenSession>,
    /// Which form worked last. Only where to begin: keys may differ in what they allow.
    forms: HashMap<Family, Form>,
    /// The token wants a login to use a key that it shows without one.
    use_needs_login: bool,
}

/// An open session during one request.
pub(crate) struct Access<'a> {
    pub(crate) session: &'a mut TokenSession,
    pub(crate) lease: &'a Lease<'a>,
    pub(crate) subject: &'a str,
    pins: SharedPins,
    forms: &'a mut HashMap<Family, Form>,
    use_needs_login: bool,
    credential: Option<&'a Credential>,
}

impl TokenState {
    pub(crate) fn new(module: &'static Module, identity: TokenIdentity) -> Self {
        let (subject, pins) = (identity.to_string(), pin::memory_of(&identity));
        Self { module, identity, subject, pins, session: None, forms: HashMap::new(), use_needs_login: false }
    }

    /// Whether this credential may use the token, as far as is known without sending anything to it.
    pub(crate) fn admit(&self, credential: Option<&Credential>) -> Result<()> {
        let logged_in = self.session.as_ref().is_some_and(|session| session.logged_in);
        pin::lock(self.pins).admit(&self.subject, credential, logged_in)
    }

    /// Runs `request` with an open session; if it fails for a reason that has a remedy, climbs the [`Ladder`] and runs
    /// it again, as long as `budget` lasts.
    pub(crate) fn run<T>(
        &mut self,
        credential: Option<&Credential>,
        budget: &Budget,
        request: impl Fn(&mut Access<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        let mut ladder = Ladder::default();
        loop {
            let mut generation = 0;
            let failure = match self.attempt(credential, budget, &mut generation, &request) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let may_anew = || self.module.may_initialise_anew(generation, budget).is_ok();
            let step = match ladder.step(failure.remedy(), may_anew) {
                // The caller has left, or will have before this could help.
                _ if budget.is_spent() => Step::GiveUp,
                Step::WaitAndReopen(pause) if pause > budget.left() => Step::GiveUp,
                step => step,
            };
            self.take(step, &failure, generation, budget)?;
            if step == Step::GiveUp {
                return Err(self.error(failure));
            }
        }
    }

    /// Closes the session, if there is one. The next request opens another.
    pub(crate) fn close(&mut self) {
        let Some(session) = self.session.take() else { return };
        if let Some(lease) = self.module.lease_if_initialised() {
            session.close(&lease);
        }
    }

    /// Puts the session into the state that the next attempt, or the next request, is to find.
    fn take(&mut self, step: Step, failure: &Failure, generation: u64, budget: &Budget) -> Result<()> {
        match step {
            // A call that failed may have left an operation open, which nothing else ends for certain. Our own
            // verdicts are reached between calls, mostly.
            Step::GiveUp if matches!(failure, Failure::Verdict { .. }) && !self.is_spoiled() => {}
            Step::GiveUp | Step::ReopenSession => self.end_session(failure),
            // A logout, by whomever, takes the handles of private objects along.
            Step::FindKeyAgain => self.doubt_login(),
            Step::LogInAgain => {
                self.use_needs_login = true;
                self.doubt_login();
            }
            Step::WaitAndReopen(pause) => {
                self.end_session(failure);
                thread::sleep(pause);
            }
            Step::Initialise => {
                self.session = None;
                self.module.expire(generation);
            }
            Step::InitialiseAnew => match self.module.initialise_anew(generation, budget) {
                Ok(()) => self.session = None,
                // Somebody was faster, or has adopted it: without a new session the next attempt is the last.
                Err(Refusal::NotOurs | Refusal::TooSoon) => self.end_session(failure),
                Err(Refusal::Failed(again)) => {
                    self.end_session(failure);
                    return Err(self.error(again));
                }
            },
        }
        Ok(())
    }

    /// `generation`: set to the module's, once that is known.
    fn attempt<T>(
        &mut self,
        credential: Option<&Credential>,
        budget: &Budget,
        generation: &mut u64,
        request: impl Fn(&mut Access<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lease = self.module.lease(budget)?;
        *generation = lease.generation();
        // A session of another generation is let go of without a call: see `TokenSession`.
        self.session.take_if(|session| session.generation != lease.generation());
        self.admit(credential)?;
        self.with_session(&lease, credential, request)
    }

    fn with_session<T>(
        &mut self,
        lease: &Lease<'_>,
        credential: Option<&Credential>,
        request: impl Fn(&mut Access<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(TokenSession::open(self.module, lease, &self.identity)?),
        };
        if session.notice_login()? {
            let mut pins = pin::lock(self.pins);
            pins.adopt(credential);
            pins.admit(&self.subject, credential, true)?;
        }
        request(&mut Access {
            session,
            lease,
            subject: &self.subject,
            pins: self.pins,
            forms: &mut self.forms,
            use_needs_login: self.use_needs_login,
            credential,
        })
    }

    /// Whether we are logged in, and which handles are good, is found out anew by the next request.
    fn doubt_login(&mut self) {
        if let Some(session) = &mut self.session {
            session.logged_in = false;
            session.forget_objects();
        }
    }

    fn is_spoiled(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.spoiled)
    }

    fn end_session(&mut self, failure: &Failure) {
        if failure.says_session_is_gone() {
            // Its number may be somebody else's by now.
            self.session = None;
        }
        self.close();
    }

    fn error(&self, failure: Failure) -> Error {
        failure.into_error(Place { subject: &self.subject, adopted: self.module.adopted() })
    }
}

impl Access<'_> {
    pub(crate) fn objects(&self) -> Objects<'_> {
        Objects { session: &self.session.handle, functions: self.lease.functions() }
    }

    pub(crate) fn log_in(&mut self) -> Result<(), Failure> {
        self.session.log_in(self.lease, self.subject, self.pins, self.credential)
    }

    /// Whether a login could show more.
    pub(crate) fn can_log_in(&self) -> bool {
        self.credential.is_some() && self.session.lacks_login()
    }

    /// The one private key that `selector` means. Several are never narrowed down by guessing.
    pub(crate) fn private_key(&mut self, selector: &ObjectSelector) -> Result<Key, Failure> {
        if self.use_needs_login {
            self.log_in()?;
        }
        if let Some(key) = self.session.keys.get(selector) {
            return Ok(*key);
        }
        let mut found = self.objects().find(ObjectClass::PRIVATE_KEY, selector)?;
        if found.is_empty() && self.session.lacks_login() {
            self.log_in()?;
            found = self.objects().find(ObjectClass::PRIVATE_KEY, selector)?;
        }
        let [key] = found.as_slice() else { return Err(self.no_single_key(selector, &found)?.into()) };
        let objects = self.objects();
        let key = Key {
            handle: *key,
            always_authenticates: objects.always_authenticates(*key),
            is_told: objects.fits(*key, ObjectClass::PRIVATE_KEY, selector) == Some(true),
        };
        self.session.keys.insert(selector.clone(), key);
        Ok(key)
    }

    /// What `work` does with the key; if that fails, the key is [doubted](Self::doubt_key).
    pub(crate) fn with_key<T>(
        &mut self,
        selector: &ObjectSelector,
        work: impl FnOnce(&mut Self, Key) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let key_is_known = self.knows_key(selector);
        let key = self.private_key(selector)?;
        let done = work(self, key);
        if done.is_err() && key_is_known {
            self.doubt_key(selector)?;
        }
        done
    }

    /// Whether the key was found before.
    pub(crate) fn knows_key(&self, selector: &ObjectSelector) -> bool {
        self.session.keys.contains_key(selector)
    }

    /// Fails, with a remedy, if the number of a key that was found before is another object's by now. Then other code
    /// in this process has finalised and initialised the module, and the number of our session is as void as the
    /// key's, even if it seems to work: it is somebody else's.
    pub(crate) fn doubt_key(&self, selector: &ObjectSelector) -> Result<(), Failure> {
        let Some(key) = self.session.keys.get(selector).filter(|key| key.is_told) else { return Ok(()) };
        match self.objects().fits(key.handle, ObjectClass::PRIVATE_KEY, selector) {
            Some(false) => Err(Failure::initialised_by_others(self.subject)),
            _ => Ok(()),
        }
    }

    /// One signature in the token's own form: r‖s or the RSA integer.
    pub(crate) fn sign(
        &mut self,
        key: Key,
        scheme: SignatureScheme,
        message: &[u8],
        digest: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let family = family(scheme);
        let best = self.forms.get(&family).copied().unwrap_or(Form::Raw);
        let mut refusals = Vec::new();
        for form in best.then_other() {
            let plan = Plan::new(scheme, form, message, digest);
            match self.sign_as(key, &plan) {
                Ok(signature) => {
                    self.forms.insert(family, form);
                    return Ok(signature);
                }
                Err(failure) if failure.refuses_mechanism() => {
                    // Also for after a new session: one refused only by C_Sign may be left active, and block the other.
                    self.forms.insert(family, form.other());
                    refusals.push(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        let answers: Vec<_> = refusals.iter().map(Failure::to_string).collect();
        let message = format!(
            "PKCS#11 {}: no mechanism of the token makes a {scheme} signature: {}",
            self.subject,
            answers.join("; ")
        );
        Err(Error::new(Code::Pkcs11Mechanism, message)
            .with_hint(
                "Check the key's CKA_SIGN and CKA_ALLOWED_MECHANISMS, and the token's list of mechanisms.",
            )
            .into())
    }

    fn sign_as(&mut self, key: Key, plan: &Plan) -> Result<Vec<u8>, Failure> {
        let session = &*self.session;
        let refused = Cell::new(false);
        let log_in = || {
            if !key.always_authenticates {
                return Ok(());
            }
            let done = session.log_in_for_operation(self.lease, self.subject, self.pins, self.credential);
            refused.set(done.is_err());
            done
        };
        let signature = raw_sign::sign(self.lease, &session.handle, key.handle, plan, log_in);
        self.session.spoiled |= refused.get();
        signature
    }

    fn no_single_key(&self, selector: &ObjectSelector, found: &[ObjectHandle]) -> Result<Error, Failure> {
        let (objects, subject) = (self.objects(), self.subject);
        let by_id = selector.label.is_none() && selector.id.is_some();
        let param = if by_id { "pkcs11.privateKeyId" } else { "pkcs11.privateKeyLabel" };
        if found.is_empty() {
            let all = objects.find(ObjectClass::PRIVATE_KEY, &ObjectSelector::default())?;
            let seen = objects.listed(&all);
            let message =
                format!("PKCS#11 {subject} has no private key with {selector}; private keys seen: {seen}");
            return Ok(Error::new(Code::Pkcs11KeyNotFound, message)
                .with_param(param)
                .with_hint("Correct `pkcs11.privateKeyLabel` or `pkcs11.privateKeyId`."));
        }
        let seen = objects.listed(found);
        let message = format!("PKCS#11 {subject} has {} private keys with {selector}: {seen}", found.len());
        Ok(Error::new(Code::Pkcs11KeyAmbiguous, message)
            .with_param(param)
            .with_hint("Select one by `pkcs11.privateKeyId`, with the label or without."))
    }
}
