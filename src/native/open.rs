//! How sessions are made, one function for each kind of source.

use std::sync::Arc;

use napi::bindgen_prelude::Either;
use napi_derive::napi;
use refresh_session_core::{Result, Warning};
use refresh_session_session::{
    ContainerSource, CustomName, CustomSource, IotSource, Listener, PinProvider, Session, Source, StsSource,
    Surroundings, WebIdentitySource,
};

use crate::calls::AbortCallback;
use crate::container::{AskEnvironment, JsEnvironment, NativeContainerOptions};
use crate::custom::{AskCredentials, JsCredentials, NativeCustomOptions};
use crate::error::{NativeError, internal};
use crate::event::{EventCallback, listener};
use crate::guard::guarded;
use crate::options::{NativeCommonOptions, NativeIotOptions};
use crate::pin::{JsPin, PinCallback};
use crate::runtime::surroundings;
use crate::session::NativeSession;
use crate::sts::{NativeStsOptions, NativeWebIdentityOptions};
use crate::text::{AskText, JsText};

type Opened = Either<NativeSession, NativeError>;

/// Makes a session on the IoT credentials endpoint. Reads certificate, key and CA files; no network, no token.
#[napi]
pub fn open_iot(
    common: NativeCommonOptions,
    options: NativeIotOptions,
    #[napi(ts_arg_type = "(event: NativeEvent) => void")] listen: EventCallback<'_>,
    #[napi(ts_arg_type = "() => Promise<string | Uint8Array | null>")] pin: Option<PinCallback<'_>>,
) -> Either<NativeSession, NativeError> {
    let callbacks = || {
        let pin = pin.as_ref().map(JsPin::new).transpose()?;
        Ok((listener(&listen)?, pin.map(|pin| Arc::new(pin) as Arc<dyn PinProvider>)))
    };
    open(callbacks, |(listener, pin)| {
        let around = surroundings()?;
        let options = options.into_options(common.to_options().timeout, pin);
        let (source, warnings) = IotSource::new(options, around.clock.clone(), around.calendar.clone())?;
        let region = source.region().map(Into::into);
        session(source, &common, around, listener, region, warnings)
    })
}

/// Makes a session on a function of the user's. Calls nothing.
#[napi]
pub fn open_custom(
    common: NativeCommonOptions,
    options: NativeCustomOptions,
    #[napi(ts_arg_type = "(event: NativeEvent) => void")] listen: EventCallback<'_>,
    #[napi(ts_arg_type = "(call: number) => Promise<NativeCustomReply>")] ask: AskCredentials<'_>,
    #[napi(ts_arg_type = "(call: number) => void")] abort: AbortCallback<'_>,
) -> Either<NativeSession, NativeError> {
    let name = if options.provider { CustomName::Provider } else { CustomName::Callback };
    let callbacks = || Ok((listener(&listen)?, JsCredentials::new(&ask, &abort, name.param())?));
    open(callbacks, |(listener, provider)| {
        let around = surroundings()?;
        let source = CustomSource::new(Arc::new(provider), name, &options.same, around.clock.clone())?;
        session(source, &common, around, listener, None, Vec::new())
    })
}

/// Makes a session on the container endpoint. Reads nothing.
#[napi]
pub fn open_container(
    common: NativeCommonOptions,
    options: NativeContainerOptions,
    #[napi(ts_arg_type = "(event: NativeEvent) => void")] listen: EventCallback<'_>,
    #[napi(ts_arg_type = "(call: number) => Promise<NativeContainerPlace>")] ask: AskEnvironment<'_>,
    #[napi(ts_arg_type = "(call: number) => void")] abort: AbortCallback<'_>,
) -> Either<NativeSession, NativeError> {
    let callbacks = || Ok((listener(&listen)?, JsEnvironment::new(&ask, &abort)?));
    open(callbacks, |(listener, environment)| {
        let around = surroundings()?;
        let (calendar, clock) = (around.calendar.clone(), around.clock.clone());
        let NativeContainerOptions { same, given } = options;
        let source = ContainerSource::new(given.into(), Arc::new(environment), &same, calendar, clock)?;
        session(source, &common, around, listener, None, Vec::new())
    })
}

