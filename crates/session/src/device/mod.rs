//! Who a device is: certificate, key or token, and the servers it believes, for all that identify themselves with it.
//!
//! [`Device::new`] parses everything that can be parsed without the token: files, and, for a key in a file, that it
//! belongs to the certificate. The token is opened when somebody needs the identity, off the runtime's workers, and again
//! only if that or the use of its key has failed; from then on its signer looks after itself.
//!
//! # How it is used
//!
//! The credentials and the MQTT connection of a session share one device: one PIN is asked for, one token opened, and what
//! one of them sees of a rotation both have. For every connection:
//!
//! 1. [`look`](Device::look). Files that have changed for the good are in use from here on.
//! 2. [`identified`](Device::identified). Under a new `revision` make a new TLS configuration and new connections: neither
//!    tickets nor a kept connection of the old identity may be used again.
//! 3. If that fails, [`failed`](Device::failed). If it [may be rotated](Device::may_be_rotated), look again; where the
//!    second look is not equal to the first one, try once more at once.
//! 4. [`used`](Device::used), also after a failure.
//!
//! Warnings are kept until they are taken. A session's engine takes those of its device, whoever they are owed to:
//! [`Session::tell_warnings`](crate::Session::tell_warnings) has it do so now. A device of one's own is one's own to ask.

mod expiry;
mod files;
mod identified;
mod memory;
mod opening;
mod options;
pub(crate) mod token;
mod watched;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use refresh_session_core::{
    BootTime, Certificate, Class, Clock, Code, Error, Reading, Result, Timestamp, Warning,
};
use refresh_session_tls::Trust;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::description::Description;
use expiry::Expiry;
use files::{Files, Given, Holder};
pub use identified::Identified;
use opening::Opening;
pub use options::{DeviceOptions, Pkcs11Fields, Pkcs11Options};
use token::TokenIdentity;

/// How long a look waits for the disk: a file system that has gone must not take a good certificate with it.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// A device's identity, shared by all that use it.
pub struct Device {
    files: Arc<Files>,
    /// `None`: the key is in a file.
    token: Option<Arc<TokenIdentity>>,
    expiry: Expiry,
    /// The certificate in use, once it is known.
    leaf: Mutex<Option<Certificate>>,
    /// Held for as long as a look takes, however long that is.
    looking: Arc<tokio::sync::Mutex<()>>,
    /// The last look took too long.
    slow: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is in use, once somebody has asked for it.
    known: Option<Identified>,
    /// Begun, and its outcome not seen yet. Gone if everybody has given up.
    opening: Option<Weak<Opening>>,
    /// Of the last one.
    revision: u64,
}

/// What a look has found; only good for being compared with another look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Looked(u64);

