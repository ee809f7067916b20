//! Linux: timers of the kernel's that count suspend, and its notice that the wall clock jumped.
//!
//! A file descriptor lives as long as the wait it serves: one for a sleep, one for a wait for changes, none otherwise.
//! Making one costs a few microseconds, and nothing is left over to be re-armed, drained or carried into another
//! runtime. Whatever the kernel refuses (`EMFILE`, a seccomp filter, an emulated kernel without the timer) is done with
//! tokio's timer instead, in slices.
//!
//! The kernel says *that* the wall clock jumped, by cancelling a `CLOCK_REALTIME` timer with `TFD_TIMER_CANCEL_ON_SET`
//! (it does so after a resume too, when the wall clock has moved on and `CLOCK_MONOTONIC` has not), but not what it
//! was. That is told from two differences which Linux changes for one reason each, since all three clocks are slewed
//! together:
//!
//! * boot − monotonic is the time spent suspended;
//! * wall − boot changes when somebody sets the clock or a leap second is inserted. A suspend moves both alike.
//!
//! The differences alone decide, and they are compared with those of the last report. So a change is noticed also if it
//! came between two waits; and one that the kernel could not measure (a suspend on a board whose clocks all stop) is
//! not noticed until something sets the wall clock right, which is then what is reported.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use refresh_session_core::{BootTime, Clock};
use rustix::io;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::{Alarm, Change, SLICE, sleep_in_slices};
use crate::clock::SystemClock;
use crate::descriptor::readable;
use crate::source::Fetching;

/// A sleep that tokio's timer is good enough for.
const BRIEF: Duration = Duration::from_millis(10);

/// The machine's alarm: exact to the kernel's timers, through suspend.
#[derive(Debug)]
pub struct SystemAlarm {
    /// The clocks as of the last report.
    known: Mutex<Offsets>,
    create: Create,
}

/// How a timer is made; tests refuse it.
type Create = fn(TimerfdClockId, TimerfdFlags) -> io::Result<OwnedFd>;

impl SystemAlarm {
    /// Changes count from here. Needs no runtime and opens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { known: Mutex::new(Offsets::now()), create: timerfd_create }
    }

    /// On a kernel that gives out no timers.
    #[cfg(test)]
    pub(super) fn refused() -> Self {
        Self { create: |_, _| Err(io::Errno::MFILE), ..Self::new() }
    }

    fn timer(&self, clock: TimerfdClockId) -> io::Result<OwnedFd> {
        (self.create)(clock, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
    }

    /// Waits for `at` as well as the kernel lets us. The caller looks at the clock whatever comes back.
    async fn sleep_in_kernel(&self, at: BootTime) -> std::io::Result<()> {
        let timer = self.timer(TimerfdClockId::Boottime)?;
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once_at(timespec(at)))?;
        readable(timer)?.readable().await?.retain_ready();
        Ok(())
    }

    /// A timer that is there to be cancelled when the wall clock jumps.
    fn canary(&self) -> std::io::Result<AsyncFd<OwnedFd>> {
        let timer = self.timer(TimerfdClockId::Realtime)?;
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        // A 32-bit kernel may not take the former. To reach the latter in 2038 costs one needless look at the clocks.
        timerfd_settime(&timer, flags, &once_at(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }))
            .or_else(|_| timerfd_settime(&timer, flags, &once_at(LATEST)))?;
        readable(timer)
    }

    fn take_change(&self) -> Option<Change> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.take_change(&Offsets::now())
    }
}

impl Default for SystemAlarm {
    fn default() -> Self {
        Self::new()
    }
}

impl Alarm for SystemAlarm {
    fn sleep_until(&self, at: BootTime) -> Fetching<'_, ()> {
        Box::pin(async move {
            let now = SystemClock.boot();
            if now >= at {
                return;
            }
            // To be late by that after a suspend is no harm, and no descriptor need be made for it.
            if at.since(now) <= BRIEF {
                return sleep_in_slices(at).await;
            }
            // Refused, cut short or woken early: the rest is slept in slices, so no answer makes this spin or hang.
            let _ = self.sleep_in_kernel(at).await;
            sleep_in_slices(at).await;
        })
    }

    fn changed(&self) -> Fetching<'_, Change> {
        Box::pin(async move {
            // Before the first look at the clocks, so that nothing falls in between.
            let canary = self.canary();
            loop {
                if let Some(change) = self.take_change() {
                    return change;
                }
                let woken = match &canary {
                    Ok(canary) => next_cancellation(canary).await.is_ok(),
                    Err(_) => false,
                };
                if !woken {
                    tokio::time::sleep(SLICE).await;
                }
            }
        })
    }
}

