//! Waking at a boot time, and notice of a resume or of a step of the wall clock.
//!
//! tokio's timer counts `CLOCK_MONOTONIC`, which stops while the machine is suspended: after a night with the lid
//! closed, "in fifty minutes" would come a night too late. Deadlines are therefore slept through on a timer of the
//! kernel's that counts suspend ([`SystemAlarm`] on Linux), and where there is none, in slices of tokio's timer with a
//! look at the boot clock after each.

use std::fmt;
use std::time::Duration;

use refresh_session_core::{BootTime, Clock};

use crate::clock::SystemClock;
use crate::source::Fetching;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
#[cfg_attr(
    any(target_os = "linux", target_os = "android"),
    expect(unreachable_pub, reason = "built here for its tests only")
)]
mod other;
#[cfg(test)]
pub(crate) mod virtual_time;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use linux::SystemAlarm;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use other::SystemAlarm;

/// Wakes at boot times. The system's is [`SystemAlarm`]; tests bring one in virtual time.
///
/// Its futures are polled in a tokio runtime whose time and I/O drivers are enabled. Dropping one loses nothing: call
/// again. Any number of sleeps may run at once.
pub trait Alarm: Send + Sync + fmt::Debug {
    /// Resolves at `at`, never before; also if the machine was suspended then, once it has resumed. At once if `at` is
    /// past.
    fn sleep_until(&self, at: BootTime) -> Fetching<'_, ()>;

    /// Resolves when the machine was suspended or somebody set the wall clock, since the alarm was made or since the
    /// last change that was reported; also if it happened while nobody waited. Never resolves where the system cannot
    /// tell.
    ///
    /// Each change is reported once, so an alarm has one reader of changes: every engine has an alarm of its own.
    fn changed(&self) -> Fetching<'_, Change>;
}

/// What happened to time. After a suspend in which the wall clock was set too, one is reported after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The machine was suspended and runs again: connections are likely dead, deadlines may have passed.
    Resumed,
    /// The wall clock jumped, forwards or back. What was judged by it (a certificate's dates) is to be judged again.
    WallClockSet,
}

/// How late a resume may find a sleeper that has only tokio's timer.
const SLICE: Duration = Duration::from_secs(30);

/// Sleeps until `at` without any help from the kernel: each slice ends with a look at the boot clock, so that a suspend
/// makes the sleep late by one slice and not by the length of the suspend.
async fn sleep_in_slices(at: BootTime) {
    loop {
        let left = at.since(SystemClock.boot());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(SLICE)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(30);
    /// Longer than any test may take.
    const LONG: Duration = Duration::from_hours(1);
    /// A sleep that is not over by then hangs.
    const HANGS: Duration = Duration::from_secs(20);

    /// Every way to sleep that this system has.
    fn every_alarm() -> Vec<Arc<dyn Alarm>> {
        vec![
            Arc::new(SystemAlarm::new()),
            Arc::new(other::SystemAlarm::new()),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Arc::new(linux::SystemAlarm::refused()),
        ]
    }

    fn from_now(by: Duration) -> BootTime {
        SystemClock.boot().after(by)
    }

    async fn is_over(sleep: impl Future<Output = ()>, at: BootTime) {
        timeout(HANGS, sleep).await.expect("the sleep ends");
        assert!(SystemClock.boot() >= at, "woke early");
    }

    async fn goes_on<T: fmt::Debug>(sleep: impl Future<Output = T>) {
        timeout(SOON, sleep).await.expect_err("the sleep goes on");
    }

    #[tokio::test]
    async fn sleeps_until_the_deadline_and_not_less() {
        for alarm in every_alarm() {
            for millis in [1, 7, 30] {
                let at = from_now(Duration::from_millis(millis));
                is_over(alarm.sleep_until(at), at).await;
            }
            // Finer than tokio's timer.
            let at = from_now(Duration::from_micros(300));
            is_over(alarm.sleep_until(at), at).await;
        }
    }

    #[tokio::test]
    async fn past_deadlines_resolve_when_first_polled() {
        for alarm in every_alarm() {
            for at in [BootTime::default(), SystemClock.boot()] {
                tokio::select! {
                    biased;
                    () = alarm.sleep_until(at) => {}
                    () = std::future::ready(()) => panic!("{alarm:?} waits for the past"),
                }
            }
        }
    }

    #[tokio::test]
    async fn takes_an_earlier_and_a_later_deadline() {
        for alarm in every_alarm() {
            goes_on(alarm.sleep_until(from_now(LONG))).await;
            let earlier = from_now(SOON);
            is_over(alarm.sleep_until(earlier), earlier).await;

            let dropped = from_now(SOON / 3);
            let mut sleep = alarm.sleep_until(dropped);
            tokio::select! {
                biased;
                () = &mut sleep => {}
                () = std::future::ready(()) => {}
            }
            drop(sleep);
            let later = from_now(SOON);
            is_over(alarm.sleep_until(later), later).await;
        }
    }

    #[tokio::test]
    async fn one_alarm_sleeps_many_times_at_once() {
        for alarm in every_alarm() {
            let sleeps: Vec<_> = (0..40)
                .map(|index| {
                    let alarm = Arc::clone(&alarm);
                    let at = from_now(Duration::from_millis(50 - index));
                    tokio::spawn(async move { is_over(alarm.sleep_until(at), at).await })
                })
                .collect();
            for sleep in sleeps {
                sleep.await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn many_alarms_sleep_at_once() {
        let sleeps: Vec<_> = (0..40)
            .flat_map(|_| every_alarm())
            .map(|alarm| {
                let at = from_now(SOON);
                tokio::spawn(async move {
                    tokio::select! {
                        () = is_over(alarm.sleep_until(at), at) => {}
                        change = alarm.changed() => panic!("{change:?}"),
                    }
                })
            })
            .collect();
        for sleep in sleeps {
            sleep.await.unwrap();
        }
    }

    #[tokio::test]
    async fn deadlines_beyond_every_clock_do_not_overflow() {
        for alarm in every_alarm() {
            for decades in [4, 10, 1000] {
                goes_on(alarm.sleep_until(from_now(LONG * 24 * 3653 * decades))).await;
            }
            goes_on(alarm.sleep_until(BootTime::from_duration(Duration::MAX))).await;
        }
    }

    #[test]
    fn is_made_outside_of_a_runtime_and_used_in_several() {
        for alarm in every_alarm() {
            for _ in 0..2 {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let at = from_now(SOON / 10);
                    is_over(alarm.sleep_until(at), at).await;
                    goes_on(alarm.changed()).await;
                });
            }
        }
    }

    #[tokio::test]
    async fn reports_no_change_when_there_was_none() {
        for alarm in every_alarm() {
            goes_on(alarm.changed()).await;
            goes_on(alarm.changed()).await;
        }
    }
}
