//! What a fetch brought.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Code, Error, Issued, Result, Timestamp};

use super::{Action, Event, FetchId, Judged, Machine, Pause, Refusal};
use crate::delay::{Delay, FLOOR};
use crate::failure::{Cause, Failure};
use crate::held::Held;
use crate::waiters::Wants;

/// What a source may ask for at most, and at least, by `Retry-After`.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(15));

/// Two replies with the same keys may differ by so many milliseconds in their end.
const SAME_END: i64 = 2000;

impl Machine {
    /// The source has issued keys. `wall` is the local calendar now, looked at only if neither this reply nor an
    /// earlier one had a date. After the attempt's deadline it counts as a failure. An attempt that is not the one
    /// under way is ignored.
    pub fn handle_fetched(&mut self, now: BootTime, id: FetchId, issued: Issued, wall: Timestamp) {
        let deadline = self.flight.as_ref().filter(|flight| flight.id == id).map(|flight| flight.deadline);
        match deadline {
            Some(Some(deadline)) if now <= deadline => self.flight = None,
            // Its date was read nobody knows when: the machine may have been suspended since.
            Some(Some(_)) => return self.handle_failed(now, id, Failure::from(too_late())),
            // Given up, or not ours.
            Some(None) | None => return,
        }
        if let Some(date) = issued.server_date {
            self.server.learn(date, issued.at, issued.round_trip);
        }
        let at = issued.at;
        let dated = issued.server_date.is_some() || self.server.at(at).is_some();
        let judged = Some(Judged { wall: minus(wall, now.since(at)), at }).filter(|_| !dated);
        match self.hold(now, issued, wall) {
            Ok(held) => {
                self.judged = judged.filter(|_| held.deadline.is_some());
                self.install(now, held);
            }
            Err(error) => self.fail(now, Failure::from(error)),
        }
    }

    /// The attempt failed. One that is not under way is ignored.
    pub fn handle_failed(&mut self, now: BootTime, id: FetchId, failure: Failure) {
        if self.flight.take_if(|flight| flight.id == id).is_some() {
            self.fail(now, failure);
        }
    }

    fn hold(&mut self, now: BootTime, issued: Issued, wall: Timestamp) -> Result<Held> {
        let date = issued
            .server_date
            .or_else(|| self.server.at(issued.at))
            .unwrap_or_else(|| minus(wall, now.since(issued.at)));
        let life = match issued.identity.expiration {
            Some(end) => Some(end.remaining_at(date).ok_or_else(|| over(end, date))?),
            None => None,
        };
        let life = life.map(|life| life.min(self.settings.longest_life));
        let generation = self.generation.wrapping_add(1).max(1);
        let held = Held::new(issued.identity, generation, issued.at, life, &self.settings, &mut self.rng);
        if held.left(now).is_none() {
            return Err(Error::new(Code::ExpiredReply, "the source's keys were over before they arrived"));
        }
        let before = self.held.as_deref();
        if before.is_some_and(|before| ends_earlier(before, &held)) {
            let message = "the source issued the keys that are held, with an earlier end";
            return Err(Error::new(Code::ExpiredReply, message)
                .with_hint("The keys held are kept. Something on the way repeats old replies."));
        }
        // Or every request that is refused would have the source asked for the same again.
        if self.forced && before.is_some_and(|before| !ends_later(before, &held)) {
            let message = "the source issued again the keys that a service has refused as expired";
            return Err(Error::new(Code::ExpiredReply, message).with_hint(
                "The keys held are kept. The source keeps a copy of its own: have it fetch anew.",
            ));
        }
        Ok(held)
    }

    fn install(&mut self, now: BootTime, held: Held) {
        let held = Arc::new(held);
        self.generation = held.generation;
        self.held = Some(held.clone());
        self.pause = None;
        self.refusal = None;
        self.failures.with_keys = 0;
        self.failures.without_keys = 0;
        self.forced = false;
        self.doubted = false;
        self.last_error = None;
        // However short the life of what a source issues, or however often a service refuses it.
        self.timer_not_before = self.timer_not_before.max(now.after(FLOOR));
        self.actions.push_back(Action::Tell(Event::Refreshed { held: held.clone() }));
        for (ticket, _) in self.waiters.take_all() {
            self.answer(ticket, Ok(held.clone()));
        }
    }

