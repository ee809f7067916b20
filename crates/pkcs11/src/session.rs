//! One open session with a token, and logging in on it (PKCS#11 v2.40 sections 5.6 and 6.7).

use std::collections::HashMap;

use cryptoki::error::{Error as CrateError, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;
use cryptoki_sys as sys;
use refresh_session_core::{PublicKey, SignatureScheme};

use crate::config::ObjectSelector;
use crate::failure::Failure;
use crate::module::{Lease, Module};
use crate::pin::{self, Credential, PinMemory, Refusal, SharedPins};
use crate::return_value::{Remedy, ReturnValue};
use crate::slots::{self, TokenIdentity};
use crate::token_info::TokenInfo;
use crate::token_verify::Verifier;
use crate::unlock;

/// A session and what holds only as long as it does.
///
/// One is enough: signatures of one token are made one after the other anyway, tokens have few sessions, and some
/// log the others out when one closes. It stays open, because closing the last one logs out.
///
/// Dropping it does *not* close it. After another initialisation of the module its number may belong to somebody
/// else; only [`TokenSession::close`] knows.
#[derive(Debug)]
pub(crate) struct TokenSession {
    pub(crate) handle: Session,
    pub(crate) generation: u64,
    pub(crate) keys: HashMap<ObjectSelector, Key>,
    pub(crate) proofs: HashMap<ObjectSelector, Proof>,
    pub(crate) verifiers: Vec<Verifier>,
    pub(crate) logged_in: bool,
    /// An operation was begun and not ended: to be closed, whatever else is to be done.
    pub(crate) spoiled: bool,
    login_required: bool,
    slot: Slot,
}

/// A private key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) handle: ObjectHandle,
    /// It wants the PIN for every single use (CKA_ALWAYS_AUTHENTICATE).
    pub(crate) always_authenticates: bool,
    /// It describes itself as what it was found as.
    pub(crate) is_told: bool,
}

/// That a key made a test signature which verified, so that whoever opens it next need not ask for another.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) expected: PublicKey,
    pub(crate) schemes: Vec<SignatureScheme>,
}

impl TokenSession {
    /// Looks the token up among those present now and opens a session with it.
    pub(crate) fn open(
        module: &Module,
        lease: &Lease<'_>,
        identity: &TokenIdentity,
    ) -> Result<Self, Failure> {
        // Looking at the slots touches every device of the module, the stuck one too.
        module.refuse_if_stuck()?;
        let slot = slots::list(module, lease)?.slot_of(module, identity)?;
        let login_required = TokenInfo::read(lease, slot)?.requires_login();
        let handle = lease.context().open_ro_session_no_drop(slot)?;
        lease.note_session();
        Ok(Self {
            handle,
            generation: lease.generation(),
            keys: HashMap::new(),
            proofs: HashMap::new(),
            verifiers: Vec::new(),
            logged_in: false,
            spoiled: false,
            login_required,
            slot,
        })
    }

    /// Handles and what was proved with them are found out anew.
    pub(crate) fn forget_objects(&mut self) {
        self.keys.clear();
        self.proofs.clear();
        self.verifiers.clear();
    }

    /// Closes it, unless its number has become somebody else's. What the module answers helps nobody.
    ///
    /// C_Logout is not called: it would log out the rest of the process. The last session to go does it anyway.
    pub(crate) fn close(self, lease: &Lease<'_>) {
        if self.generation == lease.generation() {
            let _ = self.handle.close();
        }
    }

    /// Whether a login would show or allow more than is now.
    pub(crate) fn lacks_login(&self) -> bool {
        self.login_required && !self.logged_in
    }

    /// Looks whether the session is logged in though we did not do it, and takes note; true if so.
    ///
    /// Login belongs to the process: when other code logs in, private keys become visible and usable to us without
    /// any C_Login of ours, and so to whoever gave us a wrong PIN or none.
    pub(crate) fn notice_login(&mut self) -> Result<bool, Failure> {
        if !self.lacks_login() {
            return Ok(false);
        }
        let state = match self.handle.get_session_info().map_err(Failure::from) {
            Ok(info) => info.session_state(),
            // A module that cannot describe its session may still sign.
            Err(failure) if failure.remedy() == Remedy::Fail => return Ok(false),
            Err(failure) => return Err(failure),
        };
        self.logged_in = matches!(state, SessionState::RoUser | SessionState::RwUser);
        Ok(self.logged_in)
    }

    /// Logs in if that is called for. The caller has [admitted](PinMemory::admit) the credential.
    ///
    /// The PIN is sent at most once, and not at all when the token's flags say that it is locked, about to be, or
    /// expired: they are read first, and they cost nothing. Nor is one that nobody knows to be right sent again after
    /// an answer that may have been a refusal, before the module was initialised anew.
    pub(crate) fn log_in(
        &mut self,
        lease: &Lease<'_>,
        subject: &str,
        pins: SharedPins,
        credential: Option<&Credential>,
    ) -> Result<(), Failure> {
        if !self.lacks_login() {
            return Ok(());
        }
        self.send_pin(UserType::User, lease, subject, pins, credential)?;
        self.logged_in = true;
        Ok(())
    }

