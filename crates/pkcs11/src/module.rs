//! A module as this process sees it: loaded once, initialised as often as needed.
//!
//! Initialisation is a state, not an event. `C_Initialize` fails while a device is away and must be called again
//! later; other code in the process may finalise the module under us; and a module that lost its device may answer
//! CKR_GENERAL_ERROR for ever until it is finalised and initialised anew. So every use takes a [`Lease`], which
//! initialises when needed and while which nobody else does. Each initialisation is a new *generation*: session
//! handles of an older one may by now be somebody else's and are neither used nor closed.
//!
//! Only a module that we initialised is ever finalised, for a reason of the above: never because nobody uses it any
//! more. Other code's sessions are not ours to end. Several copies of this package in a process are *we*: see
//! [`crate::common`].

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Info, Pkcs11};
use cryptoki::error::{Error as CrateError, RvError};
use cryptoki_sys as sys;
use refresh_session_core::{Code, Error, Result};

use crate::budget::Budget;
use crate::common::{By, Stand, Turn};
use crate::failure::{Failure, Place};
use crate::gate::{Alone, Gate, Pass};
use crate::library::{self, Functions, Library};
use crate::pace::Pace;
use crate::worker::Stuck;

/// How long calls of other tokens are waited for, and new ones held back, before initialising.
const QUIET: Duration = Duration::from_secs(1);

const NO_QUIET: &str = "it must be initialised, which no other call may be under way for";
const BY_ANOTHER_COPY: &str = "another copy of this package in this process is initialising it";

/// One module, for ever.
#[derive(Debug)]
pub(crate) struct Module {
    path: PathBuf,
    subject: String,
    library: OnceLock<Library>,
    gate: Gate,
    /// Changed only by whoever is alone inside the gate, except that anybody may say that it is over. Locked for a
    /// moment, never across a call into the module.
    state: Mutex<State>,
    /// How many of its threads are in a call that does not come back.
    stuck: Stuck,
}

#[derive(Debug)]
struct State {
    generation: u64,
    initialised: Option<Arc<Initialised>>,
    /// The last generation in which a session was opened.
    session_in: Option<u64>,
    /// The generation in which a C_Login was answered by something that may have been a refusal.
    login_in_doubt: Option<u64>,
    pace: Pace,
}

#[derive(Debug)]
struct Initialised {
    /// The epoch of all copies of this package that this copy's generation is in, and ends with.
    epoch: u64,
    /// Whether the function list we fetched belongs to the same instance as the crate's.
    own_functions_work: bool,
    info: Option<Info>,
}

/// The right to call an initialised module. While one is out, nobody initialises it anew.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    module: &'a Module,
    library: &'a Library,
    generation: u64,
    initialised: Arc<Initialised>,
    // In this order: the way in is the other way round.
    _turn: Turn<'a>,
    _pass: Pass<'a>,
}

/// Why a module is not initialised anew.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Other code initialised it.
    NotOurs,
    /// It was, a moment ago.
    TooSoon,
    /// A call of another token has not come back, or initialising failed.
    Failed(Failure),
}

impl Module {
    /// `seed`: random, for the pace.
    pub(crate) fn new(path: PathBuf, seed: u64) -> Self {
        let subject = library::subject(&path);
        let state = State {
            generation: 0,
            initialised: None,
            session_in: None,
            login_in_doubt: None,
            pace: Pace::new(seed),
        };
        Self {
            path,
            subject,
            library: OnceLock::new(),
            gate: Gate::default(),
            state: Mutex::new(state),
            stuck: Stuck::default(),
        }
    }

    /// ``module `libsofthsm2.so` ``.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// What counts its threads that hang; for those threads.
    pub(crate) fn stuck(&self) -> &Stuck {
        &self.stuck
    }

    /// An error at once if a call into it hangs. Most modules serialise their calls: whoever goes in after it hangs
    /// too, with one more thread.
    pub(crate) fn refuse_if_stuck(&self) -> Result<()> {
        if self.stuck.any() { Err(self.hung("nothing else is begun with it")) } else { Ok(()) }
    }

