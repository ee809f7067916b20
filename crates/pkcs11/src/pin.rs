//! What the process remembers about the PINs of one token, and what follows from it.
//!
//! Two rules. A PIN that the token refused is never sent again, because a few refusals lock the token for good and
//! a service manager restarts us faster than anybody reads the log. And a PIN that differs from the one the token
//! accepted is refused by *us*: login belongs to the whole process, so once anybody is logged in, C_Login answers
//! CKR_USER_ALREADY_LOGGED_IN to any PIN at all and the token signs.
//!
//! PINs are kept as keyed hashes only; the values stay with those who gave them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Code, Error, Result, Secret};

use crate::slots::TokenIdentity;

const PARAM: &str = "pkcs11.userPin";

/// A PIN together with the hash it is compared by. `Debug` shows neither.
#[derive(Clone)]
pub(crate) struct Credential {
    pin: Secret,
    hash: KeyedHash,
    forced: bool,
}

impl Credential {
    /// `forced`: to be sent although the token's flags warn.
    pub(crate) fn new(pin: &Secret, forced: bool) -> Result<Self> {
        Ok(Self { pin: pin.clone(), hash: KeyedHash::of("pkcs11 pin", pin)?, forced })
    }

    pub(crate) fn forced(&self) -> bool {
        self.forced
    }

    pub(crate) fn pin(&self) -> &Secret {
        &self.pin
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(** redacted **)")
    }
}

/// The memory of one token, common to all modules through which this process reaches it. It outlives sessions, logins
/// and reinitialisations.
pub(crate) type SharedPins = &'static Mutex<PinMemory>;

/// The memory of the token with this label and serial number. Never removed: a refused PIN must stay refused.
pub(crate) fn memory_of(token: &TokenIdentity) -> SharedPins {
    static MEMORIES: Mutex<BTreeMap<TokenIdentity, SharedPins>> = Mutex::new(BTreeMap::new());
    lock(&MEMORIES).entry(token.clone()).or_insert_with(|| Box::leak(Box::default()))
}

/// A look into the memory; held while a PIN is sent, so that two modules cannot both spend a try on it.
pub(crate) fn lock<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is remembered of one token.
#[derive(Debug, Default)]
pub(crate) struct PinMemory {
    accepted: Option<KeyedHash>,
    refused: HashMap<KeyedHash, Refusal>,
    /// Sent, and answered by something that may have been a refusal.
    doubted: HashSet<KeyedHash>,
    pad: Pad,
}

/// What is known of logins on the token's own key pad, without a PIN from us.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Pad {
    #[default]
    Unused,
    /// The token is logged in by one, or was last.
    Accepted,
    /// Nobody typed the right PIN. Whoever stands there is not asked again and again, until it is locked.
    Refused,
}

/// How the token refused a PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Incorrect,
    Locked,
}

impl PinMemory {
    /// Whether somebody with this credential may use the token, as far as is known without asking it.
    ///
    /// `logged_in`: whether we are now. Then nobody without the accepted PIN may profit from it.
    pub(crate) fn admit(
        &self,
        subject: &str,
        credential: Option<&Credential>,
        logged_in: bool,
    ) -> Result<()> {
        let Some(Credential { hash, .. }) = credential else {
            return match self.pad {
                Pad::Refused => Err(pad_not_retried(subject)),
                Pad::Unused if logged_in => Err(required(subject)),
                Pad::Unused | Pad::Accepted => Ok(()),
            };
        };
        match self.refused.get(hash) {
            Some(Refusal::Incorrect) => return Err(not_retried(subject)),
            Some(Refusal::Locked) => return Err(still_locked(subject)),
            None => {}
        }
        if logged_in && self.pad == Pad::Accepted {
            // Nobody has compared this PIN with anything.
            return Err(mismatch(subject));
        }
        // Also while logged out: the token would count a wrong PIN that we know to be wrong.
        if self.accepted.is_some_and(|accepted| accepted != *hash) {
            return Err(mismatch(subject));
        }
        Ok(())
    }

    /// C_Login failed with it for a reason that some tokens give for a wrong PIN too.
    pub(crate) fn doubt(&mut self, credential: &Credential) {
        self.doubted.insert(credential.hash);
    }

    /// Whether sending it again could be the try too many: it is doubted, and the token has counted a wrong one.
    pub(crate) fn is_risky(&self, credential: &Credential, tries_were_lost: bool) -> bool {
        tries_were_lost && self.doubted.contains(&credential.hash)
    }

    /// Whether it was, and the token has not taken it since.
    pub(crate) fn is_doubted(&self, credential: &Credential) -> bool {
        self.doubted.contains(&credential.hash)
    }

