//! The tokio runtime of the process: one worker, from the first session on.
//!
//! The work is a request now and then; what takes long is the token, and waiting for that moves the worker's other
//! tasks to another thread (`block_in_place`). A second worker would mostly be woken to find nothing to do: with one,
//! a fetch is a quarter faster and an idle process has a thread less.
//!
//! It is ours and not napi-rs's, which starts one as soon as the addon is loaded: a program that has only imported the
//! package has no thread of it. `lifecycle` ends it with the last Node environment; a later one makes another.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refresh_session_core::{Code, Error, Result};
use refresh_session_session::clock::calendar;
use refresh_session_session::{Surroundings, SystemAlarm, SystemClock, SystemNetwork};
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime, which is made if there is none.
///
/// # Errors
///
/// `ERR_INTERNAL` if the system gives no thread or no descriptor.
pub(crate) fn handle() -> Result<Handle> {
    let mut runtime = runtime();
    if let Some(runtime) = runtime.as_ref() {
        return Ok(runtime.handle().clone());
    }
    // tokio returns it if there is no descriptor for it, and panics if there is no thread.
    let made = catch_unwind(|| {
        Builder::new_multi_thread().worker_threads(1).thread_name("refresh-session").enable_all().build()
    });
    match made {
        Ok(Ok(made)) => Ok(runtime.insert(made).handle().clone()),
        Ok(Err(failure)) => Err(short_of_resources().with_source(failure)),
        Err(_) => Err(short_of_resources()),
    }
}

/// Ends what still runs; waits for nothing.
pub(crate) fn end() {
    let ended = runtime().take();
    if let Some(runtime) = ended {
        runtime.shutdown_background();
    }
}

/// The system's clocks and this runtime, for one session.
pub(crate) fn surroundings() -> Result<Surroundings> {
    Ok(Surroundings {
        clock: Arc::new(SystemClock),
        calendar: calendar(),
        alarm: Arc::new(SystemAlarm::new()),
        network: Arc::new(SystemNetwork::new()),
        runtime: handle()?,
    })
}

fn short_of_resources() -> Error {
    Error::new(Code::Internal, "the system gave the addon no thread")
        .with_hint("Look at the limits of this process: `ulimit -u`, `ulimit -n`, and memory and `pids.max` of its cgroup.")
}

fn runtime() -> MutexGuard<'static, Option<Runtime>> {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}
