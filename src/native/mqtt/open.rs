//! How a connection is made.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use refresh_session_session::PinProvider;
use refresh_session_session::mqtt::{MqttConnection, Wake};

use super::connection::NativeMqttConnection;
use super::options::NativeMqttOptions;
use crate::error::{NativeError, internal};
use crate::guard::guarded;
use crate::pin::{JsPin, PinCallback};
use crate::runtime::surroundings;
use crate::session::NativeSession;

/// Makes a connection for a session. Reads certificate, key and CA files; no network, no token. `wake` is called, in a
/// later turn of the event loop, when `collect` has something again.
#[napi]
pub fn open_mqtt(
    session: &NativeSession,
    options: NativeMqttOptions,
    wake: Function<'_, (), ()>,
    #[napi(ts_arg_type = "() => Promise<string | Uint8Array | null>")] pin: Option<PinCallback<'_>>,
) -> Either<NativeMqttConnection, NativeError> {
    let callbacks = || {
        let pin = pin.as_ref().map(JsPin::new).transpose()?;
        napi::Result::Ok((waker(&wake)?, pin.map(|pin| Arc::new(pin) as Arc<dyn PinProvider>)))
    };
    guarded(|| {
        let (wake, pin) = match callbacks() {
            Ok(callbacks) => callbacks,
            Err(error) => return Either::B(internal(&error.reason)),
        };
        let options = options.into_options(pin);
        let opened =
            surroundings().and_then(|around| MqttConnection::open(options, session.session(), around, wake));
        match opened {
            Ok((connection, warnings)) => Either::A(NativeMqttConnection::new(connection, warnings)),
            Err(error) => Either::B(error.into()),
        }
    })
}

/// Weak: what holds the process is a handle of JavaScript's, for as long as the connection is to be up.
type Waker = ThreadsafeFunction<(), (), (), napi::Status, false, true>;

fn waker(wake: &Function<'_, (), ()>) -> napi::Result<Wake> {
    let wake: Waker = wake.build_threadsafe_function().weak::<true>().build()?;
    Ok(Arc::new(move || {
        // An environment that is gone hears nothing.
        wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}
