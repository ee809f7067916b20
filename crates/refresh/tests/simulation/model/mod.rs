//! A second opinion: what the machine must do, from what was told to it and what the source did.
//!
//! It asks the machine nothing to judge it. Two things it cannot know are taken from what the machine announces, after
//! a check that they lie where they may: when a refresh begins ([`Event::Refreshed`]), and how long a pause is
//! ([`Event::Failed`]). A time drawn without being announced (startup, after a change, after a resume) is known by its
//! two ends only, and between them both behaviours are right: those draws are for the scenarios to judge.

mod answers;
mod contacts;
mod landing;
mod reads;
mod settled;

use std::collections::BTreeMap;
use std::time::Duration;

use refresh_session_core::{BootTime, Timestamp};
use refresh_session_refresh::{Cause, Demand, Event, FetchId, Mode, Settings, Ticket, Zone};

use super::bounds::Earlier;
use super::invariant::{Check, Invariant};
use super::source::Issue;

pub(crate) use landing::Arrival;

/// The state of the second opinion.
#[derive(Debug)]
pub(crate) struct Model {
    pub settings: Settings,
    pub keys: Option<Keys>,
    pub waiters: BTreeMap<Ticket, Waiter>,
    pub closed: bool,
    pub successes: u64,
    pub contacts: u64,
    started: BootTime,
    generation: u32,
    flight: Option<Flight>,
    pause: Option<Pause>,
    /// A refusal is repeated until some moment between these two.
    refusal: (BootTime, BootTime),
    /// The timer waits until some moment between these two: after a resume, and briefly after every success.
    timer_waits: (BootTime, BootTime),
    forced: bool,
    earlier: Earlier,
    /// Whether a reply with a date has been accepted for landing.
    dated: bool,
    call: Call,
    expected: Expected,
    landed: Landed,
    contacts_now: u32,
    timeline: contacts::Timeline,
}

/// Keys as they are held.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub access_key_id: String,
    pub generation: u32,
    pub deadline: Option<BootTime>,
    pub refresh_at: BootTime,
    pub mandatory_at: BootTime,
    expiration: Option<Timestamp>,
    /// The end by the source's own clock, where its replies have a date.
    ends: Option<BootTime>,
    /// An attempt has failed since they came.
    failed_since: bool,
    told_expired: bool,
}

#[derive(Debug)]
struct Flight {
    id: FetchId,
    deadline: BootTime,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    /// For the timer it ends between these two: the same if announced and not cut short by a change.
    ends: (BootTime, BootTime),
    /// Whether it holds callers too.
    reads: bool,
    /// Until then the source has asked to be left alone by everybody.
    asked_until: BootTime,
    cause: Cause,
    cut: bool,
}

/// A caller who waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub deadline: BootTime,
    demand: Demand,
}

/// What the machine is being told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Call {
    Read(Demand),
    Timeout,
    Landing,
    Close,
    Other,
}

/// What must be told to listeners before the machine is quiet again.
#[derive(Debug)]
enum Expected {
    Nothing,
    Keys(Box<(Arrival, Issue)>),
    Failure(Cause),
    /// The two clocks do not tell precisely enough whether the keys still hold.
    Either(Box<(Arrival, Issue)>),
}

/// What the attempt that has just landed brought to those who wait.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Landed {
    No,
    Keys,
    Failure { servable: bool },
}

impl Model {
    pub(crate) fn new(settings: &Settings, now: BootTime) -> Self {
        Self {
            settings: *settings,
            keys: None,
            waiters: BTreeMap::new(),
            closed: false,
            successes: 0,
            contacts: 0,
            started: now,
            generation: 0,
            flight: None,
            pause: None,
            refusal: (BootTime::default(), BootTime::default()),
            timer_waits: (BootTime::default(), BootTime::default()),
            forced: false,
            earlier: Earlier::default(),
            dated: false,
            call: Call::Other,
            expected: Expected::Nothing,
            landed: Landed::No,
            contacts_now: 0,
            timeline: contacts::Timeline::default(),
        }
    }

    /// The machine is about to be told this.
    pub(crate) fn begin(&mut self, call: Call) {
        self.call = call;
        self.landed = Landed::No;
        self.contacts_now = 0;
    }

    /// The zone.
    pub(crate) fn zone(&self, now: BootTime) -> Zone {
        let Some(keys) = self.keys.as_ref().filter(|_| !self.closed) else {
            return if self.closed { Zone::Closed } else { Zone::Empty };
        };
        match keys {
            keys if keys.deadline.is_some_and(|end| now >= end) => Zone::Expired,
            _ if self.forced => Zone::Mandatory,
            keys if now >= keys.mandatory_at => Zone::Mandatory,
            keys if now >= keys.refresh_at => Zone::Advisory,
            _ => Zone::Fresh,
        }
    }

    /// A service refused these keys.
    pub(crate) fn invalidate(&mut self, access_key_id: &str, said: bool) -> Check {
        let ours = self.keys.as_ref().is_some_and(|keys| keys.access_key_id == access_key_id);
        self.forced |= ours;
        Invariant::OnlyTheRightId.holds(said == ours, || format!("{access_key_id}: said {said}"))
    }

    /// Something has changed that may have kept the source from answering.
    pub(crate) fn change(&mut self, now: BootTime) {
        let soon = now.after(Duration::from_secs(5));
        if let Some(pause) = self.pause.as_mut().filter(|pause| pause.cause == Cause::Unreachable) {
            pause.ends = (pause.ends.0.min(now), pause.ends.1.min(soon));
            pause.cut = true;
        }
    }

    /// The machine was suspended.
    pub(crate) fn resume(&mut self, now: BootTime) {
        let left = self.keys.as_ref().and_then(|keys| keys.left(now));
        let half_minute = Duration::from_secs(30);
        self.timer_waits = (now, now.after(left.map_or(half_minute, |left| half_minute.min(left / 10))));
        self.change(now);
    }

    /// Everything is over.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.keys = None;
        self.flight = None;
        self.expected = Expected::Nothing;
    }

    /// Listeners are told.
    pub(crate) fn told(&mut self, now: BootTime, event: &Event) -> Check {
        match event {
            Event::Refreshed { held } => self.refreshed(now, held),
            Event::Failed { pause, left, .. } => self.failed(now, *pause, *left),
            Event::Expired { held } => {
                let Some(keys) = self.keys.as_mut().filter(|keys| keys.generation == held.generation) else {
                    return Invariant::AsDescribed.holds(false, || "told the end of other keys".into());
                };
                let over = keys.deadline.is_some_and(|end| now >= end);
                let once = !std::mem::replace(&mut keys.told_expired, true);
                Invariant::AsDescribed.holds(over && once, || format!("end told; over {over}, once {once}"))
            }
        }
    }

    /// Whether keys that are over may be handed out.
    fn past_expiry(&self) -> bool {
        self.settings.policy.name == "aws" && self.settings.extends
    }

    fn eager(&self) -> bool {
        self.settings.mode == Mode::Eager
    }

    /// Whether callers may still be held back by the startup jitter. Only the longest draw is known.
    fn may_hold_callers(&self, now: BootTime) -> bool {
        self.keys.is_none() && self.settings.startup_holds_callers && now < self.starts_latest()
    }

    fn starts_latest(&self) -> BootTime {
        self.started.after(self.settings.startup_jitter)
    }
}

impl Keys {
    pub(crate) fn left(&self, now: BootTime) -> Option<Duration> {
        let Some(deadline) = self.deadline else { return Some(Duration::MAX) };
        Some(deadline.since(now)).filter(|left| !left.is_zero())
    }
}