impl Device {
    /// Checks the options, reads the files they name, and adds to `description` what decides whether somebody may have
    /// this identity. The warnings are for the user. False if that cannot be known beforehand: it is nobody else's then.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub(crate) fn new(
        options: DeviceOptions,
        clock: &Arc<dyn Clock>,
        description: &mut Description,
    ) -> Result<(Self, Vec<Warning>, bool)> {
        match (&options.private_key, &options.pkcs11) {
            (None, None) => {
                return Err(missing("privateKey", "give exactly one of `privateKey` and `pkcs11`"));
            }
            (Some(_), Some(_)) => {
                return Err(Error::new(Code::ConflictingOptions, "both `privateKey` and `pkcs11` are given")
                    .with_param("privateKey")
                    .with_hint("Give exactly one: where the private key is."));
            }
            (None, Some(_)) => refuse_passphrase(options.private_key_passphrase.is_some())?,
            (Some(_), None) => {}
        }
        let days = options.certificate_warning_days;
        description.field("certificateWarningDays", days.to_le_bytes());
        let given = Given {
            certificate: options.certificate,
            private_key: options.private_key,
            passphrase: options.private_key_passphrase,
            ca: options.ca,
        };
        let files = Files::open(given, description)?;
        let (mut token, mut warnings, mut shareable) = (None, Vec::new(), true);
        if let Some(pkcs11) = options.pkcs11 {
            let (identity, of_token) = TokenIdentity::new(pkcs11, options.timeout, clock)?;
            warnings = of_token;
            shareable = identity.describe(description);
            token = Some(Arc::new(identity));
        }
        let device = Self {
            leaf: Mutex::new(files.current().holder.leaf().cloned()),
            files: Arc::new(files),
            token,
            expiry: Expiry::new(days),
            looking: Arc::default(),
            slow: AtomicBool::new(false),
            state: Mutex::default(),
        };
        Ok((device, warnings, shareable))
    }

    /// Looks at the files, where waiting for a disk holds nobody up.
    pub(crate) async fn look(&self) -> Looked {
        if self.files.can_change() {
            self.look_within(LOOK_LIMIT).await;
        }
        let current = self.files.current();
        if let Some(leaf) = current.holder.leaf() {
            self.uses(leaf);
        }
        Looked(current.revision)
    }

    /// What is in use. Opens the token if need be; all who ask meanwhile wait for the same opening.
    ///
    /// May be dropped at any time.
    ///
    /// # Errors
    /// Those of the PIN's source and of the token.
    pub(crate) async fn identified(&self) -> Result<Identified> {
        loop {
            let (opening, files) = match self.known()? {
                Known::Yes(identified) => return Ok(*identified),
                Known::Soon(opening, files) => (opening, files),
            };
            let outcome = opening.outcome().await;
            self.opened(&opening, &outcome);
            // One that began for an older certificate may be of another key than the files are by now.
            let stale = opening.files != files;
            match outcome {
                Ok(_) if stale => {}
                Err(error) if stale && Self::may_be_rotated(&error) => {}
                outcome => return outcome,
            }
        }
    }

    /// Using it ended with this error. After one of the token another token, or another PIN, may be the right one by now:
    /// whoever is next opens it anew.
    pub(crate) fn failed(&self, used: &Identified, error: &Error) {
        if error.class() != Class::Pkcs11 {
            return;
        }
        // Late news of a key that is no longer in use changes nothing.
        if lock(&self.state).known.take_if(|known| known.key == used.key).is_some() {
            self.doubt(error);
        }
    }

    /// Whether a failure may be due to certificates, or the key in a token, that have been replaced meanwhile. A server
    /// that just hangs up may mean the certificate too.
    pub(crate) fn may_be_rotated(error: &Error) -> bool {
        use Code::{
            CertificateNotAccepted, CertificateRefused, ConnectionLost, Pkcs11KeyMismatch, Pkcs11KeyNotFound,
            ServerCertificate,
        };
        matches!(
            error.code(),
            CertificateRefused
                | CertificateNotAccepted
                | ServerCertificate
                | ConnectionLost
                | Pkcs11KeyMismatch
                | Pkcs11KeyNotFound
        )
    }

    /// It has been used, or tried, now.
    pub(crate) fn used(&self, boot: BootTime, reading: Reading) {
        let due = lock(&self.leaf).as_ref().and_then(|leaf| self.expiry.due(leaf, boot, reading));
        if let Some(warning) = due {
            self.warn(warning);
        }
    }

    /// The error for somebody who may take no more than `limit`, if the time went into opening the token.
    pub(crate) fn timed_out(&self, limit: Duration) -> Option<Error> {
        // Also of one that was given up a moment ago.
        let opening = lock(&self.state).opening.is_some();
        self.token.as_ref().filter(|_| opening).map(|token| token.timed_out(limit))
    }

    /// Lets go of the key. Whoever asks for it again opens the token anew.
    pub(crate) fn release(&self) {
        lock(&self.state).known = None;
    }

    /// Something its user should know.
    pub(crate) fn warn(&self, warning: Warning) {
        self.files.warn(warning);
    }

    /// Warnings that came up since the last call.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        self.files.take_warnings()
    }

    /// Which servers are believed, by the last look: for connections that show no certificate.
    pub(crate) fn trust(&self) -> Trust {
        self.files.current().trust
    }

    /// When the certificate ends, as far as it is known.
    pub(crate) fn certificate_expiry(&self) -> Option<Timestamp> {
        lock(&self.leaf).as_ref().map(Certificate::not_after)
    }

    /// One look at a time: who comes while another one is under way has a look of his own after it, since that one may
    /// have read what was there before. One that is cut short has changed nothing, and goes on by itself: the next user has
    /// what it found, and until it ends nobody else waits.
    async fn look_within(&self, limit: Duration) {
        if self.slow.load(Ordering::Relaxed) && self.looking.try_lock().is_err() {
            return;
        }
        let look = async {
            let looking = self.looking.clone().lock_owned().await;
            let files = self.files.clone();
            spawn_blocking(move || {
                files.look();
                drop(looking);
            })
            .await
        };
        self.slow.store(timeout(limit, look).await.is_err(), Ordering::Relaxed);
    }

    /// What is in use by now, or where to wait for it, and for which files.
    fn known(&self) -> Result<Known> {
        let mut state = lock(&self.state);
        state.opening.take_if(|opening| opening.strong_count() == 0);
        let current = self.files.current();
        let files = current.revision;
        if let Some(known) = state.known.as_ref().filter(|known| known.files == files) {
            return Ok(Known::Yes(Box::new(known.clone())));
        }
        let (identity, key) = match (current.holder, &self.token) {
            (Holder::Ready(identity), _) => (identity, None),
            (Holder::Token(chain), Some(token)) => {
                // A token that is open already is only given its new certificate.
                match state.known.as_ref().and_then(|known| known.renewed(chain.as_deref()?)) {
                    Some((identity, key)) => (identity, Some(key)),
                    None => return Ok(state.open(token, chain, current.trust, files)),
                }
            }
            (Holder::Token(_), None) => return Err(Error::new(Code::Internal, "a device without a key")),
        };
        state.revision += 1;
        let (revision, trust) = (state.revision, current.trust);
        let identified = Identified { revision, identity, trust, files, key: key.unwrap_or(revision) };
        self.uses(identified.identity.leaf());
        state.known = Some(identified.clone());
        Ok(Known::Yes(Box::new(identified)))
    }

    /// The first one who sees the outcome of an opening sees to what follows of it.
    fn opened(&self, opening: &Arc<Opening>, outcome: &Result<Identified>) {
        let mut state = lock(&self.state);
        let first = state.opening.take_if(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(opening)));
        if first.is_none() {
            return;
        }
        match outcome {
            Ok(identified) => {
                self.files.proved(identified.identity.leaf().public_key());
                self.uses(identified.identity.leaf());
                state.known = Some(identified.clone());
            }
            Err(error) if error.class() == Class::Pkcs11 => {
                state.known = None;
                drop(state);
                self.doubt(error);
            }
            Err(_) => {}
        }
    }

    /// What the token had is not what it has.
    fn doubt(&self, error: &Error) {
        if matches!(error.code(), Code::Pkcs11KeyMismatch | Code::Pkcs11KeyNotFound) {
            self.files.disproved();
        }
    }

    fn uses(&self, leaf: &Certificate) {
        *lock(&self.leaf) = Some(leaf.clone());
    }
}

