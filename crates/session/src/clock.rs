//! The system's clocks: the only place that reads them.

use std::time::{Duration, SystemTime};

use refresh_session_core::{BootTime, Clock, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Linux counts suspend in `CLOCK_BOOTTIME` only; the other systems' monotonic clock is the nearest they have.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT: ClockId = ClockId::Monotonic;

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn boot(&self) -> BootTime {
        let now = clock_gettime(BOOT);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(now.tv_nsec).unwrap_or(0);
        BootTime::from_duration(Duration::new(seconds, nanos))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else must take")]
    fn wall(&self) -> Timestamp {
        Timestamp::from(SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_does_not_go_back() {
        let first = SystemClock.boot();
        assert!(SystemClock.boot() >= first);
        assert!(first > BootTime::default());
    }
}