    /// Whether the token has taken it, and nothing else is known since.
    pub(crate) fn is_accepted(&self, credential: &Credential) -> bool {
        self.accepted == Some(credential.hash)
    }

    /// The token took it.
    pub(crate) fn accept(&mut self, credential: &Credential) {
        self.doubted.remove(&credential.hash);
        self.accepted = Some(credential.hash);
        self.pad = Pad::Unused;
    }

    /// The PIN was typed on the token's pad.
    pub(crate) fn accept_from_pad(&mut self) {
        self.accepted = None;
        self.pad = Pad::Accepted;
    }

    /// It was not, or was a wrong one.
    pub(crate) fn refuse_from_pad(&mut self) {
        self.pad = Pad::Refused;
    }

    /// The token is logged in, and not by us: other code in this process did it.
    ///
    /// PKCS#11 has no way to ask whether a PIN is right then, short of logging that code out. So if none is known
    /// yet, the first one given is believed, and held to from then on.
    pub(crate) fn adopt(&mut self, credential: Option<&Credential>) {
        let Some(credential) = credential else { return };
        if self.accepted.is_none()
            && self.pad != Pad::Accepted
            && !self.refused.contains_key(&credential.hash)
        {
            self.accept(credential);
        }
    }

    /// The token did not take it.
    pub(crate) fn refuse(&mut self, credential: &Credential, refusal: Refusal) {
        self.refused.insert(credential.hash, refusal);
        if self.accepted == Some(credential.hash) {
            // The PIN was changed on the token: the new one must get its chance.
            self.accepted = None;
        }
    }
}

/// No PIN was given, and none of what the token shows without one will do.
pub(crate) fn required(subject: &str) -> Error {
    Error::new(Code::Pkcs11PinRequired, format!("PKCS#11 {subject}: it needs a PIN and none was given"))
        .with_param(PARAM)
        .with_hint("Give it as `pkcs11.userPin`, or as `pin-source` of a `pkcs11:` URI.")
}

/// The first time the token says no to this value.
pub(crate) fn incorrect(subject: &str, answer: &str) -> Error {
    Error::new(Code::Pkcs11PinIncorrect, format!("PKCS#11 {subject} refused the PIN: {answer}"))
        .with_param(PARAM)
        .with_hint(
            "This value is not sent again by this process, so that it cannot lock the token; check the PIN with \
             `pkcs11-tool --module <library> --token-label <label> --login --test` (a wrong one counts there \
             too), correct `pkcs11.userPin` and restart the process.",
        )
}

/// The PIN is locked, says the token's answer or its flags.
///
/// `mend`: how this kind of token is unlocked.
pub(crate) fn locked(subject: &str, found: &str, mend: &str) -> Error {
    Error::new(Code::Pkcs11PinLocked, format!("PKCS#11 {subject}: the PIN is locked ({found})"))
        .with_param(PARAM)
        .with_hint(format!("Unlock it: {mend}. Then restart the process."))
}

/// One more wrong PIN would lock it.
pub(crate) fn final_try(subject: &str) -> Error {
    let message = format!(
        "PKCS#11 {subject}: one try is left before its PIN is locked (CKF_USER_PIN_FINAL_TRY), and it was not used"
    );
    Error::new(Code::Pkcs11PinLocked, message).with_param(PARAM).with_hint(
        "Log in once by hand with the right PIN, for example `pkcs11-tool --module <library> --token-label \
         <label> --login --test`: a good login restores the tries. Or set `pkcs11.forceLogin: true` to let the last \
         one be used.",
    )
}

/// The PIN must be changed first.
pub(crate) fn expired(subject: &str, found: &str) -> Error {
    Error::new(
        Code::Pkcs11PinExpired,
        format!("PKCS#11 {subject}: the PIN must be changed before use ({found})"),
    )
    .with_param(PARAM)
    .with_hint(
        "Change it with `pkcs11-tool --module <library> --token-label <label> --login --change-pin`; some tokens let \
         an old one in with `pkcs11.forceLogin: true`.",
    )
}

/// The PIN typed on the token's own pad was wrong, or none was.
pub(crate) fn pad_refused(subject: &str, answer: &str) -> Error {
    let message = format!("PKCS#11 {subject} was not given the right PIN on its own pad: {answer}");
    Error::new(Code::Pkcs11PinIncorrect, message).with_param(PARAM).with_hint(
        "It is not asked for again by this process, so that the tries are not used up; restart the process to be \
         asked again, or give the PIN as `pkcs11.userPin` if the token takes one from software as well.",
    )
}

