//! The SDK's requests over our HTTP client.
//!
//! One connector carries one request and keeps what came of it. The SDK wraps a failure of the way into an error of its own that
//! says only "dispatch failure"; ours, with its code and hint, is taken from here instead, and so is what the reply
//! said about itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient as SdkHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest as SdkRequest, HttpResponse as SdkResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use refresh_session_core::{Code, Error, Result};
use refresh_session_tls::{HttpClient, HttpRequest, HttpResponse};

/// One request on its way.
#[derive(Clone)]
pub(crate) struct Connector {
    http: Arc<HttpClient>,
    once: bool,
    outcome: Arc<Mutex<Option<Result<HttpResponse>>>>,
}

impl Connector {
    /// `once`: the request must not be sent a second time by itself.
    pub(crate) fn new(http: Arc<HttpClient>, once: bool) -> Self {
        Self { http, once, outcome: Arc::default() }
    }

    /// What came of it; `None` if nothing was sent.
    pub(crate) fn outcome(&self) -> Option<Result<HttpResponse>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn carry(self, request: SdkRequest) -> Result<SdkResponse, ConnectorError> {
        let sent = match ours(&request, self.once) {
            Ok(request) => self.http.send(&request).await,
            Err(error) => Err(error),
        };
        let reply = match &sent {
            Ok(response) => theirs(response),
            Err(error) => Err(ConnectorError::other(error.clone().into(), None)),
        };
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        reply
    }
}

impl SdkHttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: SdkRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("once", &self.once).finish_non_exhaustive()
    }
}

fn ours(request: &SdkRequest, once: bool) -> Result<HttpRequest> {
    let unsendable = || Error::new(Code::Internal, "the SDK made a request that is none");
    let method = request.method().parse().map_err(|_| unsendable())?;
    let uri: http::Uri = request.uri().parse().map_err(|_| unsendable())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        let name = HeaderName::try_from(name).map_err(|_| unsendable())?;
        // These two are made from target and body.
        if name == HOST || name == CONTENT_LENGTH {
            continue;
        }
        let mut value = HeaderValue::try_from(value).map_err(|_| unsendable())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let body = request.body().bytes().ok_or_else(unsendable)?;
    Ok(HttpRequest { method, path, headers, body: Bytes::copy_from_slice(body), once })
}

/// Without headers: the SDK reads none that we do not read ourselves.
fn theirs(response: &HttpResponse) -> Result<SdkResponse, ConnectorError> {
    let status = response.status.try_into().map_err(|_| {
        ConnectorError::other(Error::new(Code::Protocol, "the reply's status is none").into(), None)
    })?;
    Ok(SdkResponse::new(status, SdkBody::from(response.body.to_vec())))
}
