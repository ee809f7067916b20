//! Whether the source may be contacted now, and how often it has been.

use std::collections::VecDeque;
use std::time::Duration;

use refresh_session_core::BootTime;
use refresh_session_refresh::{Demand, FetchId};

use super::{Call, Flight, Model};
use crate::simulation::bounds::SHORTEST_PAUSE;
use crate::simulation::invariant::{Check, Invariant};

/// The contacts and successes of the last hour.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    contacts: VecDeque<BootTime>,
    successes: VecDeque<BootTime>,
}

const WINDOWS: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(20), Duration::from_mins(5), Duration::from_hours(1)];

impl Model {
    /// The machine asks the source.
    pub(crate) fn contact(&mut self, now: BootTime, id: FetchId) -> Check {
        Invariant::ClosedIsOver.holds(!self.closed, || "contact after close".into())?;
        Invariant::SingleFlight.holds(self.flight.is_none(), || "a second fetch".into())?;
        self.contacts += 1;
        self.contacts_now += 1;
        self.flight = Some(Flight { id, deadline: now.after(self.settings.fetch_limit) });
        match self.call {
            // Judged with the read's result.
            Call::Read(_) => {}
            Call::Timeout => self.timer_may(now)?,
            call => Invariant::LeftAlone.holds(false, || format!("contact on {call:?}"))?,
        }
        if !self.may_ignore_pauses() {
            self.timeline.contacts.push_back(now);
        }
        self.rate(now)
    }

    /// The machine gives an attempt up.
    pub(crate) fn abandoned(&self, now: BootTime, id: FetchId) -> Check {
        let due = self.flight.as_ref().is_some_and(|flight| flight.id == id && flight.deadline <= now);
        Invariant::AsDescribed.holds(due || self.closed, || format!("{id:?} given up too early"))
    }

    pub(super) fn succeeded(&mut self, now: BootTime) {
        self.successes += 1;
        self.timeline.successes.push_back(now);
    }

    fn timer_may(&self, now: BootTime) -> Check {
        let left_alone = |kept, what: &str| Invariant::LeftAlone.holds(kept, || format!("timer: {what}"));
        match &self.keys {
            Some(keys) => {
                left_alone(self.eager(), "nobody asked")?;
                left_alone(self.forced || now >= keys.refresh_at, "the keys are fresh")?;
            }
            None => left_alone(self.eager() || !self.waiters.is_empty(), "nobody asked")?,
        }
        left_alone(self.pause.is_none_or(|pause| now >= pause.ends.0), "the pause goes on")?;
        left_alone(now >= self.refusal.0, "the refusal holds")?;
        left_alone(now >= self.timer_waits.0, "it has only just succeeded")
    }

    /// When the timer must have started a fetch; `None`: it need not.
    pub(super) fn timer_must(&self) -> Option<BootTime> {
        if self.flight.is_some() || self.closed {
            return None;
        }
        let due = match &self.keys {
            None if self.eager() || !self.waiters.is_empty() => self.starts_latest(),
            Some(_) if self.eager() && self.forced => BootTime::default(),
            Some(keys) if self.eager() => keys.refresh_at,
            _ => return None,
        };
        let pause = self.pause.map_or(due, |pause| pause.ends.1);
        Some(due.max(pause).max(self.refusal.1).max(self.timer_waits.1)).filter(|at| *at < BootTime::NEVER)
    }

    /// When a caller who asks is sure to get through to the source.
    pub(crate) fn reads_free(&self) -> BootTime {
        let pause = self.pause.filter(|pause| pause.reads).map_or(BootTime::default(), |pause| pause.ends.1);
        let held = self.keys.is_none() && self.settings.startup_holds_callers;
        let startup = if held { self.starts_latest().max(self.timer_waits.1) } else { BootTime::default() };
        let timer = self.timer_must().filter(|_| held).unwrap_or_default();
        pause.max(self.refusal.1).max(startup).max(timer)
    }

    /// When the timer has ended every wait, if it contacts the source by itself.
    pub(crate) fn timer_latest(&self) -> BootTime {
        self.timer_must().unwrap_or_default()
    }

    /// The instants between these two at which something changes.
    pub(crate) fn corners(&self, from: BootTime, to: BootTime) -> Vec<BootTime> {
        let keys =
            self.keys.iter().flat_map(|keys| [Some(keys.refresh_at), Some(keys.mandatory_at), keys.deadline]);
        let pause = self.pause.map(|pause| pause.ends.1);
        let others = [pause, self.flight_until(), Some(self.refusal.0), Some(self.starts_latest())];
        let waiter = self.waiters.values().map(|waiter| Some(waiter.deadline)).take(1);
        keys.chain(others).chain(waiter).flatten().filter(|at| from <= *at && *at <= to).collect()
    }

    /// When the fetch under way is given up.
    pub(crate) fn flight_until(&self) -> Option<BootTime> {
        self.flight.as_ref().map(|flight| flight.deadline)
    }

    fn may_ignore_pauses(&self) -> bool {
        let free = self.pause.is_some_and(|pause| pause.cut || !pause.reads);
        free || self.call == Call::Read(Demand::Forced)
    }

    fn rate(&mut self, now: BootTime) -> Check {
        let timeline = &mut self.timeline;
        for times in [&mut timeline.contacts, &mut timeline.successes] {
            while times.front().is_some_and(|at| now.since(*at) > WINDOWS[3]) {
                times.pop_front();
            }
        }
        for window in WINDOWS {
            let within = |times: &VecDeque<BootTime>| {
                times.iter().rev().take_while(|at| now.since(**at) <= window).count()
            };
            let (contacts, successes) = (within(&timeline.contacts), within(&timeline.successes));
            let allowed = 1 + window.as_millis() / SHORTEST_PAUSE.as_millis() + successes as u128;
            Invariant::Rate
                .holds(contacts as u128 <= allowed, || format!("{contacts} contacts in {window:?}"))?;
        }
        Ok(())
    }
}
