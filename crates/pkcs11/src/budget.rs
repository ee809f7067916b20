//! The time a request has, as the thread that runs it sees it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Clock};

/// What a wait of ours leaves of the time, at most, so that its error arrives before the caller's own deadline: that one
/// knows no cause, and takes the token for hung.
const MARGIN: Duration = Duration::from_millis(50);

/// Until when an answer helps anybody.
#[derive(Clone)]
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    until: BootTime,
}

impl Budget {
    /// `limit` from now.
    pub(crate) fn new(clock: &Arc<dyn Clock>, limit: Duration) -> Self {
        let usable = limit.saturating_sub(MARGIN.min(limit / 4));
        Self { clock: Arc::clone(clock), until: clock.boot().after(usable) }
    }

    pub(crate) fn now(&self) -> BootTime {
        self.clock.boot()
    }

    /// What is left to wait; nothing when the caller is about to leave or has left.
    pub(crate) fn left(&self) -> Duration {
        self.until.since(self.now())
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left().is_zero()
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({:?} left)", self.left())
    }
}
