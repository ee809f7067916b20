//! Any number of callers, or one who initialises: never both, and nobody waits for ever.
//!
//! The standard library's `RwLock` can neither wait with a limit nor be relied on to let a writer in: tokens that
//! sign without a pause would keep a broken module from ever being initialised anew. Here whoever waits to be alone
//! goes before callers that come later.
//!
//! A caller that hangs in the module stays inside. Then nobody gets to be alone, and the others go on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    callers: usize,
    alone: bool,
    waiting_to_be_alone: usize,
}

/// A caller inside.
#[derive(Debug)]
pub(crate) struct Pass<'a>(&'a Gate);

/// The only one inside.
#[derive(Debug)]
pub(crate) struct Alone<'a>(&'a Gate);

/// Why somebody could not be alone inside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Busy {
    Callers,
    Alone,
}

impl Gate {
    /// Lets a caller in once nobody is alone inside or waits to be, and within `limit` or not at all.
    ///
    /// A thread that is inside must not ask again: it would wait for itself if somebody waits to be alone.
    pub(crate) fn enter(&self, limit: Duration) -> Option<Pass<'_>> {
        let busy = |inside: &mut Inside| inside.alone || inside.waiting_to_be_alone > 0;
        let mut inside = self.wait(self.lock(), limit, busy)?;
        inside.callers += 1;
        Some(Pass(self))
    }

    /// Waits until everybody has left, at most `limit`.
    pub(crate) fn alone(&self, limit: Duration) -> Result<Alone<'_>, Busy> {
        let mut inside = self.lock();
        inside.waiting_to_be_alone += 1;
        let entered = self.wait(inside, limit, |inside| inside.alone || inside.callers > 0);
        let got_in = entered.is_some();
        let mut inside = entered.unwrap_or_else(|| self.lock());
        inside.waiting_to_be_alone -= 1;
        let busy = if inside.alone { Busy::Alone } else { Busy::Callers };
        inside.alone |= got_in;
        drop(inside);
        if got_in {
            return Ok(Alone(self));
        }
        self.changed.notify_all();
        Err(busy)
    }

    /// For whom a [`Pass`] was forgotten.
    pub(crate) fn leave(&self) {
        self.lock().callers -= 1;
        self.changed.notify_all();
    }

    /// For whom an [`Alone`] was forgotten.
    pub(crate) fn leave_alone(&self) {
        self.lock().alone = false;
        self.changed.notify_all();
    }

    /// Whether somebody is alone inside right now.
    pub(crate) fn is_taken(&self) -> bool {
        self.lock().alone
    }

    fn wait<'a>(
        &self,
        inside: MutexGuard<'a, Inside>,
        limit: Duration,
        busy: impl FnMut(&mut Inside) -> bool,
    ) -> Option<MutexGuard<'a, Inside>> {
        let (inside, waited) =
            self.changed.wait_timeout_while(inside, limit, busy).unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(inside)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.leave_alone();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn whoever_wants_to_be_alone_gets_in_past_callers_that_never_pause() {
        let (gate, done, inside) = (Gate::default(), AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let _pass = gate.enter(LONG).unwrap();
                        inside.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..500 {
                let _alone = gate.alone(LONG).unwrap();
                assert_eq!(inside.load(Ordering::SeqCst), 0);
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn who_gives_up_waiting_to_be_alone_holds_nobody_up() {
        let gate = Gate::default();
        let stuck = gate.enter(LONG).unwrap();
        assert_eq!(gate.alone(Duration::from_millis(10)).unwrap_err(), Busy::Callers);
        drop(gate.enter(Duration::ZERO).unwrap());
        drop(stuck);
        let alone = gate.alone(Duration::ZERO).unwrap();
        assert!(gate.is_taken() && gate.enter(Duration::from_millis(10)).is_none());
        assert_eq!(gate.alone(Duration::from_millis(10)).unwrap_err(), Busy::Alone);
        drop(alone);
        assert!(gate.enter(Duration::ZERO).is_some());
    }
}
