//! Three clocks: one that cannot be set, one that anybody can, and the source's.

use std::time::Duration;

use refresh_session_core::{BootTime, Timestamp};

/// When the world begins, by the source's calendar.
const ORIGIN: i64 = 1_790_000_000_000;

/// The clocks of one world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// Boot time, now.
    pub now: BootTime,
    wall_ahead: i64,
}

impl Clocks {
    /// Wall and source agree; the machine has been up for a while.
    pub(crate) fn new(up: Duration) -> Self {
        Self { now: BootTime::default().after(up), wall_ahead: 0 }
    }

    /// The calendar as the machine believes it to be.
    pub(crate) fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(server_at(self.now).unix_millis() + self.wall_ahead)
    }

    /// Somebody sets the wall clock by so much.
    pub(crate) fn step_wall(&mut self, by: i64) {
        self.wall_ahead += by;
    }

    /// Somebody sets the wall clock to this.
    pub(crate) fn set_wall(&mut self, to: Timestamp) {
        self.wall_ahead = to.millis_since(server_at(self.now));
    }

    /// A time server has set the wall clock right.
    pub(crate) fn correct_wall(&mut self) {
        self.wall_ahead = 0;
    }
}

/// The source's calendar at a boot time.
pub(crate) fn server_at(at: BootTime) -> Timestamp {
    Timestamp::from_unix_millis(ORIGIN.saturating_add(millis(at.since(BootTime::default()))))
}

/// The boot time at which the source's calendar shows this.
pub(crate) fn boot_at(server: Timestamp) -> BootTime {
    let passed = u64::try_from(server.unix_millis() - ORIGIN).unwrap_or(0);
    BootTime::default().after(Duration::from_millis(passed))
}

/// As signed milliseconds.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
