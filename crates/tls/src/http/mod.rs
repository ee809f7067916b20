//! One request, one reply, over one kept connection.
//!
//! # Order of a fetch
//!
//! 1. A kept connection that is still open is used; otherwise name lookup, TCP (each address in turn, `TCP_NODELAY`)
//!    and TLS, within [`Timeouts::connect`].
//! 2. The request goes out; head and body of the reply come in, the body capped at [`MAX_BODY_BYTES`].
//! 3. The connection is kept for the next request if the reply allows it.
//!
//! All of it happens within [`Timeouts::left`]. The connection is made in a task of its own, so that a token that
//! blocks a worker in the middle of the handshake cannot hold up the timeout.
//!
//! A kept connection may have been closed by the server a moment ago. A request that fails on one before any byte of
//! a reply has come is sent once more on a fresh connection; one that fails on a fresh connection is not.

mod connect;
mod errors;
mod exchange;
pub mod headers;
mod pump;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::shown::quoted;
use refresh_session_core::{BootTime, Clock, Code, Error, Result};
use rustls::pki_types::ServerName;
use tokio::sync::Mutex;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::TlsConfig;
use crate::handshake::{HandshakeReport, Phase};
use connect::Connection;

/// Largest reply body read. A genuine one is about 1.5 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Whom to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name to look up, and to send in `Host`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    server_name: ServerName<'static>,
}

impl Target {
    /// `server_name` replaces `host` in SNI and in the certificate check, for a proxy or a private endpoint.
    pub fn new(host: String, port: u16, server_name: Option<String>) -> Result<Self> {
        let (name, param) = match server_name {
            Some(name) => (name, "serverName"),
            None => (host.clone(), "endpoint"),
        };
        let server_name = ServerName::try_from(name.clone()).map_err(|_| {
            Error::invalid_option(param, format!("is {}, which is no DNS name or IP address", quoted(&name)))
        })?;
        Ok(Self { host, port, server_name })
    }

    /// The `Host` header: without the port where it is the default.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// How long each part may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// What the user allows a whole fetch; for messages.
    pub total: Duration,
    /// What is left of it.
    pub left: Duration,
    /// Name lookup, TCP and TLS together; within `left` either way.
    pub connect: Option<Duration>,
}

/// A GET request. Header values are public: nothing secret is sent over this client.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Path and query, already encoded.
    pub path: String,
    /// Names in lower case; `host` is added.
    pub headers: Vec<(&'static str, String)>,
}

/// A reply, read whole.
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// As sent by the server.
    pub headers: http::HeaderMap,
    /// At most [`MAX_BODY_BYTES`]; wiped on drop.
    pub body: Zeroizing<Vec<u8>>,
    /// Boot time when the request went out.
    pub sent: BootTime,
    /// Boot time when the reply's head came in.
    pub received: BootTime,
    /// What carried it.
    pub connection: ConnectionFacts,
}

/// What is known of the connection that carried a reply.
#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// IANA name of the cipher suite.
    pub cipher_suite: String,
    /// Whether the handshake was resumed from a ticket.
    pub resumed: bool,
    /// Whether our certificate went out. A server that never asked is not the IoT endpoint.
    pub certificate_sent: bool,
    /// Whether the connection was kept from an earlier request.
    pub kept: bool,
}

/// A client for one target with one identity. Requests are serialised: there is one connection.
#[derive(Debug)]
pub struct HttpClient {
    target: Target,
    tls: TlsConfig,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Connection>>,
}

impl HttpClient {
    /// Nothing is opened until the first [`send`](Self::send).
    #[must_use]
    pub fn new(target: Target, tls: TlsConfig, clock: Arc<dyn Clock>) -> Self {
        Self { target, tls, clock, kept: Mutex::new(None) }
    }

    /// Sends `request` and reads the reply.
    ///
    /// # Errors
    /// Every code of the connection class, `ERR_REPLY_TOO_LARGE`, or the signer's own error. Any HTTP status is `Ok`.
    pub async fn send(&self, request: &HttpRequest, timeouts: Timeouts) -> Result<HttpResponse> {
        let mut report = Arc::new(HandshakeReport::default());
        match timeout(timeouts.left, self.exchange(request, timeouts, &mut report)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.timed_out(timeouts.total, report.phase())),
        }
    }

    /// Closes the kept connection.
    pub async fn close(&self) {
        *self.kept.lock().await = None;
    }

    /// `report` is left at the attempt under way, for the message of a timeout.
    async fn exchange(
        &self,
        request: &HttpRequest,
        timeouts: Timeouts,
        report: &mut Arc<HandshakeReport>,
    ) -> Result<HttpResponse> {
        let mut kept = self.kept.lock().await;
        if let Some(mut connection) = kept.take().filter(Connection::is_open) {
            *report = connection.report();
            match connection.exchange(&self.target, request, &*self.clock).await {
                Ok(response) => {
                    *kept = connection.reusable();
                    return Ok(response);
                }
                Err(failure) if failure.may_retry() => {}
                Err(failure) => return Err(failure.into_error(&self.target)),
            }
        }
        *report = Arc::new(HandshakeReport::default());
        let mut connection =
            Connection::open(&self.target, &self.tls, timeouts.connect, report.clone()).await?;
        let response = connection
            .exchange(&self.target, request, &*self.clock)
            .await
            .map_err(|failure| failure.into_error(&self.target))?;
        *kept = connection.reusable();
        Ok(response)
    }

    fn timed_out(&self, total: Duration, phase: Phase) -> Error {
        Error::new(
            Code::Timeout,
            format!(
                "request to {}: no answer within {} ms; it was {}",
                self.target.authority(),
                total.as_millis(),
                phase.described()
            ),
        )
        .with_hint(match phase {
            Phase::Sign => {
                "The token is slow or hung: check it, or raise `timeoutMs` and `pkcs11.signTimeoutMs`."
            }
            _ => "Check the link to the endpoint, or raise `timeoutMs`.",
        })
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
