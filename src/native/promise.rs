//! Promises, of one type underneath.
//!
//! napi and tokio build what carries a future to JavaScript once for each type of it, some ten kilobytes every time. Here a
//! future and what it gives are put into boxes first.

use std::pin::Pin;

use napi::bindgen_prelude::{JsValue as _, PromiseRaw, ToNapiValue};
use napi::{Env, JsDeferred, sys};

use crate::runtime;

/// A promise of what `outcome` gives. It never rejects, unless there is no thread to find it out, or not any more.
pub(crate) fn promise<T: ToNapiValue + Send + 'static>(
    env: &Env,
    outcome: impl Future<Output = T> + Send + 'static,
) -> napi::Result<PromiseRaw<'_, T>> {
    let (deferred, promise) = env.create_deferred::<Given, Resolver>()?;
    settle(Settlement(Some(deferred)), Box::pin(async move { Given::new(outcome.await) }));
    Ok(PromiseRaw::new(env.raw(), promise.raw()))
}

fn settle(mut promise: Settlement, outcome: Pin<Box<dyn Future<Output = Given> + Send>>) {
    match runtime::handle() {
        Ok(runtime) => {
            runtime.spawn(async move { promise.resolve(outcome.await) });
        }
        Err(error) => promise.reject(error.message()),
    }
}

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Given> + Send>;

/// A promise that is still to be settled. Dropped before, as by a panic or the end of the runtime, it is rejected.
struct Settlement(Option<JsDeferred<Given, Resolver>>);

impl Settlement {
    fn resolve(&mut self, given: Given) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(Box::new(|_| Ok(given)));
        }
    }

    fn reject(&mut self, reason: &str) {
        if let Some(deferred) = self.0.take() {
            deferred.reject(napi::Error::from_reason(reason));
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.reject("the call was given up");
    }
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
