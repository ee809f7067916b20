//! One alarm, set again only when it must ring earlier: ringing for nothing costs less than setting it each time.

use std::sync::Arc;

use refresh_session_core::BootTime;

use crate::alarm::Alarm;
use crate::source::Fetching;

/// An alarm that is set to a time.
pub(super) struct AlarmClock {
    alarm: Arc<dyn Alarm>,
    set: Option<(BootTime, Fetching<'static, ()>)>,
}

impl AlarmClock {
    pub(super) fn new(alarm: Arc<dyn Alarm>) -> Self {
        Self { alarm, set: None }
    }

    /// It rings at `due`, or earlier.
    pub(super) fn set(&mut self, due: Option<BootTime>) {
        let Some(due) = due else { return self.set = None };
        if self.set.as_ref().is_some_and(|(at, _)| *at <= due) {
            return;
        }
        let alarm = self.alarm.clone();
        self.set = Some((due, Box::pin(async move { alarm.sleep_until(due).await })));
    }

    pub(super) async fn rings(&mut self) {
        match &mut self.set {
            Some((_, ringing)) => ringing.as_mut().await,
            None => std::future::pending().await,
        }
        self.set = None;
    }
}
