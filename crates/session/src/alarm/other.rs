//! Systems without a timer that counts suspend: tokio's, in slices.

use std::future::pending;

use refresh_session_core::BootTime;

use super::{Alarm, Change, sleep_in_slices};
use crate::source::Fetching;

/// The machine's alarm: tokio's timer, up to half a minute late after a resume. Changes are not noticed: on these
/// systems the two clocks are not tied to each other, so a difference between them proves nothing.
#[derive(Debug, Default)]
pub struct SystemAlarm {
    // Like Linux's, made by `new`.
    _made: (),
}

impl SystemAlarm {
    /// Needs no runtime.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Alarm for SystemAlarm {
    fn sleep_until(&self, at: BootTime) -> Fetching<'_, ()> {
        Box::pin(sleep_in_slices(at))
    }

    fn changed(&self) -> Fetching<'_, Change> {
        Box::pin(pending())
    }
}
