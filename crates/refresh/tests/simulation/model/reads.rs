//! What a read must give.

use refresh_session_core::BootTime;
use refresh_session_refresh::{Demand, Read, Zone};

use super::{Model, Waiter};
use crate::simulation::invariant::{Check, Invariant};

/// What a read gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Given {
    Keys,
    Refused,
    Wait,
}

/// A read's result, and whether the source is contacted for it.
type Right = (Given, bool);

impl Model {
    /// Judges what a read gave; `before` is from [`rights`](Self::rights) before the call.
    pub(crate) fn judge_read(
        &mut self,
        now: BootTime,
        demand: Demand,
        until: BootTime,
        read: &Read,
        before: &[Right],
    ) -> Check {
        let given = match read {
            Read::Keys(held) => {
                self.handed_out(now, held)?;
                Given::Keys
            }
            Read::Refused(_) => Given::Refused,
            Read::Wait(ticket) => {
                let twice = self.waiters.insert(*ticket, Waiter { deadline: until, demand }).is_some();
                Invariant::EveryoneIsAnswered.holds(!twice, || "the ticket was in use".into())?;
                Given::Wait
            }
        };
        let found = (given, self.contacts_now > 0);
        let zone = self.zone(now);
        self.blame(zone, demand, given)
            .holds(before.contains(&found), || format!("{zone} {demand:?}: {found:?} instead of {before:?}"))
    }

    /// Every result that would be right.
    pub(crate) fn rights(&self, now: BootTime, demand: Demand) -> Vec<Right> {
        let (paused, refused) = (self.reads_held(now), (now < self.refusal.0, now < self.refusal.1));
        let mut rights = Vec::new();
        for paused in [paused.0, paused.1] {
            rights.extend([refused.0, refused.1].map(|refused| self.right(now, demand, paused, refused)));
        }
        rights.dedup();
        if self.may_hold_callers(now) && demand != Demand::Forced {
            let waits = rights.iter().filter(|(given, _)| *given == Given::Wait);
            rights.extend(waits.map(|(given, _)| (*given, false)).collect::<Vec<_>>());
        }
        rights
    }

    fn right(&self, now: BootTime, demand: Demand, paused: bool, refused: bool) -> Right {
        let idle = self.flight.is_none();
        let zone = self.zone(now);
        let starter_waits = self.settings.policy.name != "gateway";
        match (demand, zone) {
            (_, Zone::Closed) => (Given::Refused, false),
            (Demand::Forced, _) if self.pause.is_some_and(|pause| now < pause.asked_until) => {
                (Given::Refused, false)
            }
            (Demand::Forced, _) => (Given::Wait, idle),
            (_, Zone::Fresh) => (Given::Keys, false),
            _ if refused && idle => (Given::Refused, false),
            (Demand::Valid, Zone::Advisory | Zone::Mandatory) if paused => (Given::Keys, false),
            (Demand::Valid, Zone::Expired) if paused && self.past_expiry() => (Given::Keys, false),
            (Demand::Valid, Zone::Advisory) if starter_waits && idle => (Given::Wait, true),
            (Demand::Valid, Zone::Advisory) => (Given::Keys, idle),
            // A fetch that goes on in spite of the pause is for everybody.
            _ if paused && idle => (Given::Refused, false),
            _ => (Given::Wait, idle),
        }
    }

    /// Whether callers are held back by a pause: for certain, and possibly.
    fn reads_held(&self, now: BootTime) -> (bool, bool) {
        let Some(pause) = self.pause.filter(|pause| pause.reads) else { return (false, false) };
        (now < pause.ends.0, now < pause.ends.1)
    }

    /// Which promise is broken if this is wrong.
    fn blame(&self, zone: Zone, demand: Demand, given: Given) -> Invariant {
        match (zone, demand, given) {
            (Zone::Closed, ..) => Invariant::ClosedIsOver,
            _ if self.contacts_now > 0 => Invariant::LeftAlone,
            (Zone::Fresh | Zone::Advisory, Demand::Valid, Given::Wait) => Invariant::NobodyWaits,
            (Zone::Fresh | Zone::Advisory | Zone::Mandatory, Demand::Valid, Given::Refused) => {
                Invariant::FailureKeepsKeys
            }
            (Zone::Expired, _, Given::Keys) => Invariant::NothingExpired,
            _ => Invariant::AsDescribed,
        }
    }
}
