//! What a source of credentials is.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use refresh_session_core::{Error, Issued, Result};

/// A fetch under way.
pub type Fetching<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that issues credentials. It keeps no keys and decides nothing about when to ask: that is the session's.
pub trait Source: Send + Sync + fmt::Debug {
    /// Fetches one set of keys. The caller drops the future when it takes too long.
    fn fetch(&self) -> Fetching<'_, Result<Issued>>;

    /// The error for a [`fetch`](Self::fetch) that was dropped because it may take no more than `limit`: where the
    /// time went.
    fn timed_out(&self, limit: Duration) -> Error;

    /// Lets go of connections and token sessions. Called once.
    fn close(&self) -> Fetching<'_, ()>;
}
