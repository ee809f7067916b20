//! A connection over TLS, and what its failures mean.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use refresh_session_core::{BootTime, Error, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::agreed;
use crate::handshake::HandshakeReport;
use crate::http::ConnectionFacts;
use crate::way::{Stream, Vouched, Way, errors};

/// What a protocol is spoken over: a stream of bytes that can tell what its failures mean.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {
    /// The typed error for a failed read or write of this stream.
    ///
    /// An end of the stream where more was due is told to it as [`io::ErrorKind::UnexpectedEof`].
    fn explain(&self, error: &io::Error) -> Error;

    /// Takes what the other end said the time was: at `at`, half-way between question and answer, `round_trip` apart.
    /// Whether it can be believed is this stream's to know.
    fn learn(&self, date: Timestamp, at: BootTime, round_trip: Duration) {
        let _ = (date, at, round_trip);
    }
}

/// What is known of a connection.
#[derive(Clone, Debug)]
pub struct StreamFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// IANA name of the cipher suite.
    pub cipher_suite: Option<&'static str>,
    /// Whether the handshake was resumed from a ticket.
    pub resumed: bool,
    /// Whether our certificate went out.
    pub certificate_sent: bool,
    /// The protocol agreed on by name (ALPN).
    pub alpn: Option<String>,
    /// Where TCP leads to: the endpoint, or the proxy before it. `None`: the system does not say.
    pub address: Option<SocketAddr>,
}

/// A connection over TLS.
pub struct TlsStream {
    stream: Stream,
    way: Way,
    facts: StreamFacts,
    vouched: Option<Vouched>,
    /// Our certificate went out, and nothing has come yet that shows what the server makes of it.
    certificate_at_risk: bool,
}

impl TlsStream {
    pub(super) fn over(stream: Stream, way: Way, report: &HandshakeReport) -> Self {
        let ConnectionFacts { tls_version, cipher_suite, resumed, certificate_sent, .. } =
            stream.facts(report);
        let facts = StreamFacts {
            tls_version: tls_version.unwrap_or("none"),
            cipher_suite,
            resumed,
            certificate_sent,
            alpn: agreed(&stream).map(|name| String::from_utf8_lossy(name).into_owned()),
            address: stream.tcp().peer_addr().ok(),
        };
        let vouched = stream.vouched();
        // In TLS 1.2 the server's Finished has accepted the certificate.
        let certificate_at_risk = certificate_sent && facts.tls_version == "TLSv1.3";
        Self { stream, way, facts, vouched, certificate_at_risk }
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> &StreamFacts {
        &self.facts
    }

    /// The typed error for a failed read or write, as [`Carrier::explain`]: `ERR_CERTIFICATE_REFUSED`,
    /// `ERR_CONNECTION_LOST` or `ERR_TLS`.
    #[must_use]
    pub fn explain(&self, error: &io::Error) -> Error {
        errors::stream_failed(&self.way.peer(), error, self.certificate_at_risk)
    }
}

impl Carrier for TlsStream {
    fn explain(&self, error: &io::Error) -> Error {
        Self::explain(self, error)
    }

    /// Teaches the calendar, if the server was verified and its certificate is valid at that date.
    fn learn(&self, date: Timestamp, at: BootTime, round_trip: Duration) {
        self.way.learn(self.vouched, date, at, round_trip);
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        // What the server sends is proof that it has let us in; that it hangs up is none.
        if buffer.filled().len() > before {
            self.certificate_at_risk = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl TlsStream {
    /// A server that refuses the certificate says why and closes. Whoever writes meanwhile learns only that nobody
    /// listens any more; the reason is there to be read, now or as soon as the system says so.
    fn reason<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        use io::ErrorKind as Kind;
        match &outcome {
            Poll::Ready(Err(error))
                if self.certificate_at_risk
                    && matches!(
                        error.kind(),
                        Kind::BrokenPipe | Kind::ConnectionReset | Kind::ConnectionAborted
                    ) => {}
            _ => return outcome,
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => outcome,
            Poll::Ready(Err(reason)) => Poll::Ready(Err(reason)),
            // That the connection is gone makes it readable.
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.reason(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.reason(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.reason(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("facts", &self.facts).finish_non_exhaustive()
    }
}
