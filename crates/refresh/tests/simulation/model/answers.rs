//! What callers who waited are told.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Code};
use refresh_session_refresh::{Demand, Held, Outcome, Ticket};

use super::{Call, Landed, Model};
use crate::simulation::invariant::{Check, Invariant};

impl Model {
    /// A caller is answered.
    pub(crate) fn answered(&mut self, now: BootTime, ticket: Ticket, outcome: &Outcome) -> Check {
        let Some(waiter) = self.waiters.remove(&ticket) else {
            return Invariant::EveryoneIsAnswered.holds(false, || "nobody waits there".into());
        };
        if let Ok(held) = outcome {
            self.handed_out(now, held)?;
        }
        let valid = waiter.demand == Demand::Valid;
        let left = self.keys.as_ref().is_some_and(|keys| keys.left(now).is_some());
        let right = match (self.landed, self.call) {
            (_, Call::Close) => matches!(outcome, Err(error) if error.code() == Code::Closed),
            (Landed::Keys, _) => outcome.is_ok(),
            (Landed::Failure { servable }, _) => outcome.is_ok() == (servable && valid),
            (Landed::No, _) if now < waiter.deadline => false,
            (Landed::No, _) => match outcome {
                Ok(_) => valid && left,
                Err(error) => error.code() == Code::Timeout && !(valid && left),
            },
        };
        Invariant::EveryoneIsAnswered
            .holds(right, || format!("{outcome:?} to {waiter:?} on {:?}, {:?}", self.call, self.landed))
    }

    /// Keys leave the machine.
    pub(crate) fn handed_out(&self, now: BootTime, held: &Arc<Held>) -> Check {
        let Some(keys) = self.keys.as_ref().filter(|keys| keys.generation == held.generation) else {
            return Invariant::NothingOlder
                .holds(false, || format!("generation {} handed out", held.generation));
        };
        let is_them = held.identity.access_key_id == keys.access_key_id;
        Invariant::NeverTorn.holds(is_them, || format!("{} handed out", held.identity.access_key_id))?;
        let allowed = keys.left(now).is_some() || self.past_expiry() && keys.failed_since;
        Invariant::NothingExpired.holds(allowed, || "keys that are over were handed out".into())?;
        // The date is good to a second, and to half the time the exchange may take.
        let unsure = self.settings.fetch_limit / 2 + Duration::from_secs(1);
        let over = keys.ends.is_some_and(|end| now > end.after(unsure)) && !self.past_expiry();
        Invariant::NothingExpired.holds(!over, || format!("handed out after {:?}", keys.ends))
    }
}
