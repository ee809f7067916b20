//! The task that wakes the machine.

use std::sync::{Arc, Weak};

use refresh_session_core::BootTime;
use refresh_session_refresh::Zone;

use super::Engine;
use crate::alarm::Change;
use crate::task;

/// The timer, as its engine sees it.
#[derive(Clone, Copy)]
pub(super) struct Timer {
    /// Until when it sleeps; `None`: until it is woken.
    pub(super) until: Option<BootTime>,
}

/// Starts it. It ends with its engine, which it does not hold: when that is closed or dropped.
pub(super) fn run(engine: &Arc<Engine>) {
    let (alarm, wake) = (engine.around.alarm.clone(), engine.wake.clone());
    let weak = Arc::downgrade(engine);
    task::spawn(&engine.around.runtime, async move {
        while let Some(timer) = weak.upgrade().and_then(|engine| engine.rearm()) {
            let sleep = async {
                match timer.until {
                    Some(at) => alarm.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // A resume before the deadline that it has brought: it decides how long what is due then waits.
                biased;
                change = alarm.changed() => changed(&weak, change),
                () = wake.notified() => {}
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
    /// Until when to sleep next; `None`: never again.
    fn rearm(&self) -> Option<Timer> {
        let now = self.around.clock.boot();
        let mut state = self.state();
        let open = state.machine.zone(now) != Zone::Closed;
        state.timer = open.then(|| Timer { until: state.machine.poll_timeout() });
        state.timer
    }
}

fn changed(weak: &Weak<Engine>, change: Change) {
    let Some(engine) = weak.upgrade() else { return };
    engine.step(|state, now| match change {
        Change::Resumed => state.machine.handle_resume(now),
        Change::WallClockSet => {
            state.machine.handle_wall_set(now, engine.around.clock.wall());
            // Copies of the keys tell their end by a wall clock that is no more.
            state.serial_of = 0;
        }
    });
}
