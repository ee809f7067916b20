//! TLS to a target for protocols other than HTTP: the same way, phases, timeouts and errors as [`http`](crate::http).
//!
//! [`Dialer::dial`] looks up the name, connects (addresses side by side), asks the proxy for a tunnel if there is one,
//! and shakes hands. The caller may drop it at any time; [`Dialer::timed_out`] then says what it was cut off from.
//!
//! What goes wrong later comes as an [`io::Error`](std::io::Error) of a read or write. [`Carrier::explain`] makes the
//! typed error of it. That is also where a refused certificate shows: in TLS 1.3 the client's handshake is over before
//! the server has judged it.

mod stream;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refresh_session_core::{Clock, Error, Result};

use crate::handshake::HandshakeReport;
use crate::http::Target;
use crate::way::{Stream, Way, errors};
use crate::{Proxy, TlsConfig};

pub use stream::{Carrier, StreamFacts, TlsStream};

/// Opens connections to one target with one identity, or none.
#[derive(Debug)]
pub struct Dialer {
    way: Way,
    tls: TlsConfig,
    connect_timeout: Option<Duration>,
    alpn_required: bool,
    /// The attempt under way, or the last one.
    attempt: Mutex<Arc<HandshakeReport>>,
}

impl Dialer {
    /// Opens nothing yet. `connect_timeout` is for name lookup, TCP, proxy and TLS together.
    #[must_use]
    pub fn new(
        target: Target,
        tls: TlsConfig,
        connect_timeout: Option<Duration>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            way: Way { target, proxy: None, tls: Some(tls.clone()), clock },
            tls,
            connect_timeout,
            alpn_required: false,
            attempt: Mutex::default(),
        }
    }

    /// The same through a proxy, if one is given. A target that admits certain addresses only is reached directly.
    #[must_use]
    pub fn through(self, proxy: Option<Proxy>) -> Self {
        Self { way: self.way.through(proxy), ..self }
    }

    /// Whether a server that ignores the names it is offered ([`TlsConfig::with_alpn`]) is refused. For ports where the
    /// name alone says which protocol is spoken.
    #[must_use]
    pub fn requiring_alpn(self, required: bool) -> Self {
        Self { alpn_required: required, ..self }
    }

    /// One connection. May be dropped at any time.
    ///
    /// # Errors
    /// Every code of the connection class but `ERR_TIMEOUT` and `ERR_PROTOCOL`, or the signer's own error.
    pub async fn dial(&self) -> Result<TlsStream> {
        let report = Arc::new(HandshakeReport::default());
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = report.clone();
        let stream = self.way.open(self.connect_timeout, report.clone()).await?;
        if self.alpn_required && agreed(&stream).is_none() {
            return Err(errors::no_protocol(&self.way.peer(), &self.tls.rustls.alpn_protocols));
        }
        Ok(TlsStream::over(stream, self.way.clone(), &report))
    }

    /// The error for a caller that dropped a [`dial`](Self::dial), or gave up on the first answer after it, because
    /// the connection may take no more than `limit` to come up. Names the phase that was under way.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        let attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.way.timed_out(limit, &attempt)
    }
}

/// The protocol that both sides agreed on by name.
fn agreed(stream: &Stream) -> Option<&[u8]> {
    stream.session()?.alpn_protocol()
}
