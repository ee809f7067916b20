//! Who brings up what carries MQTT.

use std::fmt;

use refresh_session_core::{Result, Warning};
use refresh_session_tls::dial::Carrier;

use crate::source::Fetching;

/// TLS, or WebSocket in TLS.
pub(super) type Wire = Box<dyn Carrier>;

/// Brings up one after the other, each as things stand then: addresses, certificate, credentials.
pub(super) trait Dial: Send + Sync + fmt::Debug {
    /// A new one, or why there is none, within the time that an attempt may take.
    fn dial(&self) -> Fetching<'_, Result<Wire>>;

    /// Warnings that came up since the last call.
    fn take_warnings(&self) -> Vec<Warning>;
}
