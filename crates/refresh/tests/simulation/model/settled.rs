//! How things must stand once the machine has nothing more to do for the moment.

use refresh_session_core::BootTime;
use refresh_session_refresh::{Machine, Zone};

use super::{Call, Expected, Landed, Model};
use crate::simulation::invariant::{Check, Invariant};

impl Model {
    /// Compares the machine's own account with this one.
    pub(crate) fn settled(&self, now: BootTime, machine: &Machine) -> Check {
        let quiet = matches!(self.expected, Expected::Nothing);
        Invariant::AsDescribed.holds(quiet, || format!("nothing said about {:?}", self.expected))?;
        if self.landed != Landed::No {
            let waits = self.waiters.len();
            Invariant::EveryoneIsAnswered
                .holds(waits == 0, || format!("{waits} still wait after a landing"))?;
        }
        if self.call == Call::Timeout {
            let forgotten = self.waiters.values().find(|waiter| waiter.deadline <= now);
            Invariant::EveryoneIsAnswered
                .holds(forgotten.is_none(), || format!("{forgotten:?} is not answered"))?;
            let overdue = self.timer_must().filter(|at| *at <= now);
            Invariant::Recovers.holds(overdue.is_none(), || format!("no fetch, due {overdue:?}"))?;
        }
        let status = machine.status(now);
        let found = status.held.as_ref().map(|held| held.generation);
        let right = self.keys.as_ref().map(|keys| keys.generation);
        Invariant::FailureKeepsKeys.holds(found == right, || format!("holds {found:?}, not {right:?}"))?;
        let zone = self.zone(now);
        Invariant::AsDescribed
            .holds(status.zone == zone, || format!("{} instead of {zone}: {:?}", status.zone, self.keys))?;
        Invariant::SingleFlight.holds(status.fetches == self.contacts, || {
            format!("{} fetches, not {}", status.fetches, self.contacts)
        })?;
        self.timer(machine)?;
        self.view(now, machine)
    }

    fn timer(&self, machine: &Machine) -> Check {
        let at = machine.poll_timeout();
        if self.closed {
            return Invariant::ClosedIsOver
                .holds(at.is_none() && self.waiters.is_empty(), || format!("a timer at {at:?}"));
        }
        let at = at.unwrap_or(BootTime::NEVER);
        let waiter = self.waiters.values().map(|waiter| waiter.deadline).min().unwrap_or(BootTime::NEVER);
        Invariant::EveryoneIsAnswered
            .holds(at <= waiter, || format!("timer at {at:?}, caller at {waiter:?}"))?;
        let flight = self.flight_until().unwrap_or(BootTime::NEVER);
        Invariant::Recovers.holds(at <= flight, || format!("timer at {at:?}, fetch over at {flight:?}"))?;
        let must = self.timer_must().unwrap_or(BootTime::NEVER);
        Invariant::Recovers.holds(at <= must, || format!("timer at {at:?}, refresh due at {must:?}"))
    }

    fn view(&self, now: BootTime, machine: &Machine) -> Check {
        let view = machine.view(now);
        if self.zone(now) == Zone::Fresh {
            let until = view.map(|view| view.until);
            let right = self.keys.as_ref().map(|keys| keys.refresh_at);
            return Invariant::ViewIsTrue.holds(until == right, || format!("until {until:?}, not {right:?}"));
        }
        match view {
            Some(view) => self.handed_out(now, &view.held),
            None => Ok(()),
        }
    }
}
