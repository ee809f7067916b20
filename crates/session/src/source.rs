//! What a source of credentials is.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Error, Issued, Result, Timestamp, Warning};

use crate::device::Device;

/// A fetch under way.
pub type Fetching<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that issues credentials. It keeps no keys and decides nothing about when to ask: that is the machine's.
pub trait Source: Send + Sync + fmt::Debug {
    /// Fetches one set of keys. The caller drops the future when it takes too long.
    fn fetch(&self) -> Fetching<'_, Result<Issued>>;

    /// The error for a [`fetch`](Self::fetch) that is being dropped because it may take no more than `limit`: where
    /// the time went. Must not wait.
    fn timed_out(&self, limit: Duration) -> Error;

    /// Lets go of connections and token sessions. Called once; a fetch that was dropped may be about to end.
    fn close(&self) -> Fetching<'_, ()>;

    /// The same for sources that may serve one another's callers; `None`: for no other. See
    /// [`Description`](crate::description::Description).
    fn sharing(&self) -> Option<KeyedHash> {
        None
    }

    /// Warnings that came up since the last call.
    fn take_warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    /// When the certificate it identifies itself with ends, as far as that is known.
    fn certificate_expiry(&self) -> Option<Timestamp> {
        None
    }

    /// The device whose identity it uses; others may use it too.
    fn device(&self) -> Option<Arc<Device>> {
        None
    }
}
