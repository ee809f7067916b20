//! One call: sign, send, read, and once more if the time was wrong.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::sync::Arc;

use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::interceptors::context::Output;
use refresh_session_core::{Clock, Identity, Result};
use refresh_session_tls::{HttpClient, HttpResponse};

use crate::StsEndpoint;
use crate::codec::{Ask, MetadataOf, unbuildable};
use crate::refusal::{self, Request};
use crate::signed;
use crate::skew::{self, SigningClock};

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
    /// Makes the call. `O` and `E` are the output and the error of the operation that is asked.
    pub(crate) async fn call<O, E>(&self, manner: Manner<'_>, ask: Ask) -> Result<(O, HttpResponse)>
    where
        O: Debug + Send + Sync + 'static,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let metadata: MetadataOf = |refused| refused.downcast_ref::<E>().map(ProvideErrorMetadata::meta);
        let (output, response) = self.exchange(manner, &ask, metadata).await?;
        Ok((output.downcast::<O>().map_err(|_| unbuildable())?, response))
    }

    /// For any operation: there is one of it in the addon.
    async fn exchange(
        &self,
        manner: Manner<'_>,
        ask: &Ask,
        metadata: MetadataOf,
    ) -> Result<(Output, HttpResponse)> {
        let mut corrected = false;
        loop {
            let at = self.signing.now(&*self.clock);
            let signer = manner.signer.map(|identity| (identity, at));
            let request = signed::request(ask.request(), &self.endpoint, signer, manner.once)?;
            let response = self.http.send(&request).await?;
            let refused = match ask.read(&response)? {
                Ok(output) => return Ok((output, response)),
                Err(refused) => refused,
            };
            let metadata = refused.as_operation_error().and_then(metadata);
            let code = metadata.and_then(|said| said.code()).unwrap_or_default();
            let off = response.server_date().filter(|date| skew::is_far(*date, at));
            if let Some(date) = off.filter(|_| skew::is_suspect(code) && !corrected && signer.is_some()) {
                self.signing.learn(date, response.at(), response.round_trip());
                corrected = true;
                continue;
            }
            let message = metadata.and_then(|said| said.message()).unwrap_or_default();
            let said = refusal::Said { code, message, off: off.is_some() };
            return Err(refusal::error(&manner.request, &said, &response));
        }
    }
}