    /// Loads and initialises what is not yet, and keeps it so for the life of the lease. A thread has one at a time.
    pub(crate) fn lease(&self, budget: &Budget) -> Result<Lease<'_>, Failure> {
        let library = self.library()?;
        loop {
            if let Some(lease) = self.enter(library, || budget.left())? {
                return Ok(lease);
            }
            self.initialise(library, budget)?;
        }
    }

    /// The lease if nothing has to be done for it.
    pub(crate) fn lease_if_initialised(&self) -> Option<Lease<'_>> {
        self.enter(self.library.get()?, || QUIET).ok().flatten()
    }

    /// Notes that `generation` is over: the module said CKR_CRYPTOKI_NOT_INITIALIZED.
    pub(crate) fn expire(&self, generation: u64) {
        let mut state = self.state();
        if state.generation != generation {
            return;
        }
        if let (Some(library), Some(over)) = (self.library.get(), state.initialised.take()) {
            library.common.end(over.epoch);
        }
    }

    /// Finalises and initialises it, unless somebody has since `generation`; for a module that lost its device.
    ///
    /// If C_Initialize fails, the module is left uninitialised and every further lease tries that again.
    pub(crate) fn initialise_anew(&self, generation: u64, budget: &Budget) -> Result<(), Refusal> {
        let library = self.library().map_err(|error| Refusal::Failed(error.into()))?;
        self.may_initialise_anew(generation, budget)?;
        let alone = self.alone(budget).map_err(Refusal::Failed)?;
        let common = library.common;
        let _turn = common.alone(QUIET, budget).ok_or_else(|| Refusal::Failed(self.hung(NO_QUIET).into()))?;
        let stood = common.stand();
        let before = {
            let mut state = self.state();
            if self.is_over(&state, generation) {
                return Ok(());
            }
            state.pace.done(budget.now());
            // Before the call: if it does not come back in order, nobody may take the module for initialised.
            state.initialised.take()
        };
        common.end(stood.epoch);
        let finalised = library.context.clone().finalize().map_err(Failure::from);
        let now = call_initialise(library, &alone).map_err(Refusal::Failed)?;
        match finalised {
            Err(failure) if now.by == By::Others && !failure.is_not_initialised() => {
                // It was not finalised, and so not initialised by anybody else: its sessions are as good as before.
                common.restore(stood);
                self.state().initialised = before;
                Err(Refusal::Failed(failure))
            }
            _ => {
                self.set_initialised(library, now, &alone);
                Ok(())
            }
        }
    }

    /// Whether after [`initialise_anew`](Self::initialise_anew) there would be another generation than this.
    pub(crate) fn may_initialise_anew(&self, generation: u64, budget: &Budget) -> Result<(), Refusal> {
        let state = self.state();
        if self.is_over(&state, generation) {
            return Ok(());
        }
        if self.adopted() {
            return Err(Refusal::NotOurs);
        }
        // Who never had one may just have a wrong label.
        let costs_sessions = state.session_in.is_none_or(|last| last == generation);
        if state.pace.allows(budget.now(), costs_sessions) { Ok(()) } else { Err(Refusal::TooSoon) }
    }

    /// Whether other code in this process initialised it: it is not ours to finalise.
    pub(crate) fn adopted(&self) -> bool {
        self.library.get().is_some_and(|library| library.common.stand().by == By::Others)
    }

    /// SoftHSM says "no token" when it has not found its configuration; the message should say so.
    pub(crate) fn is_softhsm(&self, info: Option<&Info>) -> bool {
        let said = info.map(|info| format!("{} {}", info.library_description(), info.manufacturer_id()));
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        [said, name].into_iter().flatten().any(|text| text.to_lowercase().contains("softhsm"))
    }

    pub(crate) fn error(&self, failure: Failure) -> Error {
        failure.into_error(Place { subject: &self.subject, adopted: self.adopted() })
    }

    /// Whether its code has run in this process: then it is late for asking who put it there.
    pub(crate) fn is_loaded(&self) -> bool {
        self.library.get().is_some()
    }

    fn library(&self) -> Result<&Library> {
        if let Some(library) = self.library.get() {
            return Ok(library);
        }
        // Two threads may load at the same moment: the system counts, and a second handle costs nothing.
        let library = library::load(&self.path)?;
        Ok(self.library.get_or_init(|| library))
    }

    /// `None` if it is not initialised.
    fn enter<'a>(
        &'a self,
        library: &'a Library,
        limit: impl Fn() -> Duration,
    ) -> Result<Option<Lease<'a>>, Failure> {
        if self.gate.is_taken() {
            // Whoever is in there initialises.
            self.refuse_if_stuck()?;
        }
        let pass = self.gate.enter(limit()).ok_or_else(|| self.hung("it is being initialised"))?;
        let turn = library.common.enter(limit()).ok_or_else(|| self.hung(BY_ANOTHER_COPY))?;
        let state = self.state();
        // Nobody ends an epoch by finalising while we have our turn.
        let Some(initialised) = current(&state, library) else { return Ok(None) };
        let initialised = Arc::clone(initialised);
        let generation = state.generation;
        Ok(Some(Lease { module: self, library, generation, initialised, _turn: turn, _pass: pass }))
    }

    fn alone(&self, budget: &Budget) -> Result<Alone<'_>, Failure> {
        if self.stuck.any() {
            return Err(self.hung(NO_QUIET).into());
        }
        self.gate.alone(QUIET.min(budget.left())).map_err(|_| self.hung(NO_QUIET).into())
    }

    fn initialise(&self, library: &Library, budget: &Budget) -> Result<(), Failure> {
        let alone = self.alone(budget)?;
        let _turn = self.turn_to_initialise(library, budget)?;
        {
            let mut state = self.state();
            if current(&state, library).is_some() {
                return Ok(());
            }
            if state.initialised.is_some() {
                // Another copy has initialised it anew, and the pace is the module's.
                state.pace.done(budget.now());
            }
        }
        let now = call_initialise(library, &alone)?;
        self.set_initialised(library, now, &alone);
        Ok(())
    }

    /// Beside the calls of other copies if it is only to be joined, else without any.
    fn turn_to_initialise<'a>(&self, library: &'a Library, budget: &Budget) -> Result<Turn<'a>, Failure> {
        let common = library.common;
        let is_joining = || common.stand().by != By::Nobody;
        loop {
            if !is_joining() {
                return common.alone(QUIET, budget).ok_or_else(|| self.hung(NO_QUIET).into());
            }
            let turn = common.enter(budget.left()).ok_or_else(|| self.hung(BY_ANOTHER_COPY))?;
            if is_joining() {
                return Ok(turn);
            }
        }
    }

    fn set_initialised(&self, library: &Library, now: Stand, _alone: &Alone<'_>) {
        library.common.initialised(now.epoch, now.by);
        let own_functions_work = is_same_instance(&library.functions);
        let info = library.context.get_library_info().ok();
        let mut state = self.state();
        state.generation += 1;
        state.initialised = Some(Arc::new(Initialised { epoch: now.epoch, own_functions_work, info }));
    }

    /// Whether sessions of `generation` are void.
    fn is_over(&self, state: &State, generation: u64) -> bool {
        let current = self.library.get().and_then(|library| current(state, library));
        state.generation != generation || current.is_none()
    }

    fn hung(&self, consequence: &str) -> Error {
        let message = format!("PKCS#11 {}: a call has not come back, and {consequence}", self.subject);
        Error::new(Code::Pkcs11Hung, message).with_hint(
            "The device or its driver is stuck; it is used again by itself once that call returns, otherwise \
             reset the device or restart the process.",
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn context(&self) -> &Pkcs11 {
        &self.library.context
    }

    /// The functions to call directly; `None` where they would reach another instance than the crate's sessions.
    pub(crate) fn functions(&self) -> Option<&Functions> {
        self.initialised.own_functions_work.then_some(&self.library.functions)
    }

    pub(crate) fn info(&self) -> Option<&Info> {
        self.initialised.info.as_ref()
    }

    /// Notes that there is a session that initialising anew would cost.
    pub(crate) fn note_session(&self) {
        self.module.state().session_in = Some(self.generation);
    }

    /// Notes that a C_Login of this generation may have been a try that the token counted.
    pub(crate) fn doubt_login(&self) {
        self.module.state().login_in_doubt = Some(self.generation);
    }

    /// Whether that is so, and initialising anew could end the doubt.
    pub(crate) fn login_is_in_doubt(&self) -> bool {
        !self.module.adopted() && self.module.state().login_in_doubt == Some(self.generation)
    }
}

/// Ours, unless another copy has ended it since. A proxy that makes instances has made another one for that copy.
fn current<'a>(state: &'a State, library: &Library) -> Option<&'a Arc<Initialised>> {
    let epoch = library.common.stand().epoch;
    let is_current = |ours: &&Arc<Initialised>| ours.epoch == epoch || !ours.own_functions_work;
    state.initialised.as_ref().filter(is_current)
}

/// C_Initialize; how the module stands then.
fn call_initialise(library: &Library, _alone: &Alone<'_>) -> Result<Stand, Failure> {
    let Stand { epoch, by } = library.common.stand();
    match library.context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) => Ok(Stand { epoch, by: By::Us }),
        // Done by another copy of this package in this epoch, or by other code.
        Err(CrateError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
            Ok(Stand { epoch, by: if by == By::Us { By::Us } else { By::Others } })
        }
        Err(error) => Err(error.into()),
    }
}

/// p11-kit's proxy makes a new instance for every C_GetFunctionList; ours then is not the one that the crate
/// initialised, and its sessions are unknown there.
fn is_same_instance(functions: &Functions) -> bool {
    let mut info = sys::CK_INFO::default();
    // SAFETY: a function of the loaded module's own list, with the structure it fills in.
    unsafe { (functions.info)(&raw mut info) == sys::CKR_OK }
}
