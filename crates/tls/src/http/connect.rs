//! From a target to an HTTP/1.1 connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use refresh_session_core::{BootTime, Certificate, Clock, Code, Error, Result, Timestamp};
use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::pump::Pump;
use super::stream::Stream;
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
    /// `None`: plain HTTP.
    pub(super) tls: Option<TlsConfig>,
    pub(super) clock: Arc<dyn Clock>,
}

/// An open connection and what is known of it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    pub(super) facts: ConnectionFacts,
    pub(super) report: Arc<HandshakeReport>,
    pub(super) requests: u32,
    pub(super) close_after: bool,
    /// When the last reply had come.
    pub(super) idle_since: BootTime,
    /// When the certificate of the server is valid.
    pub(super) vouched: Option<(Timestamp, Timestamp)>,
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
            let Some(tls) = &of_task.tls else { return Ok(Stream::Plain(stream)) };
            in_task.enter(Phase::Handshake);
            handshake_tls(stream, &of_task, tls, in_task.clone()).await
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

    async fn over(stream: Stream, report: Arc<HandshakeReport>) -> Result<Self> {
        let facts = facts(&stream, &report);
        let vouched = vouched(&stream);
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
            vouched,
            pump: Pump::new(connection),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.pump.has_ended() && !self.sender.is_closed()
    }

    /// The parts that an exchange borrows side by side.
    pub(super) fn parts(&mut self) -> (&mut SendRequest<Full<Bytes>>, &mut Pump) {
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
    Way { target, proxy, .. }: &Way,
    tls: &TlsConfig,
    report: Arc<HandshakeReport>,
) -> Result<Stream> {
    let peer = errors::Peer { target, proxy: proxy.as_ref(), identified: tls.identifies() };
    let connector = TlsConnector::from(tls.rustls.clone());
    let outcome = report.clone().scope(connector.connect(target.server_name.clone(), stream)).await;
    if let Some(offered) = report.refused_schemes() {
        return Err(errors::no_common_scheme(&peer, &offered));
    }
    outcome
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|error| errors::handshake_failed(&peer, &report, &error))
}

fn facts(stream: &Stream, report: &HandshakeReport) -> ConnectionFacts {
    let session = stream.session();
    ConnectionFacts {
        tls_version: session.map(|session| match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        }),
        cipher_suite: session
            .and_then(|session| session.negotiated_cipher_suite())
            .and_then(|suite| suite.suite().as_str()),
        resumed: session.is_some_and(|session| session.handshake_kind() == Some(HandshakeKind::Resumed)),
        certificate_sent: report.certificate_sent(),
        kept: false,
    }
}

fn vouched(stream: &Stream) -> Option<(Timestamp, Timestamp)> {
    let certificate = Certificate::from_der(stream.session()?.peer_certificates()?.first()?).ok()?;
    Some((certificate.not_before(), certificate.not_after()))
}