/// The furthest that every kernel can be told; a boot time that late is 68 years away.
const LATEST: Timespec = Timespec { tv_sec: i32::MAX as i64, tv_nsec: 0 };

fn timespec(at: BootTime) -> Timespec {
    let at = at.since(BootTime::default());
    match i32::try_from(at.as_secs()) {
        Ok(seconds) => Timespec { tv_sec: seconds.into(), tv_nsec: at.subsec_nanos().into() },
        Err(_) => LATEST,
    }
}

fn once_at(at: Timespec) -> Itimerspec {
    Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at }
}

async fn next_cancellation(canary: &AsyncFd<OwnedFd>) -> std::io::Result<()> {
    canary.readable().await?.clear_ready();
    // `ECANCELED`, or the far end was reached, or nothing: the clocks tell more. Reading is what ends the readiness.
    let _ = io::read(canary, &mut [0; 8]);
    Ok(())
}

/// A smaller difference is no change: nothing is decided here to the tenth of a second, and an emulated kernel, whose
/// clocks are not read from one counter, is not to cry wolf.
const NOTABLE: i128 = 100_000_000;

/// The differences between the clocks, in nanoseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Offsets {
    /// Boot − monotonic.
    suspended: Range,
    /// Wall − boot.
    calendar: Range,
}

impl Offsets {
    fn now() -> Self {
        // A thread that loses the processor in the middle learns little; it seldom does so twice.
        let first = Self::read();
        (0..4)
            .map(|_| Self::read())
            .fold(first, |best, next| if next.width() < best.width() { next } else { best })
    }

    /// Two clocks cannot be read at one instant, but one can be read before and after the other.
    fn read() -> Self {
        let monotonic = monotonic_nanos();
        let boot = boot_nanos();
        let wall = i128::from(SystemClock.wall().unix_millis()) * NANOS_PER_MILLI;
        let boot_after = boot_nanos();
        let monotonic_after = monotonic_nanos();
        Self {
            suspended: Range { low: boot - monotonic_after, high: boot - monotonic },
            // The wall clock is read to the millisecond.
            calendar: Range { low: wall - boot_after, high: wall + NANOS_PER_MILLI - boot },
        }
    }

    fn width(&self) -> i128 {
        self.suspended.high - self.suspended.low
    }

    /// What changed between `self` and `now`. One change at a time: the rest stays for the next call.
    fn take_change(&mut self, now: &Self) -> Option<Change> {
        if self.suspended.is_below(now.suspended) {
            self.suspended = now.suspended;
            return Some(Change::Resumed);
        }
        if self.calendar.is_below(now.calendar) || now.calendar.is_below(self.calendar) {
            self.calendar = now.calendar;
            return Some(Change::WallClockSet);
        }
        None
    }
}

const NANOS_PER_MILLI: i128 = 1_000_000;

/// What a difference is at least and at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Range {
    low: i128,
    high: i128,
}

impl Range {
    /// Notably and with certainty.
    fn is_below(self, other: Self) -> bool {
        self.high + NOTABLE < other.low
    }
}

fn boot_nanos() -> i128 {
    i128::try_from(SystemClock.boot().since(BootTime::default()).as_nanos()).unwrap_or(i128::MAX)
}

/// Read for no other purpose than to be compared with the boot clock.
fn monotonic_nanos() -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

