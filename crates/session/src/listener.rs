//! What a session tells whoever listens.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Error, Timestamp, Warning};

/// Something has happened. Holds no secret.
#[derive(Clone, Debug)]
pub enum SessionEvent {
    /// New keys are held.
    Refreshed {
        /// Their id.
        access_key_id: String,
        /// Their end, as their source gave it.
        expiration: Option<Timestamp>,
    },
    /// A fetch failed.
    RefreshFailed {
        /// Why.
        error: Error,
        /// How long the source is now left alone.
        pause: Duration,
        /// What is left of the keys held; `None`: nothing.
        left: Option<Duration>,
    },
    /// The keys held are over, and nothing has replaced them.
    Expired {
        /// Their id.
        access_key_id: String,
        /// Their end, as their source gave it.
        expiration: Option<Timestamp>,
    },
    /// Something the user should know that is no error.
    Warning(Warning),
}

/// Is told in order, under a lock: must neither wait, nor call back, nor panic.
pub type Listener = Arc<dyn Fn(&SessionEvent) + Send + Sync>;
