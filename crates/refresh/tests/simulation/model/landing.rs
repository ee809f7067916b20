//! What a fetch brings, and what has to become of it.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Timestamp};
use refresh_session_refresh::{Cause, FetchId, Held};

use super::{Expected, Keys, Landed, Model, Pause};
use crate::simulation::bounds::{self, LONGEST_LIFE, SHORTEST_PAUSE};
use crate::simulation::clocks::{boot_at, millis};
use crate::simulation::invariant::{Check, Invariant};
use crate::simulation::source::Issue;

/// When a reply came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub now: BootTime,
    /// Half-way between request and reply.
    pub at: BootTime,
    pub wall: Timestamp,
}

/// The end of keys lies between these two.
type Ends = Option<(BootTime, BootTime)>;

impl Model {
    /// The attempt with this id brings keys.
    pub(crate) fn brings_keys(&mut self, id: FetchId, arrival: Arrival, issue: &Issue) {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else { return };
        if arrival.now > flight.deadline {
            self.expected = Expected::Failure(Cause::Unreachable);
            return;
        }
        let both = Box::new((arrival, issue.clone()));
        let nonsense = Expected::Failure(Cause::Answered(None));
        self.expected = match self.ends(arrival, issue) {
            _ if self.older(issue) => nonsense,
            None => Expected::Keys(both),
            Some((_, latest)) if latest <= arrival.now => nonsense,
            Some((earliest, _)) if earliest > arrival.now => Expected::Keys(both),
            Some(_) => Expected::Either(both),
        };
        self.dated |= issue.date.is_some();
    }

    /// The attempt with this id fails.
    pub(crate) fn brings_failure(&mut self, id: FetchId, cause: Cause) {
        if self.flight.take_if(|flight| flight.id == id).is_some() {
            self.expected = Expected::Failure(cause);
        }
    }

    /// Boot time half-way through the exchange plus what the reply itself says is left. Without a date by what the
    /// source said earlier, to the uncertainty of that; without any by the wall clock.
    fn ends(&self, arrival: Arrival, issue: &Issue) -> Ends {
        let end = issue.expiration?;
        let wall = || {
            Timestamp::from_unix_millis(arrival.wall.unix_millis() - millis(arrival.now.since(arrival.at)))
        };
        if issue.date.is_none() && self.dated {
            let unsure = self.settings.fetch_limit / 2 + Duration::from_secs(2);
            let truth = boot_at(end);
            return Some((truth.before(unsure), truth.after(unsure)));
        }
        let life = end.millis_since(issue.date.unwrap_or_else(wall));
        let life = Duration::from_millis(u64::try_from(life).unwrap_or(0)).min(LONGEST_LIFE);
        // Nothing left counts as over whenever it was.
        let deadline = if life.is_zero() { BootTime::default() } else { arrival.at.after(life) };
        Some((deadline, deadline))
    }

    /// The keys held, with an earlier end; or, where a service has refused them, with an end that is not later.
    fn older(&self, issue: &Issue) -> bool {
        let Some(keys) = self.keys.as_ref().filter(|keys| keys.access_key_id == issue.access_key_id) else {
            return false;
        };
        match (keys.expiration, issue.expiration) {
            (Some(before), Some(after)) if self.forced => after.millis_since(before) <= 2000,
            (Some(before), Some(after)) => before.millis_since(after) > 2000,
            (None, Some(_)) => true,
            (None, None) => self.forced,
            (Some(_), None) => false,
        }
    }

    /// The machine says it holds new keys.
    pub(super) fn refreshed(&mut self, now: BootTime, held: &Arc<Held>) -> Check {
        let (arrival, issue) = match std::mem::replace(&mut self.expected, Expected::Nothing) {
            Expected::Keys(both) | Expected::Either(both) => *both,
            Expected::Failure(_) => {
                return Invariant::NothingExpired.holds(false, || "installed what is a failure".into());
            }
            Expected::Nothing => {
                return Invariant::NothingOlder.holds(false, || "installed from nowhere".into());
            }
        };
        let identity = &held.identity;
        let whole = identity.access_key_id == issue.access_key_id
            && identity.secret_access_key.expose_str() == Some(&issue.secret)
            && identity.session_token.as_ref().and_then(|token| token.expose_str()) == Some(&issue.token);
        Invariant::NeverTorn.holds(whole, || format!("{} is torn", issue.access_key_id))?;
        let ends = self.ends(arrival, &issue);
        let end_is_right = match (ends, held.deadline) {
            (Some((earliest, latest)), Some(end)) => earliest <= end && end <= latest && now < end,
            (None, None) => true,
            _ => false,
        };
        Invariant::WallIsNoClock.holds(end_is_right, || format!("ends {:?}, not {ends:?}", held.deadline))?;
        self.generation += 1;
        let next = held.generation == self.generation;
        Invariant::NothingOlder.holds(next, || format!("generation {}", held.generation))?;
        let (mandatory_at, right) = self.refresh_window(arrival, held);
        Invariant::AsDescribed
            .holds(right, || format!("refresh at {:?} of {:?}", held.refresh_at, held.deadline))?;
        self.keys = Some(Keys {
            access_key_id: issue.access_key_id,
            generation: held.generation,
            deadline: held.deadline,
            refresh_at: held.refresh_at,
            mandatory_at,
            expiration: issue.expiration,
            ends: issue.expiration.map(boot_at).filter(|_| issue.date.is_some()),
            failed_since: false,
            told_expired: false,
        });
        self.pause = None;
        self.refusal = (BootTime::default(), BootTime::default());
        let soon = now.after(SHORTEST_PAUSE);
        self.timer_waits = (self.timer_waits.0.max(soon), self.timer_waits.1.max(soon));
        self.forced = false;
        self.earlier = bounds::Earlier::default();
        self.landed = Landed::Keys;
        self.succeeded(now);
        Ok(())
    }

