//! The modules and tokens of this process: one of each, whoever asks.
//!
//! C_Initialize, C_Login and the count of wrong PINs belong to the process, not to a caller, so what stands for
//! them does too. Worker threads of Node share it. Entries are few and are never removed: their threads cannot be
//! stopped safely in the middle of a call, and a refused PIN must stay refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refresh_session_core::crypto::random;
use refresh_session_core::{Clock, Code, Result};

use crate::budget::Budget;
use crate::config::{TokenConfig, TokenSelector};
use crate::failure::Failure;
use crate::library;
use crate::module::{Module, Refusal};
use crate::recovery::{Ladder, Step};
use crate::slots::{self, Seen, TokenIdentity};
use crate::token_state::TokenState;
use crate::trust;
use crate::worker::{self, Worker};

/// How long [`close_all`] holds up the end of the process.
const CLOSE_BUDGET: Duration = Duration::from_secs(1);

/// The thread of one token.
pub(crate) type TokenThread = Worker<TokenState>;

/// The thread of one token and how many use it.
struct TokenEntry {
    thread: TokenThread,
    users: AtomicUsize,
}

/// One who uses a token. When the last one goes, the token's session is closed: a token logged in for nobody is one
/// that anybody in the process may use.
pub(crate) struct TokenUser(&'static TokenEntry);

impl TokenUser {
    fn new(entry: &'static TokenEntry) -> Self {
        entry.users.fetch_add(1, Ordering::AcqRel);
        Self(entry)
    }

    pub(crate) fn thread(&self) -> &'static TokenThread {
        &self.0.thread
    }
}

impl Clone for TokenUser {
    fn clone(&self) -> Self {
        Self::new(self.0)
    }
}

impl Drop for TokenUser {
    fn drop(&mut self) {
        let entry = self.0;
        if entry.users.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        // Behind a call that hangs it waits until that comes back.
        let _ = entry.thread.post(move |state| {
            // Somebody may have come while this waited in the queue.
            if entry.users.load(Ordering::Acquire) == 0 {
                state.close();
            }
        });
    }
}

static MODULES: Mutex<BTreeMap<PathBuf, &'static ModuleEntry>> = Mutex::new(BTreeMap::new());

/// A module, the thread that loads it and lists its tokens, and the tokens in use.
pub(crate) struct ModuleEntry {
    module: &'static Module,
    worker: Worker<()>,
    tokens: Mutex<BTreeMap<TokenIdentity, &'static TokenEntry>>,
    /// Of its file as it was loaded, if somebody asked then: the file may be another one by the time the next asks.
    sha256: Mutex<Option<Vec<u8>>>,
}

/// Closes every PKCS#11 session of this process and takes no more requests; for its exit hook.
///
/// A TPM without a resource manager keeps the sessions of ended processes and runs out after three. And a module that
/// is still called while the C library runs its destructors crashes: so calls under way are waited for, about a second
/// at most, and later ones are refused until [`reopen`]. A token that hangs is left alone. Modules stay initialised:
/// they may be in use by others, and finalising one from an exit hook is where many crash.
pub fn close_all() {
    if !worker::shut_gate() {
        // Done already, and what did not come back then will not now.
        return;
    }
    let pending = Arc::new((Mutex::new(0_usize), Condvar::new()));
    for entry in lock(&MODULES).values() {
        let done = Done::new(&pending);
        // A hung worker refuses, which drops `done` and with it the count.
        let _ = entry.worker.post_last(move |()| drop(done));
        for token in lock(&entry.tokens).values() {
            let done = Done::new(&pending);
            let _ = token.thread.post_last(move |state| {
                state.close();
                drop(done);
            });
        }
    }
    let (count, changed) = &*pending;
    let _ = changed.wait_timeout_while(lock(count), CLOSE_BUDGET, |count| *count > 0);
}

/// Takes requests again after [`close_all`]: the process goes on after all. They cost a new session and login.
pub fn reopen() {
    worker::open_gate();
}

/// The configuration's module, new or known, if it [may be loaded](trust) or is. Loads nothing yet.
pub(crate) fn module(config: &TokenConfig) -> Result<&'static ModuleEntry> {
    let path = library::canonical(&config.module)?;
    let entry = entry(path.clone())?;
    let loaded = entry.module.is_loaded();
    if !loaded {
        trust::check_path(&path)?;
    }
    if let Some(expected) = &config.module_sha256 {
        let known = lock(&entry.sha256).clone().filter(|_| loaded);
        let found = known.map_or_else(|| trust::sha256_of(&path), Ok)?;
        trust::check_sha256(&path, expected, &found)?;
        // It has stood the test, and the next thing that happens to it is being loaded.
        *lock(&entry.sha256) = Some(found);
    }
    Ok(entry)
}

