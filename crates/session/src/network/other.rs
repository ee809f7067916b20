//! Systems whose news of the network is not read.

use std::future::pending;

use super::Network;
use crate::source::Fetching;

/// The machine's network, of which nothing is told on this system.
#[derive(Debug, Default)]
pub struct SystemNetwork {
    // Like Linux's, made by `new`.
    _made: (),
}

impl SystemNetwork {
    /// Opens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Network for SystemNetwork {
    fn came(&self) -> Fetching<'_, ()> {
        Box::pin(pending())
    }
}
