//! Whether a reader's copy of the keys may be used: the one call that is made for every signature.
//!
//! A plain function with the session behind it, not a method: napi's checks of a method's receiver cost six times as
//! much as the answer, and its own closures allocate for their arguments. This one allocates nothing and takes no lock.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::{FromNapiValue as _, Function, check_status};
use napi::{Env, Result, sys};
use refresh_session_session::Session;

/// `() => number`: the serial number of the keys of which a copy may be used as it is, otherwise 0.
pub(crate) fn reader(env: &Env, session: Arc<Session>) -> Result<Function<'_, (), u32>> {
    const NAME: &str = "freshSerial";
    let mut function = ptr::null_mut();
    let behind = Arc::into_raw(session).cast::<c_void>().cast_mut();
    // SAFETY: name and out-pointer are valid for the call; `behind` is given back by `let_go`.
    let created = unsafe {
        sys::napi_create_function(
            env.raw(),
            NAME.as_ptr().cast(),
            isize::try_from(NAME.len()).unwrap_or_default(),
            Some(read),
            behind,
            &raw mut function,
        )
    };
    let owned = if created == sys::Status::napi_ok {
        // SAFETY: as above. The finalizer runs once, when the function is collected or its environment ends.
        unsafe {
            sys::napi_add_finalizer(
                env.raw(),
                function,
                behind,
                Some(let_go),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        }
    } else {
        created
    };
    if created != sys::Status::napi_ok {
        // SAFETY: no function was made that could use it.
        drop(unsafe { Arc::from_raw(behind.cast::<Session>()) });
    }
    check_status!(owned, "a function could not be made")?;
    // SAFETY: a function was made.
    unsafe { Function::from_napi_value(env.raw(), function) }
}

/// The call. Answers 0 ("ask") if anything is wrong.
unsafe extern "C" fn read(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut behind = ptr::null_mut();
    let mut number = ptr::null_mut();
    // SAFETY: out-pointers are valid or null as Node-API allows; it is called by Node with its own handles.
    let status = unsafe {
        sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &raw mut behind)
    };
    let mut serial = 0;
    if status == sys::Status::napi_ok && !behind.is_null() {
        // SAFETY: `behind` is the session of `reader`, alive until the function is finalized.
        let session = unsafe { &*behind.cast::<Session>() };
        serial = catch_unwind(AssertUnwindSafe(|| session.fresh_serial())).unwrap_or_default();
    }
    // SAFETY: as above. A failure leaves `number` null, which JavaScript sees as `undefined`: no serial number.
    unsafe { sys::napi_create_uint32(env, serial, &raw mut number) };
    number
}

unsafe extern "C" fn let_go(_env: sys::napi_env, behind: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by `Arc::into_raw` in `reader`; Node calls this once.
    let session = unsafe { Arc::from_raw(behind.cast::<Session>()) };
    // Dropping the last part in a source may end it, and a panic must not cross.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(session)));
}