fn pad_not_retried(subject: &str) -> Error {
    let message = format!(
        "PKCS#11 {subject}: it was not given the right PIN on its own pad before, and is not asked to read one again"
    );
    Error::new(Code::Pkcs11PinNotRetried, message)
        .with_param(PARAM)
        .with_hint("Restart the process to be asked again.")
}

pub(crate) fn not_retried(subject: &str) -> Error {
    let message = format!(
        "PKCS#11 {subject}: it refused this PIN before; the PIN was not sent again, so that it cannot lock the token"
    );
    Error::new(Code::Pkcs11PinNotRetried, message).with_param(PARAM).with_hint(
        "Correct `pkcs11.userPin`; if this PIN has become the right one since, restart the process.",
    )
}

/// It was sent, and what came back may have been a refusal.
pub(crate) fn in_doubt(subject: &str) -> Error {
    let message = format!(
        "PKCS#11 {subject}: the login failed before for a reason that is not the PIN's; the PIN is sent again only \
         after the module was initialised anew"
    );
    Error::new(Code::Pkcs11Call, message).with_hint(
        "This happens by itself, at most every half minute. Check that the device answers: a try may have been \
         counted although it did not.",
    )
}

fn still_locked(subject: &str) -> Error {
    let message =
        format!("PKCS#11 {subject}: it was found locked with this PIN before; the PIN was not sent again");
    Error::new(Code::Pkcs11PinLocked, message)
        .with_param(PARAM)
        .with_hint("Unlock the token, then restart the process.")
}

fn mismatch(subject: &str) -> Error {
    let message = format!(
        "PKCS#11 {subject}: it accepted another PIN in this process; the one given here was not sent"
    );
    Error::new(Code::Pkcs11PinMismatch, message).with_param(PARAM).with_hint(
        "Use the same PIN wherever this process opens the token; if it was changed on the token, restart the \
         process.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(pin: &str) -> Credential {
        Credential::new(&pin.into(), false).unwrap()
    }

    fn code(memory: &PinMemory, pin: Option<&str>, logged_in: bool) -> Option<Code> {
        let credential = pin.map(credential);
        memory.admit("token `t`", credential.as_ref(), logged_in).err().map(|error| error.code())
    }

    #[test]
    fn a_refused_pin_is_remembered_and_another_gets_its_try() {
        let mut memory = PinMemory::default();
        memory.refuse(&credential("1111"), Refusal::Incorrect);
        memory.refuse(&credential("2222"), Refusal::Locked);
        assert_eq!(code(&memory, Some("1111"), false), Some(Code::Pkcs11PinNotRetried));
        assert_eq!(code(&memory, Some("2222"), false), Some(Code::Pkcs11PinLocked));
        assert_eq!(code(&memory, Some("3333"), false), None);
        assert_eq!(code(&memory, None, false), None);
    }

    #[test]
    fn the_accepted_pin_is_the_only_one() {
        let mut memory = PinMemory::default();
        memory.accept(&credential("1234"));
        for logged_in in [true, false] {
            assert_eq!(code(&memory, Some("1234"), logged_in), None);
            assert_eq!(code(&memory, Some("9999"), logged_in), Some(Code::Pkcs11PinMismatch));
            assert_eq!(code(&memory, Some(""), logged_in), Some(Code::Pkcs11PinMismatch));
        }
        assert_eq!(code(&memory, None, true), Some(Code::Pkcs11PinRequired));
    }

    #[test]
    fn a_changed_pin_gives_way_once_the_old_one_was_refused() {
        let mut memory = PinMemory::default();
        memory.accept(&credential("1234"));
        memory.refuse(&credential("1234"), Refusal::Incorrect);
        assert_eq!(code(&memory, Some("1234"), false), Some(Code::Pkcs11PinNotRetried));
        assert_eq!(code(&memory, Some("5678"), false), None);
    }

    #[test]
    fn a_pad_lets_in_who_gives_no_pin_and_nobody_else() {
        let mut memory = PinMemory::default();
        memory.accept_from_pad();
        assert_eq!(code(&memory, None, true), None);
        assert_eq!(code(&memory, Some("1234"), true), Some(Code::Pkcs11PinMismatch));
        assert_eq!(code(&memory, Some("1234"), false), None);
        memory.refuse_from_pad();
        assert_eq!(code(&memory, None, false), Some(Code::Pkcs11PinNotRetried));
        memory.accept(&credential("1234"));
        assert_eq!(code(&memory, None, true), Some(Code::Pkcs11PinRequired));
    }

    #[test]
    fn a_credential_does_not_show() {
        assert_eq!(format!("{:?}", credential("canary")), "Credential(** redacted **)");
    }
}
