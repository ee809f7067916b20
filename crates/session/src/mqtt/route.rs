//! Where a connection leads, and which way.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Calendar, Clock};
use refresh_session_tls::{Proxy, Target};

/// Where, which way, and how.
pub(super) struct Route {
    pub(super) target: Target,
    pub(super) proxy: Option<Proxy>,
    pub(super) alpn: Option<&'static str>,
    pub(super) verify_peer: bool,
    /// For all that belongs to one attempt.
    pub(super) limit: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) calendar: Calendar,
}

impl Route {
    /// How far the calendar is from this machine's wall clock, in milliseconds.
    pub(super) fn offset(&self) -> i64 {
        self.calendar.now(&*self.clock).millis_since(self.clock.wall())
    }
}
