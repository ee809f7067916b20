//! Functions of the user's that answer by a promise: each call has a number, and can be aborted by it.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::{FromNapiValue, Function, Promise};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use refresh_session_core::{Code, Error, Result};

/// `(call: number) => Promise<R>`; never rejects.
pub(crate) type AskCallback<'a, R> = Function<'a, u32, Promise<R>>;

/// `(call: number) => void`: nobody waits for this call any more.
pub(crate) type AbortCallback<'a> = Function<'a, u32, ()>;

/// Weak: an unused function must not keep the process alive.
type Ask<R> = ThreadsafeFunction<u32, Promise<R>, u32, napi::Status, false, true>;
type Abort = ThreadsafeFunction<u32, (), u32, napi::Status, false, true>;

/// Numbers the calls of the process: sessions with different settings share a function, and may call it at once.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// One such function.
pub(crate) struct Calls<R: 'static + FromNapiValue> {
    ask: Ask<R>,
    abort: Abort,
    param: &'static str,
}

impl<R: 'static + FromNapiValue + Send> Calls<R> {
    pub(crate) fn new(
        ask: &AskCallback<'_, R>,
        abort: &AbortCallback<'_>,
        param: &'static str,
    ) -> napi::Result<Self> {
        Ok(Self {
            ask: ask.build_threadsafe_function().weak::<true>().build()?,
            abort: abort.build_threadsafe_function().weak::<true>().build()?,
            param,
        })
    }

    /// The option it was given as.
    pub(crate) fn param(&self) -> &'static str {
        self.param
    }

    /// Calls it. Dropped before its end, it is aborted.
    pub(crate) async fn call(&self) -> Result<R> {
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut call = Call { abort: &self.abort, number, over: false };
        let reply = match self.ask.call_async(number).await {
            Ok(promise) => promise.await,
            Err(error) => Err(error),
        };
        call.over = true;
        reply.map_err(|_| self.uncallable())
    }

    /// Its thread has ended.
    pub(crate) fn uncallable(&self) -> Error {
        Error::new(Code::CallbackFailed, format!("`{}` could not be called", self.param))
            .with_param(self.param)
    }
}

impl<R: 'static + FromNapiValue> fmt::Debug for Calls<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("param", &self.param).finish_non_exhaustive()
    }
}

/// A call under way.
struct Call<'a> {
    abort: &'a Abort,
    number: u32,
    over: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.abort.call(self.number, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