    fn fail(&mut self, now: BootTime, failure: Failure) {
        let left = self.held.as_ref().and_then(|held| held.left(now));
        let raised = matches!((failure.cause, self.settings.policy.raise_denied), (Cause::Denied, Some(_)));
        let servable = (left.is_some() || self.held.is_some() && self.settings.past_expiry()) && !raised;
        let pause = self.leave_alone(now, &failure, left);
        self.failures.total += 1;
        self.last_error = Some(failure.error.clone());
        let error = failure.error;
        self.actions.push_back(Action::Tell(Event::Failed { error: error.clone(), pause, left }));
        for (ticket, wants) in self.waiters.take_all() {
            let outcome = match &self.held {
                Some(held) if servable && wants == Wants::Valid => Ok(held.clone()),
                _ => Err(error.clone()),
            };
            self.answer(ticket, outcome);
        }
    }

    /// Draws for how long, and says so.
    fn leave_alone(&mut self, now: BootTime, failure: &Failure, left: Option<Duration>) -> Duration {
        let policy = self.settings.policy;
        let asked = match failure.cause {
            Cause::Answered(asked) => asked.map(|asked| asked.clamp(RETRY_AFTER.0, RETRY_AFTER.1)),
            Cause::Unreachable | Cause::Denied => None,
        };
        let instead = asked.filter(|_| policy.retry_after);
        let (drawn, reads_too) = self.draw(failure.cause, left);
        let timer = instead.unwrap_or(drawn);
        let raised = policy.raise_denied.filter(|_| failure.cause == Cause::Denied);
        // A refusal that is raised holds up reads by itself, and more briefly than a timer that nobody watches.
        let reads = if instead.is_some() || reads_too && raised.is_none() { timer } else { Duration::ZERO };
        self.pause = Some(Pause {
            reads_until: now.after(reads),
            timer_until: now.after(timer),
            asked_until: asked.map_or(now, |asked| now.after(asked)),
            cause: failure.cause,
            error: failure.error.clone(),
        });
        let refusal = raised.map(|delay| delay.draw(0, &mut self.rng));
        if let Some(refusal) = refusal {
            self.refusal = Some(Refusal { until: now.after(refusal), error: failure.error.clone() });
        }
        if self.eager() { timer } else { refusal.unwrap_or(reads) }
    }

    /// A delay, and whether it holds for callers too.
    fn draw(&mut self, cause: Cause, left: Option<Duration>) -> (Duration, bool) {
        let policy = self.settings.policy;
        let past_expiry = self.settings.past_expiry();
        if left.is_none() && (self.held.is_none() || !past_expiry) {
            let earlier = self.failures.without_keys;
            self.failures.without_keys = earlier.saturating_add(1);
            let drawn = policy.without_keys.draw(earlier.saturating_sub(1), &mut self.rng);
            // The first failure may be a hiccup: whoever asks next may find out.
            return (drawn, policy.holds_callers && earlier > 0);
        }
        let earlier = self.failures.with_keys;
        self.failures.with_keys = earlier.saturating_add(1);
        let delay: Delay = if cause == Cause::Unreachable { policy.unreachable } else { policy.answered };
        let drawn = match (left, policy.left_share) {
            (Some(left), Some(share)) => delay.draw_within(earlier, left, share, &mut self.rng),
            // Once there is nothing to serve, what holds without keys holds.
            (Some(left), None) if !past_expiry => delay.draw(earlier, &mut self.rng).min(left),
            _ => delay.draw(earlier, &mut self.rng),
        };
        (drawn, true)
    }
}

/// By what the source says itself: our estimates of one and the same end differ by half a round trip.
fn ends_earlier(before: &Held, after: &Held) -> bool {
    same_keys(before, after)
        && match (before.identity.expiration, after.identity.expiration) {
            (Some(before), Some(after)) => before.millis_since(after) > SAME_END,
            (None, Some(_)) => true,
            (_, None) => false,
        }
}

/// Other keys than those held count as later.
fn ends_later(before: &Held, after: &Held) -> bool {
    !same_keys(before, after)
        || match (before.identity.expiration, after.identity.expiration) {
            (Some(before), Some(after)) => after.millis_since(before) > SAME_END,
            (before, after) => before.is_some() && after.is_none(),
        }
}

fn same_keys(before: &Held, after: &Held) -> bool {
    before.identity.access_key_id == after.identity.access_key_id
}

fn over(end: Timestamp, date: Timestamp) -> Error {
    Error::new(
        Code::ExpiredReply,
        format!("the source's keys ended at {end}; by the clock that counts it is {date}"),
    )
    .with_hint("The keys held are kept. Check the clock of this machine and of the source.")
}

fn too_late() -> Error {
    Error::new(Code::Timeout, "the source's reply came after the deadline of the fetch")
}

fn minus(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_millis(time.unix_millis().saturating_sub(by))
}