fn entry(path: PathBuf) -> Result<&'static ModuleEntry> {
    let mut modules = lock(&MODULES);
    if let Some(entry) = modules.get(&path) {
        return Ok(entry);
    }
    let module: &'static Module = Box::leak(Box::new(Module::new(path.clone(), random::seed()?)));
    let worker = Worker::spawn("pkcs11-module", format!("PKCS#11 {}", module.subject()), module.stuck(), ())?;
    let entry: &'static ModuleEntry = Box::leak(Box::new(ModuleEntry {
        module,
        worker,
        tokens: Mutex::default(),
        sha256: Mutex::default(),
    }));
    modules.insert(path, entry);
    Ok(entry)
}

impl ModuleEntry {
    /// The thread of the token that `selector` means; looks at what is there now.
    pub(crate) fn token(
        &'static self,
        selector: &TokenSelector,
        clock: &Arc<dyn Clock>,
        deadline: Duration,
    ) -> Result<(TokenIdentity, TokenUser)> {
        let module = self.module;
        module.refuse_if_stuck()?;
        let budget = Budget::new(clock, deadline);
        let wanted = selector.clone();
        let list = move |(): &mut ()| self.find(&wanted, &budget);
        let identity = self.worker.call("listing the tokens", deadline, list)?;
        let mut tokens = lock(&self.tokens);
        if let Some(entry) = tokens.get(&identity) {
            return Ok((identity, TokenUser::new(entry)));
        }
        let state = TokenState::new(module, identity.clone());
        let subject = format!("PKCS#11 {identity}");
        let thread = Worker::spawn(&thread_name(&identity), subject, module.stuck(), state)?;
        let entry: &'static TokenEntry =
            Box::leak(Box::new(TokenEntry { thread, users: AtomicUsize::new(0) }));
        tokens.insert(identity.clone(), entry);
        Ok((identity, TokenUser::new(entry)))
    }

    /// What `take` makes of the tokens that are there now.
    pub(crate) fn look<T: Send + 'static>(
        &'static self,
        clock: &Arc<dyn Clock>,
        deadline: Duration,
        take: impl FnOnce(&'static Module, Seen) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let module = self.module;
        module.refuse_if_stuck()?;
        let budget = Budget::new(clock, deadline);
        let look = move |(): &mut ()| {
            let (_, seen) = list(module, &budget).map_err(|(_, failure)| module.error(failure))?;
            take(module, seen)
        };
        self.worker.call("listing the tokens", deadline, look)
    }

    /// Loads, initialises, lists, selects; again, if what failed has a remedy.
    fn find(&self, selector: &TokenSelector, budget: &Budget) -> Result<TokenIdentity> {
        let module = self.module;
        let mut ladder = Ladder::default();
        loop {
            let (generation, failure) = match list(module, budget) {
                Err(failure) => failure,
                Ok((generation, seen)) => match seen.select(module, selector) {
                    Ok(identity) => return Ok(identity),
                    // The list may be an old one; but somebody else's wrong label is no reason to disturb others.
                    Err(error) if error.code() == Code::Pkcs11TokenNotFound && self.may_be_away(selector) => {
                        (generation, Failure::until_anew(error))
                    }
                    Err(error) => return Err(error),
                },
            };
            let may_anew = || module.may_initialise_anew(generation, budget).is_ok();
            match ladder.step(failure.remedy(), may_anew) {
                _ if budget.is_spent() => return Err(module.error(failure)),
                Step::Initialise => module.expire(generation),
                Step::InitialiseAnew => match module.initialise_anew(generation, budget) {
                    Ok(()) => {}
                    Err(Refusal::Failed(again)) => return Err(module.error(again)),
                    Err(_) => return Err(module.error(failure)),
                },
                Step::GiveUp => return Err(module.error(failure)),
                // There is no session here, so it is just asked once more.
                _ => {}
            }
        }
    }

    /// Whether it is worth initialising anew to see the token: this process has used it before, or there is nobody
    /// to disturb.
    fn may_be_away(&self, selector: &TokenSelector) -> bool {
        let tokens = lock(&self.tokens);
        tokens.keys().any(|identity| identity.has_names_of(selector))
            || tokens.values().all(|token| token.users.load(Ordering::Acquire) == 0)
    }
}

/// What is there now, and in which generation. With a failure goes the generation too, zero if there is none.
fn list(module: &Module, budget: &Budget) -> Result<(u64, Seen), (u64, Failure)> {
    let lease = module.lease(budget).map_err(|failure| (0, failure))?;
    let generation = lease.generation();
    slots::list(module, &lease).map(|seen| (generation, seen)).map_err(|failure| (generation, failure))
}

/// Visible in `top -H` and in core dumps; the system cuts it to 15 bytes.
fn thread_name(identity: &TokenIdentity) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    format!("pkcs11-{}", identity.label.chars().filter(plain).collect::<String>())
}

/// Counts itself down, also when the job it belongs to is refused or panics.
struct Done(Arc<(Mutex<usize>, Condvar)>);

impl Done {
    fn new(pending: &Arc<(Mutex<usize>, Condvar)>) -> Self {
        *lock(&pending.0) += 1;
        Self(Arc::clone(pending))
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        *lock(&self.0.0) -= 1;
        self.0.1.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
