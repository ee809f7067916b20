//! `method: "container"`: options, and the environment as JavaScript sees it.

use napi_derive::napi;
use refresh_session_core::{Result, Secret};
use refresh_session_session::{ContainerEnvironment, ContainerOptions, Environment, Fetching};

use crate::calls::{AbortCallback, AskCallback, Calls};

/// Options of `method: "container"`.
#[napi(object)]
pub struct NativeContainerOptions {
    /// Equal for the same environment: that of a thread.
    pub same: String,
    pub given: NativeContainerPlace,
}

/// Where the endpoint is and what it wants to see: of the options, or of the environment.
#[napi(object)]
pub struct NativeContainerPlace {
    pub relative_uri: Option<String>,
    pub full_uri: Option<String>,
    pub authorization_token: Option<String>,
    pub authorization_token_file: Option<String>,
}

/// `(call: number) => Promise<NativeContainerPlace>`; never rejects.
pub(crate) type AskEnvironment<'a> = AskCallback<'a, NativeContainerPlace>;

/// The environment of the thread that made the session.
#[derive(Debug)]
pub(crate) struct JsEnvironment(Calls<NativeContainerPlace>);

impl JsEnvironment {
    pub(crate) fn new(ask: &AskEnvironment<'_>, abort: &AbortCallback<'_>) -> napi::Result<Self> {
        Calls::new(ask, abort, "fullUri").map(Self)
    }
}

impl Environment for JsEnvironment {
    fn read(&self) -> Fetching<'_, Result<ContainerEnvironment>> {
        Box::pin(async { Ok(self.0.call().await?.into()) })
    }
}

impl From<NativeContainerPlace> for ContainerEnvironment {
    fn from(place: NativeContainerPlace) -> Self {
        Self {
            relative_uri: place.relative_uri,
            full_uri: place.full_uri,
            token: place.authorization_token.map(Secret::from),
            token_file: place.authorization_token_file,
        }
    }
}

impl From<NativeContainerPlace> for ContainerOptions {
    fn from(place: NativeContainerPlace) -> Self {
        Self {
            relative_uri: place.relative_uri,
            full_uri: place.full_uri,
            token: place.authorization_token.map(Secret::from),
            token_file: place.authorization_token_file,
        }
    }
}
