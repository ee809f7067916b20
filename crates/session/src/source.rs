//! What a source of credentials is.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use refresh_session_core::{Issued, Result};

/// A fetch under way.
pub type Fetching<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that issues credentials. It keeps no keys and decides nothing about when to ask: that is the session's.
pub trait Source: Send + Sync + fmt::Debug {
    /// Fetches one set of keys. The caller drops the future after `limit`; a source that can say more about where
    /// the time went ends by itself just before.
    fn fetch(&self, limit: Duration) -> Fetching<'_, Result<Issued>>;

    /// Lets go of connections and token sessions. Called once.
    fn close(&self) -> Fetching<'_, ()>;
}
