//! The tokio runtime of the process: one worker.
//!
//! The work is a request now and then; what takes long is the token, and waiting for that moves the worker's other
//! tasks to another thread (`block_in_place`). A second worker would mostly be woken to find nothing to do: with one,
//! a fetch is a quarter faster and an idle process has a thread less.

use std::sync::Arc;

use napi_derive::module_init;
use refresh_session_session::clock::calendar;
use refresh_session_session::{Surroundings, SystemAlarm, SystemClock, SystemNetwork};
use tokio::runtime::Handle;

#[module_init]
fn choose_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("refresh-session")
        .enable_all()
        .build();
    // Where none can be made, the default one says why when it fails too.
    if let Ok(runtime) = runtime {
        napi::bindgen_prelude::create_custom_tokio_runtime(runtime);
    }
}

/// The system's clocks and this runtime, for one session.
pub(crate) fn surroundings() -> Surroundings {
    Surroundings {
        clock: Arc::new(SystemClock),
        calendar: calendar(),
        alarm: Arc::new(SystemAlarm::new()),
        network: Arc::new(SystemNetwork::new()),
        runtime: napi::bindgen_prelude::within_runtime_if_available(Handle::current),
    }
}
