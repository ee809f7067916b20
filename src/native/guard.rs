//! No panic crosses into Node.
//!
//! A panic in a synchronous native function aborts the process. It is caught here and becomes an error; in
//! asynchronous functions the runtime does the same.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::Either;

use crate::error::{NativeError, internal};

/// Runs `call`; a panic becomes an `ERR_INTERNAL`.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Either<T, NativeError>) -> Either<T, NativeError> {
    // Whatever the panic left half done belongs to the call alone: nothing outlives it.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Either::B(internal("a defect stopped the call")))
}
