//! The one native class: a session.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Either, Function, PromiseRaw};
use napi_derive::napi;
use refresh_session_core::{Result, Secret, Warning};
use refresh_session_refresh::Demand;
use refresh_session_session::{BaseCredentials, Presented, Session};

use crate::caller::{self, NativeCaller};
use crate::error::{NativeError, NativeWarning};
use crate::event::unix_millis;
use crate::fresh;
use crate::promise::promise;
use crate::status::NativeStatus;
use crate::sts::NativeStsClientOptions;

/// Keys as JavaScript gets them.
#[napi(object)]
pub struct NativeIdentity {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
    /// Milliseconds since 1970: their end as their source gave it, or, where this machine's wall clock is wrong, the
    /// same instant by that.
    pub expiration_ms: Option<f64>,
    pub account_id: Option<String>,
    /// What the function of `freshSerial` gives while a copy of these may be used.
    pub serial: u32,
}

/// A session: its part in a source and the keys held for it.
///
/// Its futures own what they need. An `async fn(&self)` would borrow this object, which is dropped with its
/// environment when a worker is terminated, under the feet of a fetch that goes on.
#[napi]
pub struct NativeSession {
    session: Arc<Session>,
    region: Option<String>,
    /// What signs the requests for the keys, where that is credentials too.
    base: Option<Arc<dyn BaseCredentials>>,
    /// Of the constructor.
    warnings: Mutex<Vec<Warning>>,
}

type Outcome = Either<NativeIdentity, NativeError>;

impl NativeSession {
    pub(crate) fn new(session: Session, region: Option<String>, warnings: Vec<Warning>) -> Self {
        Self { session: Arc::new(session), region, base: None, warnings: Mutex::new(warnings) }
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub(crate) fn on(self, base: Arc<dyn BaseCredentials>) -> Self {
        Self { base: Some(base), ..self }
    }
}

#[napi]
impl NativeSession {
    /// A function that gives the number of the keys of which a copy may be used as it is, otherwise 0.
    #[napi(ts_return_type = "() => number")]
    pub fn fresh_serial<'env>(&self, env: &'env Env) -> napi::Result<Function<'env, (), u32>> {
        fresh::reader(env, self.session.clone())
    }

    /// Keys that are valid (`valid`), from the fresh zone (`fresh`), or fetched in any case (`forced`).
    #[napi(ts_return_type = "Promise<NativeIdentity | NativeError>")]
    pub fn identity<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "'valid' | 'fresh' | 'forced'")] demand: String,
    ) -> napi::Result<PromiseRaw<'env, Outcome>> {
        let session = self.session.clone();
        let demand = match demand.as_str() {
            "forced" => Demand::Forced,
            "fresh" => Demand::Fresh,
            _ => Demand::Valid,
        };
        promise(env, async move { either(session.identity(demand).await.map(|keys| identity(&keys))) })
    }

    /// A service answered that these keys are no good any more. True if they are the ones held.
    #[napi]
    pub fn invalidate(&self, access_key_id: String) -> bool {
        self.session.invalidate(&access_key_id)
    }

    /// Who STS says the session's keys are, or, for `base`, the credentials they are got with.
    #[napi(ts_return_type = "Promise<NativeCaller | NativeError>")]
    pub fn caller<'env>(
        &self,
        env: &'env Env,
        base: bool,
        client: NativeStsClientOptions,
        timeout_ms: u32,
    ) -> napi::Result<PromiseRaw<'env, Either<NativeCaller, NativeError>>> {
        let base = self.base.as_ref().filter(|_| base).cloned();
        let limit = Duration::from_millis(timeout_ms.into());
        let asking = caller::caller(self.session.clone(), base, client, limit);
        promise(env, async move { either(asking.await) })
    }

    /// How things stand.
    #[napi]
    pub fn status(&self) -> NativeStatus {
        self.session.status().into()
    }

    /// The AWS region in the endpoint's name.
    #[napi]
    pub fn region(&self) -> Option<String> {
        self.region.clone()
    }

    /// Warnings of the constructor; later ones are events.
    #[napi]
    pub fn take_warnings(&self) -> Vec<NativeWarning> {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *warnings).into_iter().map(Into::into).collect()
    }

    /// Ends the session.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let closed = self.session.close();
        promise(env, closed)
    }
}

fn identity(presented: &Presented) -> NativeIdentity {
    let keys = &presented.held.identity;
    NativeIdentity {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: text(&keys.secret_access_key),
        session_token: keys.session_token.as_ref().map(text),
        expiration_ms: presented.expiration.map(unix_millis),
        account_id: keys.account_id.clone(),
        serial: presented.serial,
    }
}

fn text(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

fn either<T, U: From<refresh_session_core::Error>>(result: Result<T>) -> Either<T, U> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}
