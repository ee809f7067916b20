//! The broker's clock: time since the start, and what `POST /mqtt/advance` has put on top.
//!
//! Sessions, messages, wills and the day of a WebSocket connection end by it. Idle connections do not: their keep-alive
//! goes by the time that passed, plus what was put on top with `keepAlive`. With `"rateClock": "virtual"` rates see
//! nothing but what was put on top.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::sync::lock;

/// The clock.
pub(crate) struct Clock {
    begun: Instant,
    added: Mutex<Added>,
    moved: watch::Sender<()>,
}

#[derive(Clone, Copy, Default)]
struct Added {
    all: Duration,
    keep_alive: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this program is the server; its clock is the machine's"
        )]
        let begun = Instant::now();
        Self { begun, added: Mutex::default(), moved: watch::Sender::new(()) }
    }

    /// For everything that ends but idle connections.
    pub(crate) fn now(&self) -> Duration {
        self.passed() + lock(&self.added).all
    }

    /// For idle connections.
    pub(crate) fn keep_alive(&self) -> Duration {
        self.passed() + lock(&self.added).keep_alive
    }

    /// For rates, if time is to stand still for them.
    pub(crate) fn virtual_only(&self) -> Duration {
        lock(&self.added).all
    }

    /// Puts time on top.
    pub(crate) fn advance(&self, by: Duration, keep_alive: bool) {
        let mut added = lock(&self.added);
        added.all = added.all.saturating_add(by);
        if keep_alive {
            added.keep_alive = added.keep_alive.saturating_add(by);
        }
        drop(added);
        self.moved.send_replace(());
    }

    /// Tells whenever time is put on top.
    pub(crate) fn moves(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    fn passed(&self) -> Duration {
        #[expect(
            clippy::disallowed_methods,
            reason = "this program is the server; its clock is the machine's"
        )]
        self.begun.elapsed()
    }
}
