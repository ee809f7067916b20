//! What comes back, and over what.

use std::fmt;
use std::time::Duration;

use refresh_session_core::{BootTime, Timestamp};
use zeroize::Zeroizing;

use super::headers;

/// A reply, read whole.
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// As sent by the server.
    pub headers: http::HeaderMap,
    /// At most [`MAX_BODY_BYTES`](super::MAX_BODY_BYTES); wiped on drop.
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
    /// `TLSv1.2` or `TLSv1.3`; `None` without TLS.
    pub tls_version: Option<&'static str>,
    /// IANA name of the cipher suite; `None` without TLS.
    pub cipher_suite: Option<&'static str>,
    /// Whether the handshake was resumed from a ticket.
    pub resumed: bool,
    /// Whether our certificate went out. A server that never asked is not the IoT endpoint.
    pub certificate_sent: bool,
    /// Whether the connection was kept from an earlier request.
    pub kept: bool,
}

impl HttpResponse {
    /// The server's clock, by its `Date`: see [`headers::server_date`].
    #[must_use]
    pub fn server_date(&self) -> Option<Timestamp> {
        headers::server_date(&self.headers)
    }

    /// Boot time half-way between request and reply: the best estimate of when `Date` was read.
    #[must_use]
    pub fn at(&self) -> BootTime {
        self.sent.midpoint(self.received)
    }

    /// Time from request to reply: how good that estimate can be.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.received.since(self.sent)
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
