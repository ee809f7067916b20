//! The request that turns HTTP into WebSocket (RFC 6455, section 4.1).

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use refresh_session_core::shown::quoted;
use refresh_session_core::{Clock, Error, Result, Secret};
use zeroize::Zeroizing;

use crate::key::Key;

/// The largest message taken from a server unless told otherwise: AWS IoT's 128 KiB of MQTT payload, and room for what
/// stands before it.
pub const MAX_MESSAGE_BYTES: usize = 144 * 1024;

/// What is asked of the server.
pub struct Upgrade {
    /// The `Host` header: `Target::authority`.
    host: String,
    path: Secret,
    headers: Vec<(HeaderName, Secret)>,
    pub(crate) max_message_bytes: usize,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Upgrade {
    /// Asks `host`, written as in the `Host` header, for this path and query: [`signed::path`](crate::signed::path) or
    /// [`path::unsigned`](crate::path::unsigned). `clock` measures how long the answer took.
    #[must_use]
    pub fn new(host: String, path: Secret, clock: Arc<dyn Clock>) -> Self {
        Self { host, path, headers: Vec::new(), max_message_bytes: MAX_MESSAGE_BYTES, clock }
    }

    /// With these headers too, such as those of a custom authorizer.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION`: a name is no header's, or is one that the upgrade itself sends; a value has a character
    /// that no header may have. `param` is `customAuthorizer`.
    pub fn with_headers(mut self, headers: Vec<(String, Secret)>) -> Result<Self> {
        for (name, value) in headers {
            let parsed =
                HeaderName::try_from(name.as_str()).ok().filter(|name| !OURS.contains(&name.as_str()));
            let Some(parsed) = parsed else {
                return Err(Error::invalid_option(
                    "customAuthorizer",
                    format!("names the header {}, which cannot be sent", quoted(&name)),
                ));
            };
            if !value.expose().iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)) {
                return Err(Error::invalid_option(
                    "customAuthorizer",
                    format!("has a value for the header {} that no header may have", quoted(&name)),
                ));
            }
            self.headers.push((parsed, value));
        }
        Ok(self)
    }

    /// Messages of more bytes than this are refused.
    #[must_use]
    pub fn with_max_message_bytes(self, max_message_bytes: usize) -> Self {
        Self { max_message_bytes, ..self }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The bytes on the wire; wiped when they have been sent.
    pub(crate) fn request(&self, key: &Key) -> Zeroizing<Vec<u8>> {
        let extra: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.expose().len() + 4).sum();
        let mut request =
            Zeroizing::new(Vec::with_capacity(self.path.expose().len() + self.host.len() + extra + 256));
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| request.extend_from_slice(part));
        put(&[b"GET ", self.path.expose(), b" HTTP/1.1\r\nHost: ", self.host.as_bytes()]);
        put(&[b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"]);
        put(&[b"\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: ", key.text(), b"\r\n"]);
        for (name, value) in &self.headers {
            put(&[name.as_str().as_bytes(), b": ", value.expose(), b"\r\n"]);
        }
        put(&[b"\r\n"]);
        request
    }
}

/// What the request has by itself, and what would change how it is read.
const OURS: [&str; 10] = [
    "host",
    "upgrade",
    "connection",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-key",
    "sec-websocket-extensions",
    "content-length",
    "transfer-encoding",
    "expect",
];

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("host", &self.host)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("max_message_bytes", &self.max_message_bytes)
            .finish_non_exhaustive()
    }
}
