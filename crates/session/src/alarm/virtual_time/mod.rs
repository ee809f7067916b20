//! Time that a test owns: a clock and an alarm that move only when the test says so.

mod wait;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use refresh_session_core::{BootTime, Clock, Timestamp};

use super::{Alarm, Change};
use crate::source::Fetching;
use wait::Wait;

/// A clock and an alarm in one. It starts a thousand seconds after boot, on 2026-01-01T00:00:00Z.
///
/// A clone shares the time and has its own reading of the changes, which begins where it was cloned: one for each
/// reader of [`Alarm::changed`], as many as you like for the rest.
pub(crate) struct VirtualTime {
    shared: Arc<Mutex<State>>,
    /// How many changes were reported to this reader.
    seen: AtomicUsize,
}

struct State {
    boot: BootTime,
    /// The wall clock when the boot clock was zero, in Unix milliseconds.
    wall_at_boot: i64,
    changes: Vec<Change>,
    /// By the number that the future got when it began to wait.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    /// Counts whatever anybody does with this time.
    activity: u64,
}

struct Waiting {
    /// `None`: for a change.
    until: Option<BootTime>,
    waker: Waker,
}

impl VirtualTime {
    pub(crate) fn new() -> Self {
        let boot = Duration::from_secs(1000);
        let mut state = State {
            boot: BootTime::from_duration(boot),
            wall_at_boot: 0,
            changes: Vec::new(),
            waiting: BTreeMap::new(),
            next: 0,
            activity: 0,
        };
        state.set_wall(Timestamp::from_unix_millis(1_767_225_600_000));
        Self { shared: Arc::new(Mutex::new(state)), seen: AtomicUsize::new(0) }
    }

    /// Both clocks move on by `by` in one jump and the sleepers whose time has come are woken. They run when the test
    /// next awaits something, and all see the time at the end of the jump; see [`pass`](Self::pass).
    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.boot = state.boot.after(by);
        state.wake(None);
    }

    /// Time passes as it does in life: each sleeper runs at its own deadline, may sleep again, and wakes again if
    /// there is time left. [Settled](Self::settle) before, in between and after.
    pub(crate) async fn pass(&self, by: Duration) {
        let end = self.boot().after(by);
        loop {
            self.settle().await;
            let next = self.deadlines().first().map_or(end, |first| end.min(*first));
            let now = self.boot();
            if now >= end {
                return;
            }
            self.advance(next.since(now));
        }
    }

    /// Somebody sets the wall clock: every reader of changes hears of it, whether or not the time is a new one.
    pub(crate) fn set_wall(&self, to: Timestamp) {
        let mut state = self.state();
        state.set_wall(to);
        state.change(Change::WallClockSet);
    }

    /// The machine is suspended for `by` and runs again: both clocks have jumped, which every reader of changes hears
    /// of, and sleepers whose time came meanwhile are woken.
    pub(crate) fn suspend(&self, by: Duration) {
        let mut state = self.state();
        state.boot = state.boot.after(by);
        state.change(Change::Resumed);
    }

    /// When the tasks asleep want to be woken, earliest first. Those that wait for a change are not among them.
    pub(crate) fn deadlines(&self) -> Vec<BootTime> {
        let mut all: Vec<_> = self.state().waiting.values().filter_map(|waiting| waiting.until).collect();
        all.sort_unstable();
        all
    }

    /// Lets the other tasks run until nothing happens any more.
    ///
    /// On the current-thread runtime (`#[tokio::test]` as it is) this is deterministic. A task that yields there gets
    /// its turn back when no other task can run, or after 61 polls of others; this yields until, sixty-four times in a
    /// row, nobody has read this clock, polled or dropped a future of this alarm. So what can run has run, be it a
    /// chain of some thousand tasks that wake each other. It does not wait for other threads (`spawn_blocking`),
    /// sockets or tokio's own timer: await those by other means.
    ///
    /// # Panics
    ///
    /// If there is no end to it: somebody reads this clock in a loop.
    pub(crate) async fn settle(&self) {
        for _ in 0..10_000 {
            let before = self.state().activity;
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            if self.state().activity == before {
                return;
            }
        }
        panic!("a task never goes to sleep: {self:?}");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    fn wait(&self, until: Option<BootTime>) -> Wait<'_> {
        Wait::new(self, until)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn since_boot(&self) -> i64 {
        i64::try_from(self.boot.since(BootTime::default()).as_millis()).unwrap_or(i64::MAX)
    }

    fn set_wall(&mut self, to: Timestamp) {
        self.wall_at_boot = to.unix_millis().saturating_sub(self.since_boot());
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change);
        self.wake(Some(change));
    }

    /// Wakes the sleepers whose time has come and, if there is news, the readers of changes.
    fn wake(&self, news: Option<Change>) {
        for waiting in self.waiting.values() {
            if waiting.until.map_or(news.is_some(), |until| until <= self.boot) {
                waiting.waker.wake_by_ref();
            }
        }
    }
}

