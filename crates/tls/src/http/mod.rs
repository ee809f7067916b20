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
//! A kept connection may have been closed by the server a moment ago. A request that fails on one before any byte of
//! a reply has come is sent once more on a fresh connection; one that fails on a fresh connection is not.

mod connect;
mod errors;
mod exchange;
pub mod headers;
mod pump;

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use refresh_session_core::shown::quoted;
use refresh_session_core::{BootTime, Clock, Error, Result};
use rustls::pki_types::ServerName;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::handshake::HandshakeReport;
use crate::link::hop::Hop;
use crate::{Proxy, TlsConfig};
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
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.host.clone(),
        };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
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
    proxy: Option<Proxy>,
    tls: TlsConfig,
    connect_timeout: Option<Duration>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Connection>>,
    /// The attempt under way, or the last one.
    attempt: std::sync::Mutex<Arc<HandshakeReport>>,
}

impl HttpClient {
    /// Nothing is opened until the first [`send`](Self::send). `connect_timeout` is for name lookup, TCP, proxy and
    /// TLS together.
    #[must_use]
    pub fn new(
        target: Target,
        tls: TlsConfig,
        connect_timeout: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            target,
            proxy: None,
            tls,
            connect_timeout,
            clock,
            kept: Mutex::new(None),
            attempt: std::sync::Mutex::default(),
        }
    }

    /// The same through a proxy, if one is given.
    #[must_use]
    pub fn through(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    /// Sends `request` and reads the reply. May be dropped at any time; the connection goes with it.
    ///
    /// # Errors
    /// Every code of the connection class but `ERR_TIMEOUT`, `ERR_REPLY_TOO_LARGE`, or the signer's own error. Any
    /// HTTP status is `Ok`.
    pub async fn send(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.boot();
        let fit = |kept: &Connection| kept.is_open() && kept.is_recent(now);
        if let Some(mut connection) = kept.take().filter(fit) {
            self.begin(connection.report());
            match connection.exchange(&self.target, request, &*self.clock).await {
                Ok(response) => {
                    *kept = connection.reusable();
                    return Ok(response);
                }
                Err(failure) if failure.may_retry() => {}
                Err(failure) => return Err(failure.into_error(&self.peer())),
            }
        }
        let report = Arc::new(HandshakeReport::default());
        self.begin(report.clone());
        let mut connection = self.open(report).await?;
        let response = connection
            .exchange(&self.target, request, &*self.clock)
            .await
            .map_err(|failure| failure.into_error(&self.peer()))?;
        *kept = connection.reusable();
        Ok(response)
    }

    /// The error for a [`send`](Self::send) that was dropped because a whole fetch may take no more than `limit`.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        let attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        errors::timed_out(&self.hop(), &self.target, limit, &attempt, self.clock.boot())
    }

    /// Closes the kept connection.
    pub async fn close(&self) {
        *self.kept.lock().await = None;
    }

    async fn open(&self, report: Arc<HandshakeReport>) -> Result<Connection> {
        let way = connect::Way {
            target: self.target.clone(),
            proxy: self.proxy.clone(),
            tls: self.tls.clone(),
            clock: self.clock.clone(),
        };
        Connection::open(way, self.connect_timeout, report).await
    }

    fn peer(&self) -> errors::Peer<'_> {
        errors::Peer { target: &self.target, proxy: self.proxy.as_ref() }
    }

    fn hop(&self) -> Hop<'_> {
        Hop::towards(&self.target, self.proxy.as_ref())
    }

    fn begin(&self, attempt: Arc<HandshakeReport>) {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = attempt;
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
