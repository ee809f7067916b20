//! The wait for virtual time to come, or to be changed.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use refresh_session_core::BootTime;

use super::{VirtualTime, Waiting};
use crate::alarm::Change;

/// Until a boot time, which gives `None`, or for a change that this reader has not seen.
pub(super) struct Wait<'a> {
    time: &'a VirtualTime,
    until: Option<BootTime>,
    number: Option<u64>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(time: &'a VirtualTime, until: Option<BootTime>) -> Self {
        Self { time, until, number: None }
    }
}

impl Future for Wait<'_> {
    type Output = Option<Change>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.time.state();
        state.activity += 1;
        match self.until {
            Some(until) if until <= state.boot => return Poll::Ready(None),
            Some(_) => {}
            None => {
                let seen = self.time.seen.load(Ordering::Relaxed);
                if let Some(change) = state.changes.get(seen) {
                    self.time.seen.store(seen + 1, Ordering::Relaxed);
                    return Poll::Ready(Some(*change));
                }
            }
        }
        let number = self.number.unwrap_or(state.next);
        state.next = state.next.max(number + 1);
        state.waiting.insert(number, Waiting { until: self.until, waker: context.waker().clone() });
        drop(state);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.time.state();
        state.activity += 1;
        if let Some(number) = self.number {
            state.waiting.remove(&number);
        }
    }
}
