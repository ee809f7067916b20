//! One fetch: request out, identity or error back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use refresh_session_core::{Clock, Code, Error, Issued, Result};
use refresh_session_tls::{HttpClient, HttpRequest, TlsConfig};

use crate::{Authorization, Location, refusal, reply};

const OK: u16 = 200;

/// The container endpoint. Every fetch has a connection of its own: the next one is an hour away, and where the
/// endpoint is may have changed.
#[derive(Debug)]
pub struct ContainerClient {
    clock: Arc<dyn Clock>,
    /// The attempt under way, or the last one.
    attempt: Mutex<Option<Arc<HttpClient>>>,
}

impl ContainerClient {
    /// Nothing is sent until the first [`fetch`](Self::fetch).
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, attempt: Mutex::default() }
    }

    /// Fetches one set of credentials, in one attempt. `tls` is needed for what [`Location::needs_tls`]. May be dropped
    /// at any time.
    ///
    /// # Errors
    /// The connection's, `ERR_ADDRESS_NOT_ALLOWED`, a refusal of the table, `ERR_BAD_REPLY` or `ERR_EXPIRED_REPLY`.
    pub async fn fetch(
        &self,
        location: &Location,
        tls: Option<&TlsConfig>,
        authorization: Option<&Authorization>,
    ) -> Result<Issued> {
        let target = location.target.clone();
        let http = Arc::new(match tls.filter(|_| location.tls) {
            Some(tls) => HttpClient::new(target, tls.clone(), None, self.clock.clone()),
            None if location.tls => {
                return Err(Error::new(Code::Internal, "no TLS configuration was made for https:"));
            }
            None => HttpClient::plain(target, None, self.clock.clone()),
        });
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = Some(http.clone());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.header());
        }
        let request = HttpRequest::get(location.path.clone()).with_headers(headers);
        let response = http.send(&request).await?;
        if response.status != OK {
            return Err(refusal::error(&response, authorization.is_some()));
        }
        let server_date = response.server_date();
        let now = server_date.unwrap_or_else(|| self.clock.wall());
        let identity =
            reply::parse(&response.body, now).map_err(|error| error.with_response(OK, None, None))?;
        Ok(Issued { identity, server_date, at: response.at(), round_trip: response.round_trip() })
    }

    /// The error for a [`fetch`](Self::fetch) that was dropped because it may take no more than `limit`.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        let attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match attempt {
            Some(http) => http.timed_out(limit),
            None => Error::new(
                Code::Timeout,
                format!("no credentials within {} ms: nothing was sent yet", limit.as_millis()),
            ),
        }
    }
}
