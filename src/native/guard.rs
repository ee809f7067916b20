//! No panic crosses into Node.
//!
//! A panic in a synchronous native function aborts the process. It is caught here and becomes an error. In asynchronous
//! functions the runtime catches it; where others' code may panic for what it finds in a file, it becomes an error here too.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::Either;
use refresh_session_core::Result;

use crate::error::{NativeError, defect, internal};

/// Runs `call`; a panic becomes an `ERR_INTERNAL`.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Either<T, NativeError>) -> Either<T, NativeError> {
    // Whatever the panic left half done belongs to the call alone: nothing outlives it.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Either::B(internal(DEFECT)))
}

/// The outcome of `call`, in a task of its own; a panic becomes an `ERR_INTERNAL`.
pub(crate) async fn guarded_task<T: Send + 'static>(
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(call).await.unwrap_or_else(|_| Err(defect(DEFECT)))
}

const DEFECT: &str = "a defect stopped the call";
