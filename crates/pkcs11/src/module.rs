//! A module as this process sees it: loaded once, initialised as often as needed.
//!
//! Initialisation is a state, not an event. `C_Initialize` fails while a device is away and must be called again
//! later; other code in the process may finalise the module under us. So every use takes a [`Lease`], which
//! initialises when needed. Each initialisation is a new *generation*: session handles of an older one may by now
//! be somebody else's and are neither used nor closed.

use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::thread;
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Info, Pkcs11};
use cryptoki::error::{Error as CrateError, RvError};
use cryptoki_sys as sys;
use refresh_session_core::{Code, Error, Result};

use crate::failure::{Failure, Place};
use crate::library::{self, Functions, Library};

/// How often and how long to wait for calls of other tokens before initialising anew.
const QUIET_TRIES: u32 = 100;
const QUIET_PAUSE: Duration = Duration::from_millis(10);

/// One module, for ever.
#[derive(Debug)]
pub(crate) struct Module {
    path: PathBuf,
    subject: String,
    library: OnceLock<Library>,
    /// Read by whoever has a call under way, written to initialise: the two exclude each other.
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    initialised: Option<Initialised>,
}

#[derive(Debug)]
struct Initialised {
    /// Somebody else had called C_Initialize: it is not ours to finalise.
    adopted: bool,
    /// Whether the function list we fetched belongs to the same instance as the crate's.
    own_functions_work: bool,
    info: Option<Info>,
}

/// The right to call an initialised module. While one is out, nobody initialises it anew.
pub(crate) struct Lease<'a> {
    library: &'a Library,
    state: RwLockReadGuard<'a, State>,
}

impl Module {
    pub(crate) fn new(path: PathBuf) -> Self {
        let subject = library::subject(&path);
        Self { path, subject, library: OnceLock::new(), state: RwLock::default() }
    }

    /// ``module `libsofthsm2.so` ``.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Loads and initialises what is not yet, and keeps it so for the life of the lease.
    pub(crate) fn lease(&self) -> Result<Lease<'_>, Failure> {
        let library = self.library()?;
        loop {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.initialised.is_some() {
                return Ok(Lease { library, state });
            }
            drop(state);
            self.initialise(library)?;
        }
    }

    /// The lease if nothing has to be done for it.
    pub(crate) fn lease_if_initialised(&self) -> Option<Lease<'_>> {
        let library = self.library.get()?;
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.initialised.is_some().then_some(Lease { library, state })
    }

    /// Notes that `generation` is over: the module said CKR_CRYPTOKI_NOT_INITIALIZED.
    ///
    /// Waits about a second for calls under way in other threads, no longer: one of them may be stuck.
    pub(crate) fn expire(&self, generation: u64) -> Result<(), Failure> {
        let mut state = self.quiet()?;
        if state.generation == generation {
            state.initialised = None;
        }
        Ok(())
    }

    /// Whether other code in this process initialised it.
    pub(crate) fn adopted(&self) -> bool {
        let state = self.state.try_read();
        state.is_ok_and(|state| state.initialised.as_ref().is_some_and(|initialised| initialised.adopted))
    }

    /// SoftHSM says "no token" when it has not found its configuration; the message should say so.
    pub(crate) fn is_softhsm(&self, info: Option<&Info>) -> bool {
        let said = info.map(|info| format!("{} {}", info.library_description(), info.manufacturer_id()));
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        [said, name].into_iter().flatten().any(|text| text.to_lowercase().contains("softhsm"))
    }

    fn library(&self) -> Result<&Library> {
        if let Some(library) = self.library.get() {
            return Ok(library);
        }
        // Two threads may load at the same moment: the system counts, and a second handle costs nothing.
        let library = library::load(&self.path)?;
        Ok(self.library.get_or_init(|| library))
    }

    fn initialise(&self, library: &Library) -> Result<(), Failure> {
        let mut state = self.quiet()?;
        if state.initialised.is_some() {
            return Ok(());
        }
        let args = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        let adopted = match library.context.initialize(args) {
            Ok(()) => false,
            Err(CrateError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => true,
            Err(error) => return Err(error.into()),
        };
        state.generation += 1;
        state.initialised = Some(Initialised {
            adopted,
            own_functions_work: is_same_instance(&library.functions),
            info: library.context.get_library_info().ok(),
        });
        Ok(())
    }

    fn quiet(&self) -> Result<std::sync::RwLockWriteGuard<'_, State>, Failure> {
        for _ in 0..QUIET_TRIES {
            match self.state.try_write() {
                Ok(state) => return Ok(state),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => thread::sleep(QUIET_PAUSE),
            }
        }
        let message = format!(
            "PKCS#11 {}: it must be initialised again, but a call of another token has not come back",
            self.subject
        );
        Err(Error::new(Code::Pkcs11Hung, message).into())
    }

    pub(crate) fn error(&self, failure: Failure) -> Error {
        failure.into_error(Place { subject: &self.subject, adopted: self.adopted() })
    }
}

impl Lease<'_> {
    pub(crate) fn generation(&self) -> u64 {
        self.state.generation
    }

    pub(crate) fn context(&self) -> &Pkcs11 {
        &self.library.context
    }

    /// The functions to call directly; `None` where they would reach another instance than the crate's sessions.
    pub(crate) fn functions(&self) -> Option<&Functions> {
        let initialised = self.state.initialised.as_ref()?;
        initialised.own_functions_work.then_some(&self.library.functions)
    }

    pub(crate) fn info(&self) -> Option<&Info> {
        self.state.initialised.as_ref()?.info.as_ref()
    }
}

/// p11-kit's proxy makes a new instance for every C_GetFunctionList; ours then is not the one that the crate
/// initialised, and its sessions are unknown there.
fn is_same_instance(functions: &Functions) -> bool {
    let mut info = sys::CK_INFO::default();
    // SAFETY: a function of the loaded module's own list, with the structure it fills in.
    unsafe { (functions.info)(&raw mut info) == sys::CKR_OK }
}
