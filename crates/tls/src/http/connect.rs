//! From a target to an HTTP/1.1 connection over TLS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use refresh_session_core::{BootTime, Clock, Code, Error, Result};
use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pump::Pump;
use super::{ConnectionFacts, Target, errors};
use crate::handshake::{HandshakeReport, Phase};
use crate::link::{self, hop::Hop};
use crate::{Proxy, TlsConfig};

/// How long an idle connection is kept for the next request.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// Whither, which way, and as whom.
pub(super) struct Way {
    pub(super) target: Target,
    pub(super) proxy: Option<Proxy>,
    pub(super) tls: TlsConfig,
    pub(super) clock: Arc<dyn Clock>,
}

/// An open connection and what is known of it.
pub(super) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    pub(super) facts: ConnectionFacts,
    pub(super) report: Arc<HandshakeReport>,
    pub(super) requests: u32,
    pub(super) close_after: bool,
    /// When the last reply had come.
    pub(super) idle_since: BootTime,
    pump: Pump,
}

impl Connection {
    pub(super) async fn open(
        way: Way,
        connect_timeout: Option<Duration>,
        report: Arc<HandshakeReport>,
    ) -> Result<Self> {
        let way = Arc::new(way);
        let (in_task, of_task) = (report.clone(), way.clone());
        // In a task of its own: see the module's doc. Dropped, it goes on alone until the token lets go of it.
        let opening = tokio::spawn(async move {
            let Way { target, proxy, clock, .. } = &*of_task;
            let stream = link::open(target, proxy.as_ref(), &in_task, &**clock).await?;
            in_task.enter(Phase::Handshake);
            handshake_tls(stream, &of_task, in_task.clone()).await
        });
        let opening = AbortOnDrop(opening);
        let opened = match connect_timeout {
            None => opening.await,
            Some(limit) => timeout(limit, opening).await.map_err(|_| {
                let hop = Hop::towards(&way.target, way.proxy.as_ref());
                errors::connect_timed_out(&hop, &way.target, limit, &report, way.clock.boot())
            })?,
        };
        let stream = opened.unwrap_or_else(|_| {
            Err(Error::new(Code::Internal, "the connecting task ended without an answer"))
        })?;
        report.enter(Phase::Response);
        Self::over(stream, report).await
    }

    async fn over(stream: TlsStream<TcpStream>, report: Arc<HandshakeReport>) -> Result<Self> {
        let facts = facts(&stream, &report);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::new(Code::Protocol, format!("HTTP/1.1 could not start: {error}")))?;
        Ok(Self {
            sender,
            facts,
            report,
            requests: 0,
            close_after: false,
            idle_since: BootTime::default(),
            pump: Pump::new(connection),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.pump.has_ended() && !self.sender.is_closed()
    }

    /// The parts that an exchange borrows side by side.
    pub(super) fn parts(&mut self) -> (&mut SendRequest<Empty<Bytes>>, &mut Pump) {
        (&mut self.sender, &mut self.pump)
    }

    pub(super) fn report(&self) -> Arc<HandshakeReport> {
        self.report.clone()
    }

    /// Whether it may still lead somewhere. A link that went away in the meantime, or a middlebox that forgot it, does
    /// not show until a reply fails to come; a handshake costs less than waiting for that.
    pub(super) fn is_recent(&self, now: BootTime) -> bool {
        now.since(self.idle_since) < MAX_IDLE
    }

    /// The connection, if the last reply left it fit for another request.
    pub(super) fn reusable(self) -> Option<Self> {
        (!self.close_after && self.is_open()).then_some(self)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// A fetch that is dropped takes its half-open connection with it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn handshake_tls(
    stream: TcpStream,
    Way { target, proxy, tls, .. }: &Way,
    report: Arc<HandshakeReport>,
) -> Result<TlsStream<TcpStream>> {
    let peer = errors::Peer { target, proxy: proxy.as_ref() };
    let connector = TlsConnector::from(tls.rustls.clone());
    let outcome = report.clone().scope(connector.connect(target.server_name.clone(), stream)).await;
    if let Some(offered) = report.refused_schemes() {
        return Err(errors::no_common_scheme(&peer, &offered));
    }
    outcome.map_err(|error| errors::handshake_failed(&peer, &report, &error))
}

fn facts(stream: &TlsStream<TcpStream>, report: &HandshakeReport) -> ConnectionFacts {
    let (_, session) = stream.get_ref();
    ConnectionFacts {
        tls_version: match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher_suite: session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown")
            .to_owned(),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        certificate_sent: report.certificate_sent(),
        kept: false,
    }
}
