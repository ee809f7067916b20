//! What carries MQTT, and who brings it up.

use std::fmt;
use std::io;

use refresh_session_core::{Error, Result, Warning};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::source::Fetching;

/// A byte stream to the server: TLS, or WebSocket in TLS.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// What an error of reading or writing means.
    fn explain(&self, error: &io::Error) -> Error;
}

/// Brings up one after the other, each as things stand then: addresses, certificate, credentials.
pub(super) trait Dial: Send + Sync + fmt::Debug {
    /// A new one, or why there is none, within the time that an attempt may take.
    fn dial(&self) -> Fetching<'_, Result<Box<dyn Wire>>>;

    /// Warnings that came up since the last call.
    fn take_warnings(&self) -> Vec<Warning>;
}
