//! What a fetch brought.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Code, Error, Issued, Result, Timestamp};

use super::{Action, Event, FetchId, Machine, Pause, Refusal};
use crate::delay::Delay;
use crate::failure::{Cause, Failure};
use crate::held::Held;
use crate::waiters::Wants;

/// What a source may ask for at most, and at least, by `Retry-After`.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(15));

/// Two replies with the same keys may differ by so much in their end.
const SAME_END: Duration = Duration::from_secs(2);

impl Machine {
    /// The source has issued keys. `wall` is the local calendar now, looked at only if neither this reply nor an
    /// earlier one had a date. An attempt that is not the one under way is ignored.
    pub fn handle_fetched(&mut self, now: BootTime, id: FetchId, issued: Issued, wall: Timestamp) {
        if !self.lands(id) {
            return;
        }
        self.server.learn(&issued);
        match self.hold(now, issued, wall) {
            Ok(held) => self.install(held),
            Err(error) => self.fail(now, Failure::from(error)),
        }
    }

    /// The attempt failed. One that is not under way is ignored.
    pub fn handle_failed(&mut self, now: BootTime, id: FetchId, failure: Failure) {
        if self.lands(id) {
            self.fail(now, failure);
        }
    }

    fn lands(&mut self, id: FetchId) -> bool {
        let current = self.flight.as_ref().is_some_and(|flight| flight.id == id);
        if current {
            self.flight = None;
        }
        current
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
        Ok(held)
    }

    fn install(&mut self, held: Held) {
        let held = Arc::new(held);
        self.generation = held.generation;
        self.held = Some(held.clone());
        self.pause = None;
        self.refusal = None;
        self.failures.with_keys = 0;
        self.failures.without_keys = 0;
        self.forced = false;
        self.last_error = None;
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
        if let (Cause::Denied, Some(delay)) = (failure.cause, policy.raise_denied) {
            let pause = delay.draw(0, &mut self.rng);
            self.refusal = Some(Refusal { until: now.after(pause), error: failure.error.clone() });
            return pause;
        }
        let asked = match failure.cause {
            Cause::Answered(Some(asked)) if policy.retry_after => {
                Some(asked.clamp(RETRY_AFTER.0, RETRY_AFTER.1))
            }
            _ => None,
        };
        let serving = left.is_some() || self.held.is_some() && self.settings.past_expiry();
        let (pause, reads_too) = if serving {
            let earlier = self.failures.with_keys;
            self.failures.with_keys = earlier.saturating_add(1);
            (asked.unwrap_or_else(|| self.draw(failure.cause, earlier, left)), true)
        } else {
            let earlier = self.failures.without_keys;
            self.failures.without_keys = earlier.saturating_add(1);
            let drawn = policy.without_keys.draw(earlier.saturating_sub(1), &mut self.rng);
            // The first failure may be a hiccup: whoever asks next may find out.
            (asked.unwrap_or(drawn), asked.is_some() || policy.holds_callers && earlier > 0)
        };
        let until = now.after(pause);
        self.pause = Some(Pause {
            reads_until: if reads_too { until } else { now },
            timer_until: until,
            cause: failure.cause,
            error: failure.error.clone(),
        });
        pause
    }

    fn draw(&mut self, cause: Cause, earlier: u32, left: Option<Duration>) -> Duration {
        let policy = &self.settings.policy;
        let delay: Delay = if cause == Cause::Unreachable { policy.unreachable } else { policy.answered };
        match (left, policy.left_share) {
            (Some(left), Some(share)) => delay.draw_within(earlier, left, share, &mut self.rng),
            _ => delay.draw(earlier, &mut self.rng),
        }
    }
}

fn ends_earlier(before: &Held, after: &Held) -> bool {
    before.identity.access_key_id == after.identity.access_key_id
        && after.ends_at().after(SAME_END) < before.ends_at()
}

fn over(end: Timestamp, date: Timestamp) -> Error {
    Error::new(
        Code::ExpiredReply,
        format!("the source's keys ended at {end}; by the clock that counts it is {date}"),
    )
    .with_hint("The keys held are kept. Check the clock of this machine and of the source.")
}

fn minus(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_millis(time.unix_millis().saturating_sub(by))
}
