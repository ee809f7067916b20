//! Promises, of one type underneath.
//!
//! napi and tokio build what carries a future to JavaScript once for each type of it, some ten kilobytes every time. Here a
//! future and what it gives are put into boxes first.

use std::pin::Pin;

use napi::bindgen_prelude::{JsValue as _, PromiseRaw, ToNapiValue};
use napi::{Env, sys};

type Outcome = Pin<Box<dyn Future<Output = napi::Result<Given>> + Send>>;

/// A promise of what `outcome` gives. It never rejects.
pub(crate) fn promise<T: ToNapiValue + Send + 'static>(
    env: &Env,
    outcome: impl Future<Output = T> + Send + 'static,
) -> napi::Result<PromiseRaw<'_, T>> {
    let outcome: Outcome = Box::pin(async move { Ok(Given::new(outcome.await)) });
    let promise = env.spawn_future(outcome)?;
    Ok(PromiseRaw::new(env.raw(), promise.raw()))
}

/// A value of any type on its way to JavaScript.
struct Given(Box<dyn FnOnce(sys::napi_env) -> napi::Result<sys::napi_value> + Send>);

impl Given {
    fn new<T: ToNapiValue + Send + 'static>(value: T) -> Self {
        // SAFETY: called by `to_napi_value` below alone, which has the same conditions.
        Self(Box::new(move |env| unsafe { T::to_napi_value(env, value) }))
    }
}

impl ToNapiValue for Given {
    unsafe fn to_napi_value(env: sys::napi_env, given: Self) -> napi::Result<sys::napi_value> {
        (given.0)(env)
    }
}
