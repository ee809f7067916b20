//! From a target to a stream on which it is at the other end, over TLS or not: what [`http`](crate::http) and
//! [`dial`](crate::dial) have in common.

pub(crate) mod errors;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Clock, Code, Error, Result, Timestamp};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::handshake::{HandshakeReport, Phase};
use crate::http::Target;
use crate::link::{self, hop::Hop};
use crate::{Proxy, TlsConfig};

pub(crate) use stream::{Stream, Vouched};

/// Whither, which way, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) target: Target,
    pub(crate) proxy: Option<Proxy>,
    /// `None`: no TLS.
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Way {
    /// The same through a proxy, if one is given. A target that admits certain addresses only is reached directly.
    pub(crate) fn through(self, proxy: Option<Proxy>) -> Self {
        Self { proxy: proxy.filter(|_| self.target.admits.is_none()), ..self }
    }

    /// Name lookup, TCP, proxy and TLS, within `connect_timeout` together.
    ///
    /// In a task of its own, so that a token that blocks a worker in the middle of the handshake cannot hold up that
    /// limit, or the caller's. Dropped, it goes on alone until the token lets go of it.
    pub(crate) async fn open(
        &self,
        connect_timeout: Option<Duration>,
        report: Arc<HandshakeReport>,
    ) -> Result<Stream> {
        let (in_task, of_task) = (report.clone(), self.clone());
        let opening = AbortOnDrop(tokio::spawn(async move {
            let Self { target, proxy, tls, clock } = &of_task;
            let stream = link::open(target, proxy.as_ref(), &in_task, &**clock).await?;
            let Some(tls) = tls else { return Ok(Stream::Plain(stream)) };
            in_task.enter(Phase::Handshake);
            handshake_tls(stream, &of_task.peer(), tls, in_task.clone()).await
        }));
        let opened = match connect_timeout {
            None => opening.await,
            Some(limit) => timeout(limit, opening).await.map_err(|_| self.timed_out(limit, &report))?,
        };
        let stream = opened.unwrap_or_else(|_| {
            Err(Error::new(Code::Internal, "the connecting task ended without an answer"))
        })?;
        report.enter(Phase::Response);
        Ok(stream)
    }

    /// The error of an [`open`](Self::open) that was cut off after `limit`.
    pub(crate) fn timed_out(&self, limit: Duration, report: &HandshakeReport) -> Error {
        errors::connect_timed_out(&self.hop(), &self.target, limit, report, self.clock.boot())
    }

    pub(crate) fn hop(&self) -> Hop<'_> {
        Hop::towards(&self.target, self.proxy.as_ref())
    }

    pub(crate) fn peer(&self) -> errors::Peer<'_> {
        errors::Peer {
            target: &self.target,
            proxy: self.proxy.as_ref(),
            identified: self.tls.as_ref().is_some_and(TlsConfig::identifies),
        }
    }

    /// Teaches the time, if the server that told it was verified.
    ///
    /// A date for which the server's own certificate is not valid contradicts who vouches for it. So no server can
    /// tell a time at which it would not be believed itself.
    pub(crate) fn learn(
        &self,
        vouched: Option<Vouched>,
        date: Timestamp,
        at: BootTime,
        round_trip: Duration,
    ) {
        let Some(calendar) = self.tls.as_ref().and_then(TlsConfig::taught) else { return };
        let Some((not_before, not_after)) = vouched else { return };
        if (not_before..=not_after).contains(&date) {
            calendar.learn(date, at, round_trip);
        }
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
    peer: &errors::Peer<'_>,
    tls: &TlsConfig,
    report: Arc<HandshakeReport>,
) -> Result<Stream> {
    let connector = TlsConnector::from(tls.rustls.clone());
    let outcome = report.clone().scope(connector.connect(peer.target.server_name.clone(), stream)).await;
    if let Some(offered) = report.refused_schemes() {
        return Err(errors::no_common_scheme(peer, &offered));
    }
    outcome
        .map(|stream| Stream::Tls(Box::new(stream)))
        .map_err(|error| errors::handshake_failed(peer, &report, &tls.rustls.alpn_protocols, &error))
}
