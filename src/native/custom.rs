//! A JavaScript function as a provider of credentials.

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_session::{CustomExpiration, CustomKeys, CustomProvider, Fetching};

use crate::calls::{AbortCallback, AskCallback, Calls};

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
pub(crate) type AskCredentials<'a> = AskCallback<'a, NativeCustomReply>;

#[derive(Debug)]
pub(crate) struct JsCredentials(Calls<NativeCustomReply>);

impl JsCredentials {
    pub(crate) fn new(
        ask: &AskCredentials<'_>,
        abort: &AbortCallback<'_>,
        param: &'static str,
    ) -> napi::Result<Self> {
        Calls::new(ask, abort, param).map(Self)
    }
}

impl CustomProvider for JsCredentials {
    fn credentials(&self) -> Fetching<'_, Result<CustomKeys>> {
        Box::pin(async {
            match self.0.call().await? {
                NativeCustomReply { failure: Some(failure), .. } => Err(failure.into_error(self.0.param())),
                NativeCustomReply { keys: Some(keys), .. } => Ok(keys.into()),
                NativeCustomReply { .. } => Err(self.0.uncallable()),
            }
        })
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
    pub(crate) fn into_error(self, param: &'static str) -> Error {
        let code = if self.bad { Code::BadCredentials } else { Code::CallbackFailed };
        Error::new(code, self.message).with_param(param).with_hint(self.hint).with_retryable(self.retryable)
    }
}
