//! The task that wakes the machine.

use std::sync::{Arc, Weak};

use refresh_session_core::BootTime;

use super::Engine;
use crate::alarm::Change;

/// The timer, as its engine sees it.
pub(super) struct Timer {
    /// Until when it sleeps; `None`: until it is woken.
    pub(super) until: Option<BootTime>,
}

/// Starts it. It ends with its engine, which it does not hold.
pub(super) fn run(engine: &Arc<Engine>) {
    let (alarm, wake) = (engine.around.alarm.clone(), engine.wake.clone());
    let weak = Arc::downgrade(engine);
    engine.around.runtime.spawn(async move {
        while let Some(until) = weak.upgrade().map(|engine| engine.rearm()) {
            let sleep = async {
                match until {
                    Some(at) => alarm.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wake.notified() => {}
                change = alarm.changed() => changed(&weak, change),
                () = sleep => {
                    if let Some(engine) = weak.upgrade() {
                        engine.step(|state, now| state.machine.handle_timeout(now));
                    }
                }
            }
        }
    });
}

impl Engine {
    fn rearm(&self) -> Option<BootTime> {
        let mut state = self.state();
        let until = state.machine.poll_timeout();
        state.timer = Some(Timer { until });
        until
    }
}

fn changed(weak: &Weak<Engine>, change: Change) {
    let Some(engine) = weak.upgrade() else { return };
    engine.step(|state, now| match change {
        Change::Resumed => state.machine.handle_resume(now),
        // No zone moves. But copies of the keys tell their end by a wall clock that is no more.
        Change::WallClockSet => state.serial_of = 0,
    });
}