    /// Logs in for the one operation that was just begun (`CKU_CONTEXT_SPECIFIC`), under the same rules: a wrong PIN
    /// counts here too.
    pub(crate) fn log_in_for_operation(
        &self,
        lease: &Lease<'_>,
        subject: &str,
        pins: SharedPins,
        credential: Option<&Credential>,
    ) -> Result<(), Failure> {
        self.send_pin(UserType::ContextSpecific, lease, subject, pins, credential)
    }

    fn send_pin(
        &self,
        user: UserType,
        lease: &Lease<'_>,
        subject: &str,
        pins: SharedPins,
        credential: Option<&Credential>,
    ) -> Result<(), Failure> {
        let token = TokenInfo::read(lease, self.slot)?;
        let Some(credential) = credential else {
            return self.ask_pad(user, lease, subject, pins, &token);
        };
        check_flags(lease, subject, &token, credential.forced())?;
        let mut pins = pin::lock(pins);
        // Again, under the lock: another module may have tried it since.
        pins.admit(subject, Some(credential), false)?;
        if pins.is_risky(credential, token.pin_count_is_low()) {
            return Err(pin::not_retried(subject).into());
        }
        if lease.login_is_in_doubt() && pins.is_doubted(credential) {
            return Err(Failure::until_anew(pin::in_doubt(subject)));
        }
        let bytes = RawAuthPin::new(Box::new(credential.pin().expose().to_vec()));
        match self.handle.login_with_raw(user, &bytes) {
            // The second: other code in this process was faster. See `PinMemory::adopt`.
            Ok(()) | Err(CrateError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                pins.accept(credential);
                Ok(())
            }
            Err(CrateError::Pkcs11(value, _)) => {
                Err(refused(lease, subject, &token, &mut pins, credential, value.into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Lets the token read the PIN from its own pad (`CKF_PROTECTED_AUTHENTICATION_PATH`); once, if nobody types it.
    fn ask_pad(
        &self,
        user: UserType,
        lease: &Lease<'_>,
        subject: &str,
        pins: SharedPins,
        token: &TokenInfo,
    ) -> Result<(), Failure> {
        if !token.has_pad() {
            return Err(pin::required(subject).into());
        }
        check_flags(lease, subject, token, false)?;
        let mut pins = pin::lock(pins);
        pins.admit(subject, None, false)?;
        match self.handle.login(user, None) {
            Ok(()) => {
                pins.accept_from_pad();
                Ok(())
            }
            // By other code, with we know not what.
            Err(CrateError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Err(pin::required(subject).into()),
            Err(CrateError::Pkcs11(value, _)) => {
                let value = ReturnValue::from(value);
                if value.is_no_try() {
                    return Err(Failure::login(value, false));
                }
                pins.refuse_from_pad();
                Err(pin::pad_refused(subject, &format!("C_Login returned {value}")).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the token says of its PIN before it is sent. A locked one is not sent even by force: it cannot be right.
fn check_flags(lease: &Lease<'_>, subject: &str, token: &TokenInfo, forced: bool) -> Result<(), Failure> {
    if token.pin_is_locked() {
        return Err(pin::locked(subject, "CKF_USER_PIN_LOCKED", unlock::how(lease.info(), token)).into());
    }
    if forced {
        return Ok(());
    }
    if token.pin_has_one_try() {
        return Err(pin::final_try(subject).into());
    }
    if token.pin_is_to_be_changed() {
        return Err(pin::expired(subject, "CKF_USER_PIN_TO_BE_CHANGED").into());
    }
    Ok(())
}

fn refused(
    lease: &Lease<'_>,
    subject: &str,
    token: &TokenInfo,
    pins: &mut PinMemory,
    credential: &Credential,
    value: ReturnValue,
) -> Failure {
    let answer = format!("C_Login returned {value}");
    // A PIN of a wrong length or with wrong characters is as wrong as any; some tokens count it.
    let wrong = [sys::CKR_PIN_INCORRECT, sys::CKR_PIN_LEN_RANGE, sys::CKR_PIN_INVALID];
    if wrong.into_iter().any(|code| value.is(code)) {
        pins.refuse(credential, Refusal::Incorrect);
        return pin::incorrect(subject, &answer).into();
    }
    if value.is(sys::CKR_PIN_LOCKED) {
        pins.refuse(credential, Refusal::Locked);
        return pin::locked(subject, &answer, unlock::how(lease.info(), token)).into();
    }
    if value.is(sys::CKR_PIN_EXPIRED) {
        return pin::expired(subject, &answer).into();
    }
    let proven = pins.is_accepted(credential);
    if !proven && !value.is_no_try() {
        pins.doubt(credential);
        lease.doubt_login();
    }
    Failure::login(value, proven)
}
