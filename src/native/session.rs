//! The one native class: a session.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Either, PromiseRaw};
use napi_derive::napi;
use refresh_session_core::{Clock, Result, Warning};
use refresh_session_session::{Held, IotSource, PinProvider, Schedule, Session, SystemClock};

use crate::error::{NativeError, NativeWarning};
use crate::guard::guarded;
use crate::options::{NativeCommonOptions, NativeIotOptions};
use crate::pin::{JsPin, PinCallback};

/// Keys as JavaScript gets them.
#[napi(object)]
pub struct NativeIdentity {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    /// Milliseconds since 1970, by the server's clock.
    pub expiration_ms: f64,
    /// What `freshGeneration` answers while these are fresh.
    pub generation: u32,
}

/// A session: its source and the keys it holds.
///
/// Its futures own what they need. An `async fn(&self)` would borrow this object, which is dropped with its
/// environment when a worker is terminated, under the feet of a fetch that goes on.
#[napi]
pub struct NativeSession {
    session: Arc<Session>,
    warnings: Warnings,
}

type Warnings = Arc<Mutex<Vec<Warning>>>;

type Outcome = Either<NativeIdentity, NativeError>;

/// Makes a session on the IoT credentials endpoint. Reads certificate, key and CA files; no network, no token.
#[napi]
pub fn open_iot(
    common: NativeCommonOptions,
    options: NativeIotOptions,
    #[napi(ts_arg_type = "() => Promise<string | Uint8Array>")] pin: Option<PinCallback<'_>>,
) -> Either<NativeSession, NativeError> {
    guarded(|| {
        let pin = match pin.as_ref().map(JsPin::new).transpose() {
            Ok(pin) => pin.map(|pin| Arc::new(pin) as Arc<dyn PinProvider>),
            Err(error) => return Either::B(crate::error::internal(&error.reason)),
        };
        either(open(&common, options, pin))
    })
}

fn open(
    common: &NativeCommonOptions,
    options: NativeIotOptions,
    pin: Option<Arc<dyn PinProvider>>,
) -> Result<NativeSession> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let warnings = Warnings::default();
    let later = warnings.clone();
    let warn = Arc::new(move |warning| lock(&later).push(warning));
    let limit = Duration::from_millis(common.timeout_ms.into());
    let (source, at_once) = IotSource::new(options.into_options(limit, pin), clock.clone(), warn)?;
    lock(&warnings).extend(at_once);
    let schedule =
        Schedule::new(common.advisory_window_seconds.map(|seconds| Duration::from_secs(seconds.into())));
    let session = Session::new(Box::new(source), clock, schedule, limit);
    Ok(NativeSession { session, warnings })
}

#[napi]
impl NativeSession {
    /// The number of the keys held while they can be used as they are, otherwise 0.
    #[napi]
    pub fn fresh_generation(&self) -> u32 {
        self.session.fresh_generation()
    }

    /// Keys that are valid now; `force` fetches in any case.
    #[napi(ts_return_type = "Promise<NativeIdentity | NativeError>")]
    pub fn identity<'env>(&self, env: &'env Env, force: bool) -> napi::Result<PromiseRaw<'env, Outcome>> {
        let session = self.session.clone();
        env.spawn_future(async move { Ok(either(session.identity(force).await.map(|held| identity(&held)))) })
    }

    /// Warnings since the last call.
    #[napi]
    pub fn take_warnings(&self) -> Vec<NativeWarning> {
        std::mem::take(&mut *lock(&self.warnings)).into_iter().map(Into::into).collect()
    }

    /// Ends the session.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let session = self.session.clone();
        env.spawn_future(async move {
            session.close().await;
            Ok(())
        })
    }
}

fn identity(held: &Held) -> NativeIdentity {
    let keys = &held.identity;
    NativeIdentity {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: String::from_utf8_lossy(keys.secret_access_key.expose()).into_owned(),
        session_token: String::from_utf8_lossy(keys.session_token.expose()).into_owned(),
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit a double until the year 287396"
        )]
        expiration_ms: keys.expiration.unix_millis() as f64,
        generation: held.generation,
    }
}

fn either<T, U: From<refresh_session_core::Error>>(result: Result<T>) -> Either<T, U> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}

fn lock(warnings: &Warnings) -> std::sync::MutexGuard<'_, Vec<Warning>> {
    warnings.lock().unwrap_or_else(PoisonError::into_inner)
}
