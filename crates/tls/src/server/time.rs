//! The time that servers' certificates are checked by.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Calendar, Clock, Reading, Timestamp};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The calendar with its clock, for rustls.
#[derive(Debug)]
pub(crate) struct Time {
    pub(crate) calendar: Calendar,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Time {
    pub(crate) fn reading(&self) -> Reading {
        self.calendar.reading(&*self.clock)
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix(self.reading().now))
    }
}

/// A time before 1970 is 1970 to rustls.
pub(super) fn unix(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(time.unix_millis()).unwrap_or(0)))
}
