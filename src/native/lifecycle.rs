//! Node environments come and go (workers); the module and its tokens are the process's.
//!
//! Whoever ends last closes the token sessions: a TPM without a resource manager leaks the session of every process
//! that exits without closing it, and a module that is called during the C library's teardown crashes. Node runs no
//! cleanup hook of the main thread on `process.exit()` or an uncaught error: there `src/ts/native.ts` calls
//! [`end_process`] from the `exit` event.

use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Env, Object, Result};
use napi_derive::napi;

use crate::runtime;

/// How many environments use the addon. Held while the tokens are closed or opened for the last or first of them.
static ENVIRONMENTS: Mutex<usize> = Mutex::new(0);

/// Runs once in every environment that loads the addon.
#[napi(module_exports)]
pub fn environment_starts(_exports: Object<'_>, env: Env) -> Result<()> {
    let mut environments = count();
    if *environments == 0 {
        refresh_session_pkcs11::reopen();
    }
    *environments += 1;
    drop(environments);
    env.add_env_cleanup_hook((), |()| {
        let mut environments = count();
        *environments -= 1;
        if *environments == 0 {
            refresh_session_pkcs11::close_all();
            runtime::end();
        }
    })?;
    Ok(())
}

fn count() -> MutexGuard<'static, usize> {
    ENVIRONMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process ends: token sessions are closed, about a second at most, and no token is used any more.
#[napi]
pub fn end_process() {
    refresh_session_pkcs11::close_all();
}
