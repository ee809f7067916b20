//! One fetch: request out, identity or error back.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, DATE};
use refresh_session_core::{Clock, Error, Issued, Result, Timestamp};
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
        let server_date = server_date(&response.headers);
        // Without a usable `Date` the local calendar is all there is to judge "already over" by.
        let now = server_date.unwrap_or_else(|| self.clock.wall());
        let identity = reply::parse(&response.body, now)
            .map_err(|error| error.with_response(OK, identifier(&response.headers, REQUEST_ID), None))?;
        let at = response.sent.midpoint(response.received);
        let round_trip = response.received.since(response.sent);
        Ok(Issued { identity, server_date, at, round_trip })
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

/// The server's clock, unless a cache has held the reply (`Age`, RFC 9111 section 5.1): then `Date` is of another time.
///
/// A `Date` is cut to whole seconds. It is read as the end of its second: keys must not be used after their end, while
/// a second less of them does no harm.
fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    if headers.contains_key(AGE) {
        return None;
    }
    let date = Timestamp::parse_http_date(headers.get(DATE)?.to_str().ok()?)?;
    Some(Timestamp::from_unix_millis(date.unix_millis().saturating_add(1000)))
}