/// Makes a session on AssumeRole. Calls nothing.
#[napi]
pub fn open_sts(
    common: NativeCommonOptions,
    options: NativeStsOptions,
    #[napi(ts_arg_type = "(event: NativeEvent) => void")] listen: EventCallback<'_>,
    #[napi(ts_arg_type = "(call: number) => Promise<NativeCustomReply>")] ask: AskCredentials<'_>,
    #[napi(ts_arg_type = "(call: number) => void")] abort: AbortCallback<'_>,
    #[napi(ts_arg_type = "(call: number) => Promise<NativeTextReply>")] ask_code: Option<AskText<'_>>,
    #[napi(ts_arg_type = "(call: number) => void")] abort_code: Option<AbortCallback<'_>>,
) -> Either<NativeSession, NativeError> {
    let callbacks = || {
        let base = JsCredentials::new(&ask, &abort, CustomName::Base.param())?;
        let code = JsText::optional(ask_code.as_ref(), abort_code.as_ref(), "mfaTokenProvider")?;
        Ok((listener(&listen)?, base, code))
    };
    open(callbacks, |(listener, base, code)| {
        let around = surroundings()?;
        let (clock, calendar) = (around.clock.clone(), around.calendar.clone());
        let common = common.to_options();
        let options = options.into_options(base, code, common.timeout)?;
        let base = options.base.clone();
        let (source, warnings) = StsSource::new(options, clock, calendar)?;
        let region = Some(source.region().to_owned());
        let settings = source.settings(&common)?;
        let session = Session::open(Box::new(source), &settings, around, listener)?;
        Ok(NativeSession::new(session, region, warnings).on(base))
    })
}

/// Makes a session on AssumeRoleWithWebIdentity. Reads no token.
#[napi]
pub fn open_web_identity(
    common: NativeCommonOptions,
    options: NativeWebIdentityOptions,
    #[napi(ts_arg_type = "(event: NativeEvent) => void")] listen: EventCallback<'_>,
    #[napi(ts_arg_type = "(call: number) => Promise<NativeTextReply>")] ask: Option<AskText<'_>>,
    #[napi(ts_arg_type = "(call: number) => void")] abort: Option<AbortCallback<'_>>,
) -> Either<NativeSession, NativeError> {
    let callbacks = || {
        let token = JsText::optional(ask.as_ref(), abort.as_ref(), "webIdentityToken")?;
        Ok((listener(&listen)?, token))
    };
    open(callbacks, |(listener, token)| {
        let around = surroundings()?;
        let (clock, calendar) = (around.clock.clone(), around.calendar.clone());
        let (source, warnings) = WebIdentitySource::new(options.into_options(token)?, clock, calendar)?;
        let region = Some(source.region().to_owned());
        session(source, &common, around, listener, region, warnings)
    })
}

/// Takes hold of JavaScript's functions, then makes a session with them.
fn open<C>(
    callbacks: impl FnOnce() -> napi::Result<C>,
    make: impl FnOnce(C) -> Result<NativeSession>,
) -> Opened {
    guarded(|| match callbacks() {
        Ok(callbacks) => match make(callbacks) {
            Ok(session) => Either::A(session),
            Err(error) => Either::B(error.into()),
        },
        Err(error) => Either::B(internal(&error.reason)),
    })
}

fn session(
    source: impl Source + 'static,
    common: &NativeCommonOptions,
    around: Surroundings,
    listener: Listener,
    region: Option<String>,
    warnings: Vec<Warning>,
) -> Result<NativeSession> {
    let session = Session::open(Box::new(source), &common.to_options().settings()?, around, listener)?;
    Ok(NativeSession::new(session, region, warnings))
}