impl Clone for VirtualTime {
    fn clone(&self) -> Self {
        let seen = self.state().changes.len();
        Self { shared: Arc::clone(&self.shared), seen: AtomicUsize::new(seen) }
    }
}

impl fmt::Debug for VirtualTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deadlines = self.deadlines();
        let state = self.state();
        f.debug_struct("VirtualTime")
            .field("boot", &state.boot)
            .field("changes", &state.changes)
            .field("deadlines", &deadlines)
            .finish_non_exhaustive()
    }
}

impl Clock for VirtualTime {
    fn boot(&self) -> BootTime {
        let mut state = self.state();
        state.activity += 1;
        state.boot
    }

    fn wall(&self) -> Timestamp {
        let mut state = self.state();
        state.activity += 1;
        Timestamp::from_unix_millis(state.wall_at_boot.saturating_add(state.since_boot()))
    }
}

impl Alarm for VirtualTime {
    fn sleep_until(&self, at: BootTime) -> Fetching<'_, ()> {
        Box::pin(async move {
            self.wait(Some(at)).await;
        })
    }

    fn changed(&self) -> Fetching<'_, Change> {
        Box::pin(async move {
            loop {
                if let Some(change) = self.wait(None).await {
                    return change;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// What a task does that wakes every `period` and on every change: the seconds at which it woke, and why.
    fn diary(time: &VirtualTime, period: Duration) -> UnboundedReceiver<(u64, Option<Change>)> {
        let (note, notes) = unbounded_channel();
        let (time, start) = (time.clone(), time.boot());
        tokio::spawn(async move {
            let mut due = start.after(period);
            loop {
                let why = tokio::select! {
                    () = time.sleep_until(due) => { due = time.boot().after(period); None }
                    change = time.changed() => Some(change),
                };
                if note.send((time.boot().since(start).as_secs(), why)).is_err() {
                    return;
                }
            }
        });
        notes
    }

    fn read(notes: &mut UnboundedReceiver<(u64, Option<Change>)>) -> Vec<(u64, Option<Change>)> {
        std::iter::from_fn(|| notes.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn stands_still_until_it_is_moved() {
        let time = VirtualTime::new();
        assert_eq!(time.wall().to_string(), "2026-01-01T00:00:00Z");
        let (boot, mut notes) = (time.boot(), diary(&time, MINUTE));
        time.settle().await;
        assert_eq!(time.deadlines(), [boot.after(MINUTE)]);
        assert_eq!((time.boot(), read(&mut notes)), (boot, vec![]));

        time.advance(MINUTE / 2);
        time.settle().await;
        assert_eq!(read(&mut notes), []);
        time.advance(MINUTE / 2);
        time.settle().await;
        assert_eq!(read(&mut notes), [(60, None)]);
        assert_eq!(time.wall().to_string(), "2026-01-01T00:01:00Z");
    }

    #[tokio::test]
    async fn a_jump_wakes_once_and_passing_time_at_every_deadline() {
        let time = VirtualTime::new();
        let mut notes = diary(&time, MINUTE);
        time.settle().await;
        time.advance(MINUTE * 3);
        time.settle().await;
        assert_eq!(read(&mut notes), [(180, None)]);
        time.pass(MINUTE * 3).await;
        assert_eq!(read(&mut notes), [(240, None), (300, None), (360, None)]);
        time.pass(MINUTE / 2).await;
        assert_eq!(
            (read(&mut notes), time.boot()),
            (vec![], BootTime::from_duration(Duration::from_secs(1390)))
        );
    }

    #[tokio::test]
    async fn wakes_only_those_whose_time_has_come() {
        let time = VirtualTime::new();
        let start = time.boot();
        let (mut short, mut long) = (diary(&time, MINUTE), diary(&time, MINUTE * 2));
        time.settle().await;
        assert_eq!(time.deadlines(), [start.after(MINUTE), start.after(MINUTE * 2)]);
        let before = time.state().activity;
        time.advance(MINUTE / 2);
        time.settle().await;
        assert!(time.state().activity <= before, "woke a sleeper early");
        time.advance(MINUTE / 2);
        time.settle().await;
        assert_eq!((read(&mut short), read(&mut long)), (vec![(60, None)], vec![]));
    }

    #[tokio::test]
    async fn every_reader_hears_of_every_change_once() {
        let time = VirtualTime::new();
        let (mut one, mut other) = (diary(&time, MINUTE * 60), diary(&time, MINUTE * 60));
        // Before anybody waits, and two at once.
        time.set_wall(Timestamp::from_unix_millis(0));
        time.suspend(MINUTE);
        time.settle().await;
        let expected = vec![(60, Some(Change::WallClockSet)), (60, Some(Change::Resumed))];
        assert_eq!((read(&mut one), read(&mut other)), (expected.clone(), expected));
        assert_eq!(time.wall().to_string(), "1970-01-01T00:01:00Z");
        // A clone hears of what comes after it.
        let mut late = diary(&time, MINUTE * 60);
        time.settle().await;
        assert_eq!(read(&mut late), []);
    }

    #[tokio::test]
    async fn a_suspend_wakes_those_whose_time_came() {
        let time = VirtualTime::new();
        let mut notes = diary(&time, MINUTE);
        time.settle().await;
        time.suspend(MINUTE * 10);
        time.settle().await;
        let mut woken = read(&mut notes);
        woken.sort_by_key(|(_, why)| why.is_some());
        assert_eq!(woken, [(600, None), (600, Some(Change::Resumed))]);
    }

    #[tokio::test]
    async fn a_dropped_wait_leaves_nothing_behind() {
        let time = VirtualTime::new();
        let at = time.boot().after(MINUTE);
        for _ in 0..2 {
            tokio::select! {
                biased;
                () = time.sleep_until(at) => panic!("early"),
                change = time.changed() => panic!("{change:?}"),
                () = tokio::task::yield_now() => {}
            }
            assert!(time.state().waiting.is_empty());
        }
        time.suspend(MINUTE);
        time.sleep_until(at).await;
        assert_eq!(time.changed().await, Change::Resumed);
    }

    #[tokio::test]
    async fn settles_after_a_long_chain_that_never_looks_at_the_clock() {
        let time = VirtualTime::new();
        let (first, mut previous) = tokio::sync::oneshot::channel();
        for _ in 0..1000 {
            let (next, receiver) = tokio::sync::oneshot::channel();
            let before = std::mem::replace(&mut previous, receiver);
            tokio::spawn(async move { next.send(before.await.unwrap() + 1) });
        }
        time.settle().await;
        first.send(0).unwrap();
        time.settle().await;
        assert_eq!(previous.try_recv(), Ok(1000));
    }
}