/// Whether an identity is at hand.
enum Known {
    Yes(Box<Identified>),
    Soon(Arc<Opening>, u64),
}

impl State {
    /// The opening under way, or a new one.
    fn open(
        &mut self,
        token: &Arc<TokenIdentity>,
        chain: Option<Vec<Certificate>>,
        trust: Trust,
        files: u64,
    ) -> Known {
        if let Some(opening) = self.opening.as_ref().and_then(Weak::upgrade) {
            return Known::Soon(opening, files);
        }
        self.revision += 1;
        let opening = Arc::new(Opening::new(token.clone(), chain, trust, files, self.revision));
        self.opening = Some(Arc::downgrade(&opening));
        Known::Soon(opening, files)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaf = lock(&self.leaf);
        let subject = leaf.as_ref().map(Certificate::subject);
        f.debug_struct("Device").field("certificate", &subject).finish_non_exhaustive()
    }
}

fn missing(param: &'static str, what: &str) -> Error {
    Error::new(Code::MissingOption, format!("option `{param}` is missing: {what}")).with_param(param)
}

fn refuse_passphrase(given: bool) -> Result<()> {
    if !given {
        return Ok(());
    }
    Err(Error::new(
        Code::ConflictingOptions,
        "option `privateKeyPassphrase` goes with `privateKey`, not with `pkcs11`",
    )
    .with_param("privateKeyPassphrase")
    .with_hint("A token's PIN is `pkcs11.userPin`."))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
