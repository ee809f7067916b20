//! A JavaScript callback as a PIN provider.

use std::fmt;
use std::pin::Pin;

use napi::bindgen_prelude::{Either, Function, Promise, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunction;
use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_session::PinProvider;

/// `() => Promise<string | Uint8Array | null>`; `src/ts` sees to it that it is one, and that only a variable that is not
/// set gives `null`.
pub(crate) type PinCallback<'a> = Function<'a, (), Promise<PinValue>>;

type PinValue = Option<Either<String, Uint8Array>>;

/// Weak: an unused callback must not keep the process alive.
type Callback = ThreadsafeFunction<(), Promise<PinValue>, (), napi::Status, false, true>;

pub(crate) struct JsPin(Callback);

impl JsPin {
    pub(crate) fn new(callback: &PinCallback<'_>) -> napi::Result<Self> {
        callback.build_threadsafe_function().weak::<true>().build().map(Self)
    }

    async fn ask(&self) -> Result<Option<Secret>> {
        let promise = self.0.call_async(()).await.map_err(failed)?;
        Ok(promise.await.map_err(failed)?.map(|pin| match pin {
            Either::A(text) => Secret::from(text),
            Either::B(bytes) => Secret::new(bytes.to_vec()),
        }))
    }
}

impl PinProvider for JsPin {
    fn pin(&self) -> Pin<Box<dyn Future<Output = Result<Option<Secret>>> + Send + '_>> {
        Box::pin(self.ask())
    }
}

impl fmt::Debug for JsPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsPin")
    }
}

/// What the callback threw may hold the PIN: it is not looked at here. `src/ts` attaches it as the cause.
fn failed(_error: napi::Error) -> Error {
    Error::new(Code::Pkcs11PinCallback, "option `pkcs11.userPin`: the callback gave no PIN")
        .with_param("pkcs11.userPin")
        .with_hint("It must return, or resolve to, a string or Uint8Array; what it threw is the cause.")
}