/// Setting the wall clock needs `CAP_SYS_TIME` and sets it for everything that runs on the machine: a time namespace
/// has its own monotonic and boot time but not its own `CLOCK_REALTIME`. Nor can a test suspend the machine. So the
/// kernel's cancellation itself is not provoked here; what is made of the clocks is, with offsets made up.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn offsets(suspended: i128, calendar: i128) -> Offsets {
        // As wide as an ordinary reading.
        let range = |low| Range { low, high: low + 2 * NANOS_PER_MILLI };
        Offsets { suspended: range(suspended), calendar: range(calendar) }
    }

    fn changes(mut known: Offsets, now: Offsets) -> Vec<Change> {
        std::iter::from_fn(|| known.take_change(&now)).take(5).collect()
    }

    #[test]
    fn tells_a_resume_from_a_clock_that_was_set() {
        let (calendar, known) = (1_700_000_000 * SECOND, offsets(0, 1_700_000_000 * SECOND));
        assert_eq!(changes(known, known), []);
        assert_eq!(changes(known, offsets(5 * SECOND, calendar)), [Change::Resumed]);
        assert_eq!(changes(known, offsets(0, calendar + SECOND)), [Change::WallClockSet]);
        assert_eq!(changes(known, offsets(0, calendar - SECOND)), [Change::WallClockSet]);
        // From 1970 to today and back.
        assert_eq!(changes(offsets(0, 0), known), [Change::WallClockSet]);
        assert_eq!(changes(known, offsets(0, 0)), [Change::WallClockSet]);
    }

    #[test]
    fn reports_both_one_after_the_other() {
        assert_eq!(changes(offsets(0, 0), offsets(SECOND, SECOND)), [Change::Resumed, Change::WallClockSet]);
    }

    #[test]
    fn small_differences_count_once_they_add_up() {
        let mut known = offsets(0, 0);
        assert_eq!(known.take_change(&offsets(NOTABLE / 2, NOTABLE / 2)), None);
        assert_eq!(known.take_change(&offsets(NOTABLE, -NOTABLE)), None);
        assert_eq!(known.take_change(&offsets(NOTABLE * 3 / 2, 0)), Some(Change::Resumed));
        assert_eq!(known.take_change(&offsets(NOTABLE * 2, 0)), None);
    }

    #[test]
    fn a_reading_that_was_interrupted_proves_nothing() {
        let known = offsets(0, 0);
        let vague = Range { low: -60 * SECOND, high: 60 * SECOND };
        assert_eq!(changes(known, Offsets { suspended: vague, calendar: vague }), []);
    }

    #[test]
    fn the_clocks_are_compared_closely_enough() {
        // A thread that is never let run would fail this by right; one in a hundred readings is enough.
        let closest = (0..100).map(|_| Offsets::now().width()).min().unwrap();
        assert!(closest < NOTABLE, "{closest}");
        assert!(boot_nanos() >= monotonic_nanos() - NOTABLE, "boot time includes the monotonic");
    }

    fn since(known: Offsets) -> [SystemAlarm; 2] {
        [SystemAlarm::new(), SystemAlarm::refused()]
            .map(|alarm| SystemAlarm { known: Mutex::new(known), ..alarm })
    }

    #[tokio::test]
    async fn a_change_that_nobody_waited_for_is_reported_once() {
        let mut known = Offsets::now();
        for range in [&mut known.suspended, &mut known.calendar] {
            range.low -= 3600 * SECOND;
            range.high -= 3600 * SECOND;
        }
        for alarm in since(known) {
            drop(alarm.changed());
            assert_eq!(alarm.changed().await, Change::Resumed);
            assert_eq!(alarm.changed().await, Change::WallClockSet);
            timeout(Duration::from_millis(20), alarm.changed()).await.expect_err("reported twice");
        }
    }

    #[tokio::test]
    async fn the_kernel_takes_the_timers() {
        let alarm = SystemAlarm::new();
        alarm.canary().expect("a timer that is cancelled when the wall clock is set");
        let soon = SystemClock.boot().after(Duration::from_millis(5));
        alarm.sleep_in_kernel(soon).await.expect("a timer in boot time");
        assert!(SystemClock.boot() >= soon);
    }

    #[tokio::test]
    async fn looks_at_the_clocks_when_the_canary_stirs() {
        let timer =
            timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC).unwrap();
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        // Expired in 1970: readable like a cancelled one, and once only.
        timerfd_settime(&timer, flags, &once_at(Timespec { tv_sec: 1, tv_nsec: 0 })).unwrap();
        let canary = readable(timer).unwrap();
        next_cancellation(&canary).await.unwrap();
        timeout(Duration::from_millis(20), next_cancellation(&canary)).await.expect_err("would spin");
    }

    #[test]
    fn a_deadline_is_told_to_the_kernel_within_its_limits() {
        let at = |after| timespec(BootTime::from_duration(after));
        assert_eq!(at(Duration::new(3, 5)), Timespec { tv_sec: 3, tv_nsec: 5 });
        assert_eq!(at(Duration::MAX), LATEST);
    }
}
