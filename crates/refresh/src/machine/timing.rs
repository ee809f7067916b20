//! What happens by time alone.

use refresh_session_core::{BootTime, Code, Error};

use super::{Action, Event, Machine};
use crate::waiters::Wants;

impl Machine {
    /// When [`handle_timeout`](Self::handle_timeout) has something to do next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<BootTime> {
        if self.closed {
            return None;
        }
        let flight = self.flight.as_ref().and_then(|flight| flight.deadline);
        [flight, self.waiters.next_deadline(), self.fetches_at(), self.expires_at()]
            .into_iter()
            .flatten()
            .filter(|at| *at < BootTime::NEVER)
            .min()
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: BootTime) {
        if self.closed {
            return;
        }
        let mut abandoned = false;
        if let Some(flight) = self.flight.as_mut().filter(|flight| is_due(flight.deadline, now)) {
            flight.deadline = None;
            abandoned = true;
            let id = flight.id;
            self.actions.push_back(Action::Abandon { id });
        }
        if is_due(self.expires_at(), now)
            && let Some(held) = self.held.clone()
        {
            self.told_expired = held.generation;
            self.actions.push_back(Action::Tell(Event::Expired { held }));
        }
        if is_due(self.fetches_at(), now) {
            self.start(now);
        }
        if abandoned {
            // After a stall callers may be due too. The driver's answer to `Abandon` says more than ours would.
            return;
        }
        for (ticket, wants) in self.waiters.take_due(now) {
            let valid = self.held.clone().filter(|held| wants == Wants::Valid && held.left(now).is_some());
            self.answer(ticket, valid.ok_or_else(too_late));
        }
    }

    /// When the timer starts a fetch: in eager mode, and for callers whom the startup jitter holds up.
    fn fetches_at(&self) -> Option<BootTime> {
        if self.flight.is_some() {
            return None;
        }
        let due = match &self.held {
            None if self.eager() || !self.waiters.is_empty() => self.starts_at,
            Some(held) if self.eager() && !self.wants_others() => held.refresh_at,
            Some(_) if self.eager() => BootTime::default(),
            _ => return None,
        };
        let pause = self.pause.as_ref().map_or(due, |pause| pause.timer_until);
        let refusal = self.refusal.as_ref().map_or(due, |refusal| refusal.until);
        Some(due.max(pause).max(refusal).max(self.timer_not_before))
    }

    /// When the end of the keys is told.
    fn expires_at(&self) -> Option<BootTime> {
        let held = self.held.as_ref()?;
        held.deadline.filter(|_| self.told_expired != held.generation)
    }
}

fn is_due(at: Option<BootTime>, now: BootTime) -> bool {
    at.is_some_and(|at| at <= now)
}

fn too_late() -> Error {
    Error::new(Code::Timeout, "waiting for credentials: none within the caller's deadline")
        .with_hint("The fetch goes on; ask again.")
}
