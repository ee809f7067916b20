//! What the SDK knows of an operation: how its request is written and its reply read.
//!
//! An operation of `aws-sdk-sts` is a plugin of the SDK's runtime and hands it a serializer and a deserializer. These two are taken
//! and called here; the runtime itself, with its endpoint rules, retries, caches and interceptors, is not in the way, nor in
//! the addon.

use std::fmt::Debug;

use aws_sdk_sts::error::{BuildError, ErrorMetadata};
use aws_smithy_runtime_api::client::interceptors::context::{Error as Refused, Input, Output};
use aws_smithy_runtime_api::client::orchestrator::{
    HttpRequest as SdkRequest, HttpResponse as SdkResponse, OrchestratorError,
};
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse as _, SerializeRequest as _, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer};
use refresh_session_core::{Code, Error, Result};
use refresh_session_tls::HttpResponse;

/// One operation with what it is asked.
pub(crate) struct Ask {
    config: ConfigBag,
    request: SdkRequest,
}

/// What came back. An error that is none of the operation's is a reply that could not be read.
pub(crate) type Answer = std::result::Result<Output, OrchestratorError<Refused>>;

impl Ask {
    /// `operation`: what its plugin configures.
    pub(crate) fn new<I>(
        operation: Option<FrozenLayer>,
        input: std::result::Result<I, BuildError>,
    ) -> Result<Self>
    where
        I: Debug + Send + Sync + 'static,
    {
        Self::written(operation, Input::erase(input.map_err(|_| unbuildable())?))
    }

    fn written(operation: Option<FrozenLayer>, input: Input) -> Result<Self> {
        let mut config = ConfigBag::base();
        config.push_shared_layer(operation.ok_or_else(unbuildable)?);
        let serializer = config.load::<SharedRequestSerializer>().cloned().ok_or_else(unbuildable)?;
        let request = serializer.serialize_input(input, &mut config).map_err(|_| unbuildable())?;
        Ok(Self { config, request })
    }

    /// What is sent, without a host and not yet signed.
    pub(crate) fn request(&self) -> &SdkRequest {
        &self.request
    }

    /// Reads the reply. Its headers are not given: the SDK reads none that we do not read ourselves.
    pub(crate) fn read(&self, response: &HttpResponse) -> Result<Answer> {
        let status = response.status.try_into();
        let status = status.map_err(|_| Error::new(Code::Protocol, "the reply's status is none"))?;
        let response = SdkResponse::new(status, SdkBody::from(response.body.to_vec()));
        let reader = self.config.load::<SharedResponseDeserializer>().ok_or_else(unbuildable)?;
        Ok(reader.deserialize_nonstreaming_with_config(&response, &self.config))
    }
}

/// Code and message of a refusal.
pub(crate) type MetadataOf = fn(&Refused) -> Option<&ErrorMetadata>;

/// What the SDK objects to may hold a secret.
pub(crate) fn unbuildable() -> Error {
    Error::new(Code::Internal, "the SDK could not build the request")
}
