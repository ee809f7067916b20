//! The system's clocks: the only place that reads them.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use refresh_session_core::{BootTime, Calendar, Clock, Timestamp};

/// The calendar of the process: what one session's server has told serves all sessions.
pub fn calendar() -> Calendar {
    static CALENDAR: LazyLock<Calendar> = LazyLock::new(Calendar::new);
    CALENDAR.clone()
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn boot(&self) -> BootTime {
        BootTime::from_duration(since_boot())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else must take")]
    fn wall(&self) -> Timestamp {
        Timestamp::from(SystemTime::now())
    }
}

/// Linux counts suspend in `CLOCK_BOOTTIME` only; the other systems' monotonic clock is the nearest they have.
#[cfg(unix)]
fn since_boot() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const BOOT: ClockId = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const BOOT: ClockId = ClockId::Monotonic;
    let now = clock_gettime(BOOT);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The monotonic clock, counted from its first reading.
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else must take")]
fn since_boot() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    // Never zero, which stands for "never".
    START.get_or_init(Instant::now).elapsed() + Duration::from_secs(1)
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
