//! A JavaScript function that gives a short-lived secret text: an MFA code or a web identity token.

use napi_derive::napi;
use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_session::description::Description;
use refresh_session_session::web_identity::TokenProvider;
use refresh_session_session::{Fetching, MfaCallback};

use crate::calls::{AbortCallback, AskCallback, Calls};
use crate::custom::NativeCustomFailure;

/// What the function gave: a text, something of another type, or a failure.
#[napi(object)]
pub struct NativeTextReply {
    pub text: Option<String>,
    /// The type of what it gave instead of a text.
    pub kind: Option<String>,
    pub failure: Option<NativeCustomFailure>,
}

/// `(call: number) => Promise<NativeTextReply>`; never rejects.
pub(crate) type AskText<'a> = AskCallback<'a, NativeTextReply>;

#[derive(Debug)]
pub(crate) struct JsText(Calls<NativeTextReply>);

impl JsText {
    pub(crate) fn new(
        ask: &AskText<'_>,
        abort: &AbortCallback<'_>,
        param: &'static str,
    ) -> napi::Result<Self> {
        Calls::new(ask, abort, param).map(Self)
    }

    /// Both functions, or none.
    pub(crate) fn optional(
        ask: Option<&AskText<'_>>,
        abort: Option<&AbortCallback<'_>>,
        param: &'static str,
    ) -> napi::Result<Option<Self>> {
        ask.zip(abort).map(|(ask, abort)| Self::new(ask, abort, param)).transpose()
    }

    async fn ask(&self, wrong: Code) -> Result<Secret> {
        match self.0.call().await? {
            NativeTextReply { text: Some(text), .. } => Ok(Secret::from(text)),
            NativeTextReply { failure: Some(failure), .. } => Err(failure.into_error(self.0.param())),
            NativeTextReply { kind: Some(kind), .. } => {
                let param = self.0.param();
                Err(Error::new(wrong, format!("what `{param}` gave is of type {kind}, not a string"))
                    .with_param(param)
                    .with_hint("It must give, or resolve to, a string. The keys held are kept."))
            }
            NativeTextReply { .. } => Err(self.0.uncallable()),
        }
    }
}

impl MfaCallback for JsText {
    fn code(&self) -> Fetching<'_, Result<Secret>> {
        Box::pin(self.ask(Code::MfaCode))
    }
}

impl TokenProvider for JsText {
    fn token(&self) -> Fetching<'_, Result<Secret>> {
        Box::pin(self.ask(Code::BadCredentials))
    }

    /// A function cannot be looked into: each session asks its own.
    fn describe(&self, _description: &mut Description) -> bool {
        false
    }
}
