//! From a target to an HTTP/1.1 connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use refresh_session_core::{BootTime, Code, Error, Result};

use super::ConnectionFacts;
use super::pump::Pump;
use crate::handshake::HandshakeReport;
use crate::way::{Stream, Vouched, Way};

/// How long an idle connection is kept for the next request.
const MAX_IDLE: Duration = Duration::from_secs(30);

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
    pub(super) vouched: Option<Vouched>,
    pump: Pump,
}

impl Connection {
    pub(super) async fn open(
        way: &Way,
        connect_timeout: Option<Duration>,
        report: Arc<HandshakeReport>,
    ) -> Result<Self> {
        let stream = way.open(connect_timeout, report.clone()).await?;
        Self::over(stream, report).await
    }

    async fn over(stream: Stream, report: Arc<HandshakeReport>) -> Result<Self> {
        let facts = stream.facts(&report);
        let vouched = stream.vouched();
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
