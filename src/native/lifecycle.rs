//! Node environments come and go (workers); the module and its tokens are the process's.
//!
//! The last environment to end closes the token sessions: a TPM without a resource manager leaks the session of
//! every process that exits without closing it.

use std::sync::atomic::{AtomicUsize, Ordering};

use napi::bindgen_prelude::{Env, Object, Result};
use napi_derive::napi;

static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

/// Runs once in every environment that loads the addon.
#[napi(module_exports)]
pub fn environment_starts(_exports: Object<'_>, env: Env) -> Result<()> {
    if ENVIRONMENTS.fetch_add(1, Ordering::AcqRel) == 0 {
        refresh_session_pkcs11::reopen();
    }
    env.add_env_cleanup_hook((), |()| {
        if ENVIRONMENTS.fetch_sub(1, Ordering::AcqRel) == 1 {
            refresh_session_pkcs11::close_all();
        }
    })?;
    Ok(())
}
