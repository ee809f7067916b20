//! One request, one reply, over one kept connection.
//!
//! # Order of a fetch
//!
//! 1. A kept connection that is still open and was used in the last 30 seconds is used; otherwise name lookup, TCP
//!    (addresses side by side, `TCP_NODELAY`), the proxy's tunnel if there is one, and TLS, within the client's connect
//!    timeout if it has one.
//! 2. The request goes out; head and body of the reply come in, the body capped at [`MAX_BODY_BYTES`].
//! 3. The connection is kept for the next request if the reply allows it.
//!
//! The caller limits the whole, by dropping the future; [`HttpClient::timed_out`] then says what it was cut off from.
//! The connection is made in a task of its own, so that a token that blocks a worker in the middle of the handshake
//! cannot hold up that limit.
//!
//! A client without TLS does the same but for the handshake. Every reply over verified TLS tells the process what time it
//! is.
//!
//! A kept connection may have been closed by the server a moment ago. A request that fails on one before any byte of
//! a reply has come is sent once more on a fresh connection; one that fails on a fresh connection is not.

mod connect;
mod errors;
mod exchange;
pub mod headers;
pub mod json;
mod pump;
mod request;
mod response;
mod target;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use refresh_session_core::{Clock, Error, Result};
use tokio::sync::Mutex;

use crate::handshake::HandshakeReport;
use crate::way::Way;
use crate::{Proxy, TlsConfig};
use connect::Connection;

pub use request::HttpRequest;
pub use response::{ConnectionFacts, HttpResponse};
pub use target::Target;

/// Largest reply body read. A genuine one is about 1.5 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// A client for one target with one identity, or none. Requests are serialised: there is one connection.
#[derive(Debug)]
pub struct HttpClient {
    way: Way,
    connect_timeout: Option<Duration>,
    kept: Mutex<Option<Connection>>,
    /// The attempt under way, or the last one.
    attempt: std::sync::Mutex<Arc<HandshakeReport>>,
}

impl HttpClient {
    /// A client over TLS. Nothing is opened until the first [`send`](Self::send). `connect_timeout` is for name lookup,
    /// TCP, proxy and TLS together.
    #[must_use]
    pub fn new(
        target: Target,
        tls: TlsConfig,
        connect_timeout: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::over(target, Some(tls), connect_timeout, clock)
    }

    /// A client without TLS: for what is on this machine or the link beside it.
    #[must_use]
    pub fn plain(target: Target, connect_timeout: Option<Duration>, clock: Arc<dyn Clock>) -> Self {
        Self::over(target.plain(), None, connect_timeout, clock)
    }

    fn over(
        target: Target,
        tls: Option<TlsConfig>,
        connect_timeout: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            way: Way { target, proxy: None, tls, clock },
            connect_timeout,
            kept: Mutex::new(None),
            attempt: std::sync::Mutex::default(),
        }
    }

    /// The same through a proxy, if one is given. A target that admits certain addresses only is reached directly.
    #[must_use]
    pub fn through(self, proxy: Option<Proxy>) -> Self {
        Self { way: self.way.through(proxy), ..self }
    }

    /// Sends `request` and reads the reply. May be dropped at any time; the connection goes with it.
    ///
    /// # Errors
    /// Every code of the connection class but `ERR_TIMEOUT`, `ERR_REPLY_TOO_LARGE`, or the signer's own error. Any
    /// HTTP status is `Ok`.
    pub async fn send(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut kept = self.kept.lock().await;
        let now = self.way.clock.boot();
        let fit = |kept: &Connection| !request.once && kept.is_open() && kept.is_recent(now);
        if let Some(mut connection) = kept.take().filter(fit) {
            self.begin(connection.report());
            match connection.exchange(&self.way.target, request, &*self.way.clock).await {
                Ok(response) => {
                    self.learn(&connection, &response);
                    *kept = connection.reusable();
                    return Ok(response);
                }
                Err(failure) if failure.may_retry() => {}
                Err(failure) => return Err(failure.into_error(&self.way.peer())),
            }
        }
        let report = Arc::new(HandshakeReport::default());
        self.begin(report.clone());
        let mut connection = Connection::open(&self.way, self.connect_timeout, report).await?;
        let response = connection
            .exchange(&self.way.target, request, &*self.way.clock)
            .await
            .map_err(|failure| failure.into_error(&self.way.peer()))?;
        self.learn(&connection, &response);
        *kept = connection.reusable();
        Ok(response)
    }

    /// The error for a [`send`](Self::send) that was dropped because a whole fetch may take no more than `limit`.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        let attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        errors::timed_out(&self.way.hop(), &self.way.target, limit, &attempt, self.way.clock.boot())
    }

    /// Closes the kept connection.
    pub async fn close(&self) {
        *self.kept.lock().await = None;
    }

    /// Every reply tells the time, if its server was verified.
    fn learn(&self, connection: &Connection, response: &HttpResponse) {
        if let Some(date) = response.server_date() {
            self.way.learn(connection.vouched, date, response.at(), response.round_trip());
        }
    }

    fn begin(&self, attempt: Arc<HandshakeReport>) {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
    }
}