    /// When callers begin to wait, and whether the refresh begins where it may.
    fn refresh_window(&self, arrival: Arrival, held: &Held) -> (BootTime, bool) {
        let Some(end) = held.deadline else { return (BootTime::NEVER, held.refresh_at == BootTime::NEVER) };
        let life = end.since(arrival.at);
        let (advisory, mandatory) = bounds::windows(&self.settings, life);
        let earliest = end.before(advisory);
        let latest = earliest.after(bounds::spread(&self.settings, life));
        (end.before(mandatory), earliest <= held.refresh_at && held.refresh_at <= latest)
    }

    /// The machine says an attempt failed.
    pub(super) fn failed(&mut self, now: BootTime, announced: Duration, said: Option<Duration>) -> Check {
        let cause = match std::mem::replace(&mut self.expected, Expected::Nothing) {
            Expected::Failure(cause) => cause,
            Expected::Either(_) => Cause::Answered(None),
            Expected::Keys(both) => {
                let id = both.1.access_key_id;
                return Invariant::AsDescribed.holds(false, || format!("{id} refused"));
            }
            Expected::Nothing => {
                return Invariant::NothingOlder.holds(false, || "failed from nowhere".into());
            }
        };
        let left = self.keys.as_ref().and_then(|keys| keys.left(now));
        Invariant::FailureKeepsKeys.holds(left == said, || format!("{said:?} left, not {left:?}"))?;
        let serving = left.is_some() || self.keys.is_some() && self.past_expiry();
        let raised = cause == Cause::Denied && self.settings.policy.name == "aws";
        self.landed = Landed::Failure { servable: serving && !raised };
        if let Some(keys) = &mut self.keys {
            keys.failed_since = true;
        }
        self.rest(now, cause, left, serving, announced)
    }

    /// Takes over the pause that is announced: the timer's in eager mode, otherwise that of callers.
    fn rest(
        &mut self,
        now: BootTime,
        cause: Cause,
        left: Option<Duration>,
        serving: bool,
        announced: Duration,
    ) -> Check {
        let aws = self.settings.policy.name == "aws";
        let raised = aws && cause == Cause::Denied;
        let timer = bounds::pause(&self.settings, cause, self.earlier, left, serving);
        let asked = match cause {
            Cause::Answered(Some(wish)) => bounds::asked_for(wish),
            _ => Duration::ZERO,
        };
        let hiccup = aws || self.earlier.without_keys == 0;
        let reads = !raised && (serving || !hiccup) || !aws && !asked.is_zero();
        let (least, most) = match (self.eager(), raised) {
            (true, _) => timer,
            (false, true) => bounds::REFUSAL,
            (false, false) if reads => timer,
            (false, false) => (Duration::ZERO, Duration::ZERO),
        };
        Invariant::AsDescribed.holds(least <= announced && announced <= most, || {
            format!(
                "{cause:?}, {:?}, {left:?} left: pause {announced:?}, not {least:?} to {most:?}",
                self.earlier
            )
        })?;
        let from_now = |(least, most)| (now.after(least), now.after(most));
        if raised {
            let known = if self.eager() { bounds::REFUSAL } else { (announced, announced) };
            self.refusal = from_now(known);
        }
        let known = if self.eager() || reads { (announced, announced) } else { timer };
        let asked_until = now.after(asked);
        self.pause = Some(Pause { ends: from_now(known), reads, asked_until, cause, cut: false });
        let count = if serving { &mut self.earlier.with_keys } else { &mut self.earlier.without_keys };
        *count += 1;
        Ok(())
    }
}
