//! One fetch: request out, identity or error back.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Clock, Error, Issued, Result};
use refresh_session_tls::HttpClient;
use refresh_session_tls::http::headers::{REQUEST_ID, identifier};

use crate::{IotRequest, refusal, reply};

const OK: u16 = 200;

/// The credentials endpoint as one device sees it.
#[derive(Debug)]
pub struct IotClient {
    http: HttpClient,
    request: IotRequest,
    clock: Arc<dyn Clock>,
}

impl IotClient {
    /// Nothing is sent until the first [`fetch`](Self::fetch).
    #[must_use]
    pub fn new(http: HttpClient, request: IotRequest, clock: Arc<dyn Clock>) -> Self {
        Self { http, request, clock }
    }

    /// Fetches one set of credentials. May be dropped at any time.
    ///
    /// # Errors
    /// The connection's, the signer's, a refusal of the table, `ERR_BAD_REPLY` or `ERR_EXPIRED_REPLY`.
    pub async fn fetch(&self) -> Result<Issued> {
        let response = self.http.send(self.request.http()).await?;
        if response.status != OK {
            return Err(refusal::error(&self.request, &response));
        }
        let server_date = response.server_date();
        // Without a usable `Date` the local calendar is all there is to judge "already over" by.
        let now = server_date.unwrap_or_else(|| self.clock.wall());
        let identity = reply::parse(&response.body, now)
            .map_err(|error| error.with_response(OK, identifier(&response.headers, REQUEST_ID), None))?;
        Ok(Issued { identity, server_date, at: response.at(), round_trip: response.round_trip() })
    }

    /// The error for a [`fetch`](Self::fetch) that was dropped because it may take no more than `limit`.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        self.http.timed_out(limit)
    }

    /// Closes the kept connection.
    pub async fn close(&self) {
        self.http.close().await;
    }
}
