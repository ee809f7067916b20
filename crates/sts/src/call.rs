//! One call: sign, send, read, and once more if the time was wrong.

use std::sync::Arc;

use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    BehaviorVersion, Config, Credentials, FrameworkMetadata, IdentityCache, Region,
    StalledStreamProtectionConfig,
};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::{Client, config::endpoint::EndpointFuture};
use aws_smithy_types::endpoint::Endpoint;
use refresh_session_core::{Clock, Code, Error, Identity, Result};
use refresh_session_tls::{HttpClient, HttpResponse};

use crate::StsEndpoint;
use crate::connector::Connector;
use crate::refusal::{self, Request};
use crate::skew::{self, SignedAt, SigningClock};

/// What every call of a client has.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) endpoint: StsEndpoint,
    pub(crate) http: Arc<HttpClient>,
    pub(crate) signing: SigningClock,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How one call is made.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// Signs it; `None`: it is not signed.
    pub(crate) signer: Option<&'a Identity>,
    /// It holds what may be sent only once.
    pub(crate) once: bool,
    /// For messages.
    pub(crate) request: Request<'a>,
}

impl Caller {
    /// Makes the call `operation`, with the client it is given.
    pub(crate) async fn call<O, E, F>(
        &self,
        manner: Manner<'_>,
        operation: impl Fn(Client) -> F,
    ) -> Result<(O, HttpResponse)>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<O, SdkError<E>>>,
    {
        let mut corrected = false;
        loop {
            let signed = self.signing.now(&*self.clock);
            let connector = Connector::new(self.http.clone(), manner.once);
            let client = Client::from_conf(self.config(manner.signer, SignedAt(signed), connector.clone()));
            let outcome = operation(client).await;
            let response = match connector.outcome() {
                Some(sent) => sent?,
                // What it objects to may hold a secret.
                None => return Err(Error::new(Code::Internal, "the SDK could not build the request")),
            };
            let refused = match outcome {
                Ok(output) => return Ok((output, response)),
                Err(refused) => refused,
            };
            let metadata = refused.as_service_error().map(ProvideErrorMetadata::meta);
            let code = metadata.and_then(|said| said.code()).unwrap_or_default();
            let off = response.server_date().filter(|date| skew::is_far(*date, signed));
            if let Some(date) =
                off.filter(|_| skew::is_suspect(code) && !corrected && manner.signer.is_some())
            {
                self.signing.learn(date, response.at(), response.round_trip());
                corrected = true;
                continue;
            }
            let message = metadata.and_then(|said| said.message()).unwrap_or_default();
            let said = refusal::Said { code, message, off: off.is_some() };
            return Err(refusal::error(&manner.request, &said, &response));
        }
    }

    fn config(&self, signer: Option<&Identity>, time: SignedAt, connector: Connector) -> Config {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.endpoint.region().to_owned()))
            .endpoint_resolver(Fixed(self.endpoint.url()))
            .http_client(connector)
            .time_source(time)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .disable_clock_skew_correction(true);
        if let Ok(ours) = FrameworkMetadata::new("refresh-session", Some(env!("CARGO_PKG_VERSION"))) {
            config = config.framework_metadata(ours);
        }
        if let Some(identity) = signer {
            config = config.credentials_provider(credentials(identity));
        }
        config.build()
    }
}

/// Without their end: whether they are over is for the server to say.
fn credentials(identity: &Identity) -> Credentials {
    let text = |secret: &refresh_session_core::Secret| secret.expose_str().unwrap_or_default().to_owned();
    Credentials::new(
        identity.access_key_id.clone(),
        text(&identity.secret_access_key),
        identity.session_token.as_ref().map(text),
        None,
        "refresh-session",
    )
}

/// The SDK's own rules are not asked.
#[derive(Debug)]
struct Fixed(String);

impl aws_sdk_sts::config::endpoint::ResolveEndpoint for Fixed {
    fn resolve_endpoint<'a>(&'a self, _: &'a aws_sdk_sts::config::endpoint::Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}
