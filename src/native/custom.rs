//! A JavaScript function as a provider of credentials.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::{Either, Function, Promise};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_session::{CustomExpiration, CustomKeys, CustomProvider, Fetching};

/// Options of `method: "custom"` and of `refreshable`.
#[napi(object)]
pub struct NativeCustomOptions {
    /// Whether it is a provider, not the option `customCredentials`.
    pub provider: bool,
    /// Equal for the same function with the same arguments in the same thread.
    pub same: String,
}

/// What the function gave: keys or a failure.
#[napi(object)]
pub struct NativeCustomReply {
    pub keys: Option<NativeCustomKeys>,
    pub failure: Option<NativeCustomFailure>,
}

/// Keys; types are checked, values are not.
#[napi(object)]
pub struct NativeCustomKeys {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
    /// A text, or milliseconds since 1970.
    pub expiration: Option<Either<String, f64>>,
    pub account_id: Option<String>,
}

/// Why there are none.
#[napi(object)]
pub struct NativeCustomFailure {
    /// What it gave is of a wrong type, and not: it failed.
    pub bad: bool,
    pub message: String,
    pub hint: String,
    pub retryable: bool,
}

/// `(call: number) => Promise<NativeCustomReply>`; never rejects.
pub(crate) type AskCallback<'a> = Function<'a, u32, Promise<NativeCustomReply>>;

/// `(call: number) => void`: nobody waits for this call any more.
pub(crate) type AbortCallback<'a> = Function<'a, u32, ()>;

/// Weak: an unused function must not keep the process alive.
type Ask = ThreadsafeFunction<u32, Promise<NativeCustomReply>, u32, napi::Status, false, true>;
type Abort = ThreadsafeFunction<u32, (), u32, napi::Status, false, true>;

/// Numbers the calls of the process: sessions with different settings share a function, and may call it at once.
static CALLS: AtomicU32 = AtomicU32::new(0);

pub(crate) struct JsCredentials {
    ask: Ask,
    abort: Abort,
    param: &'static str,
}

impl JsCredentials {
    pub(crate) fn new(
        ask: &AskCallback<'_>,
        abort: &AbortCallback<'_>,
        param: &'static str,
    ) -> napi::Result<Self> {
        Ok(Self {
            ask: ask.build_threadsafe_function().weak::<true>().build()?,
            abort: abort.build_threadsafe_function().weak::<true>().build()?,
            param,
        })
    }

    async fn call(&self) -> Result<CustomKeys> {
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut call = Call { abort: &self.abort, number, over: false };
        let reply = match self.ask.call_async(number).await {
            Ok(promise) => promise.await,
            Err(error) => Err(error),
        };
        call.over = true;
        match reply {
            Ok(NativeCustomReply { failure: Some(failure), .. }) => Err(failure.into_error(self.param)),
            Ok(NativeCustomReply { keys: Some(keys), .. }) => Ok(keys.into()),
            // Its thread has ended.
            _ => Err(Error::new(Code::CallbackFailed, format!("`{}` could not be called", self.param))),
        }
    }
}

impl CustomProvider for JsCredentials {
    fn credentials(&self) -> Fetching<'_, Result<CustomKeys>> {
        Box::pin(self.call())
    }
}

impl fmt::Debug for JsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsCredentials").field("param", &self.param).finish_non_exhaustive()
    }
}

/// A call under way; dropped before its end, one that is aborted.
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

impl From<NativeCustomKeys> for CustomKeys {
    fn from(keys: NativeCustomKeys) -> Self {
        Self {
            access_key_id: keys.access_key_id,
            secret_access_key: Secret::from(keys.secret_access_key),
            session_token: keys.session_token.map(Secret::from),
            expiration: match keys.expiration {
                None => CustomExpiration::Never,
                Some(Either::A(text)) => CustomExpiration::Text(text),
                Some(Either::B(millis)) => CustomExpiration::Millis(millis),
            },
            account_id: keys.account_id,
        }
    }
}

impl NativeCustomFailure {
    fn into_error(self, param: &'static str) -> Error {
        let code = if self.bad { Code::BadCredentials } else { Code::CallbackFailed };
        Error::new(code, self.message).with_param(param).with_hint(self.hint).with_retryable(self.retryable)
    }
}
