//! A machine with its time, its source and its callers.
//!
//! Whatever a story is about, the world also watches what always has to hold: one fetch at a time, nothing after a
//! fetch was given up, no answer twice, no keys that are over or that nobody issued, and no reader who would have
//! been told something else than what was published for reading without asking.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use refresh_session_core::{BootTime, Code, Error, Identity, Issued, Timestamp};
use refresh_session_refresh::{
    Action, Demand, Event, Failure, FetchId, Held, Machine, Outcome, Read, Settings, Ticket, View,
};

use crate::Checked;
use crate::story::{Auto, Keys, Mark, Reply};

/// The true calendar at boot: some day in September 2026.
const CALENDAR_AT_BOOT: i64 = 1_790_000_000_000;

/// A story takes fewer steps of the timer than this, or the machine goes round in circles.
const MANY: u32 = 200_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) now: BootTime,
    pub(crate) contacts: u64,
    /// Who has been answered since somebody last looked.
    pub(crate) answers: BTreeMap<String, Outcome>,
    pub(crate) events: Vec<String>,
    /// The last pause told, and when it ends.
    pub(crate) pause: Option<(Duration, BootTime)>,
    pub(crate) passers_by: PassersBy,
    pub(crate) source: Option<Auto>,
    /// By how many milliseconds the wall clock is wrong.
    pub(crate) wall: i64,
    /// Whether keys may be served after their end.
    past_expiry: bool,
    flight: Option<(FetchId, BootTime)>,
    given_up: Option<(FetchId, BootTime)>,
    callers: HashMap<Ticket, String>,
    issued: BTreeSet<String>,
    unnamed: u32,
    /// What readers may use without asking, as it was after the last step.
    published: Option<View>,
}

/// Those who read in passing, by what they got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PassersBy {
    pub(crate) served: u64,
    pub(crate) waited: u64,
    pub(crate) refused: u64,
}

/// The name of them all.
const PASSER_BY: &str = "\0";

impl World {
    pub(crate) fn new(settings: &Settings, seed: u64) -> Self {
        let now = BootTime::from_duration(Duration::from_secs(1000));
        Self {
            machine: Machine::new(*settings, seed, now),
            now,
            contacts: 0,
            answers: BTreeMap::new(),
            events: Vec::new(),
            pause: None,
            passers_by: PassersBy::default(),
            source: None,
            wall: 0,
            past_expiry: settings.past_expiry(),
            flight: None,
            given_up: None,
            callers: HashMap::new(),
            issued: BTreeSet::new(),
            unnamed: 0,
            published: None,
        }
    }

    /// Lets time pass up to `end`, and somebody read meanwhile.
    pub(crate) fn go(&mut self, end: BootTime, reading_every: Option<Duration>) -> Checked {
        let mut next_read = reading_every.map(|every| self.now.after(every));
        for _ in 0..MANY {
            let due = [self.machine.poll_timeout(), self.lands_at(), next_read];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = self.now.max(at);
            if self.lands_at().is_some_and(|at| at <= self.now)
                && let Some(source) = self.source.clone()
            {
                self.reply(&source.says)?;
            } else if self.machine.poll_timeout().is_some_and(|at| at <= self.now) {
                self.machine.handle_timeout(self.now);
                self.settle()?;
            } else {
                next_read = reading_every.map(|every| self.now.after(every));
                self.pass_by()?;
            }
        }
        Err(format!("goes round in circles at {:?}", self.now))
    }

    /// A caller asks. `None`: there will be an answer.
    pub(crate) fn read(&mut self, demand: Demand, by: &str, within: Duration) -> Checked<Option<Outcome>> {
        let published = self.published.take().filter(|view| self.now < view.until);
        let contacts = self.contacts;
        let read = self.machine.handle_read(self.now, demand, self.now.after(within));
        let outcome = match read {
            Read::Keys(held) => Some(Ok(held)),
            Read::Refused(error) => Some(Err(error)),
            Read::Wait(ticket) => {
                self.callers.insert(ticket, by.to_owned());
                None
            }
        };
        self.settle()?;
        if let Some(Ok(held)) = &outcome {
            self.servable(held)?;
        }
        if let (Demand::Valid, Some(view)) = (demand, published) {
            let same = matches!(&outcome, Some(Ok(held)) if held.generation == view.held.generation);
            if !same || self.contacts != contacts {
                return Err(format!("published was {view:?}, but a read gives {outcome:?}"));
            }
        }
        Ok(outcome)
    }

    /// The source answers the fetch under way.
    pub(crate) fn reply(&mut self, reply: &Reply) -> Checked {
        let (id, asked_at) = self.flight.take().ok_or("nothing has been asked of the source")?;
        self.land(id, asked_at, reply)
    }

    /// The source answers the fetch last given up.
    pub(crate) fn late(&mut self, reply: &Reply) -> Checked {
        let (id, asked_at) = self.given_up.ok_or("no fetch has been given up")?;
        self.land(id, asked_at, reply)
    }

    pub(crate) fn cancel(&mut self, caller: &str) -> Checked {
        let ticket = self.callers.iter().find(|(_, name)| *name == caller).map(|(ticket, _)| *ticket);
        let ticket = ticket.ok_or_else(|| format!("{caller} does not wait"))?;
        self.callers.remove(&ticket);
        self.machine.handle_cancel(ticket);
        self.settle()
    }

    /// A service refuses the keys. Whether the machine holds them.
    pub(crate) fn invalidate(&mut self, key: &str) -> Checked<bool> {
        let ours = self.machine.handle_invalidate(key);
        self.settle()?;
        Ok(ours)
    }

    /// Time passes unnoticed, then the machine is told, then everything is late.
    pub(crate) fn suspend(&mut self, span: Duration) -> Checked {
        self.now = self.now.after(span);
        self.machine.handle_resume(self.now);
        self.settle()?;
        self.go(self.now, None)
    }

    pub(crate) fn close(&mut self) -> Checked {
        self.machine.handle_close();
        self.settle()?;
        let status = self.machine.status(self.now);
        if !self.callers.is_empty() || status.held.is_some() || self.machine.poll_timeout().is_some() {
            return Err("something is left after close".into());
        }
        Ok(())
    }

    /// When a mark is.
    pub(crate) fn at(&self, mark: Mark) -> Checked<BootTime> {
        let held = self.machine.status(self.now).held;
        match mark {
            Mark::Refresh => held.map(|held| held.refresh_at),
            Mark::Mandatory => held.map(|held| held.mandatory_at()),
            Mark::End => held.map(|held| held.ends_at()),
            Mark::Pause => self.pause.map(|(_, end)| end),
            Mark::Timeout => self.machine.poll_timeout(),
        }
        .ok_or_else(|| format!("there is no {mark:?}"))
    }

    /// Does what the machine says.
    pub(crate) fn settle(&mut self) -> Checked {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Fetch { id } => {
                    self.contacts += 1;
                    if self.flight.replace((id, self.now)).is_some() {
                        return Err("two fetches at a time".into());
                    }
                }
                Action::Abandon { id } => self.give_up(id)?,
                Action::Answer { ticket, outcome } => {
                    let caller = self.callers.remove(&ticket).ok_or("answers somebody who does not wait")?;
                    self.hear(&caller, outcome)?;
                }
                Action::Tell(event) => self.tell(event),
            }
        }
        self.published = self.machine.view(self.now);
        Ok(())
    }

    fn lands_at(&self) -> Option<BootTime> {
        let ((_, asked_at), source) = (self.flight?, self.source.as_ref()?);
        Some(asked_at.after(Duration::from_secs_f64(source.after)))
    }

    fn pass_by(&mut self) -> Checked {
        match self.read(Demand::Valid, PASSER_BY, Duration::from_secs(30))? {
            Some(Ok(_)) => self.passers_by.served += 1,
            Some(Err(_)) => self.passers_by.refused += 1,
            None => self.passers_by.waited += 1,
        }
        Ok(())
    }

    fn hear(&mut self, caller: &str, outcome: Outcome) -> Checked {
        if let Ok(held) = &outcome {
            self.servable(held)?;
        }
        if caller == PASSER_BY {
            match outcome {
                Ok(_) => self.passers_by.served += 1,
                Err(_) => self.passers_by.refused += 1,
            }
        } else if self.answers.insert(caller.to_owned(), outcome).is_some() {
            return Err(format!("{caller} is answered twice"));
        }
        Ok(())
    }

    /// What a fetch that is given up still brings must not be taken, so it always brings something.
    fn give_up(&mut self, id: FetchId) -> Checked {
        let (under_way, asked_at) = self.flight.take().ok_or("gives up what is not under way")?;
        if under_way != id {
            return Err(format!("gives up {id:?} while {under_way:?} is under way"));
        }
        self.given_up = Some((id, asked_at));
        let keys = Keys { id: Some("TOO-LATE".into()), life: Some(3600.0), clock: 0.0, dated: true };
        let (issued, wall) = (self.issue(&keys, asked_at), self.wall());
        self.issued.remove("TOO-LATE");
        self.machine.handle_fetched(self.now, id, issued, wall);
        let error = Error::new(Code::Timeout, "the fetch took too long");
        self.machine.handle_failed(self.now, id, error.into());
        Ok(())
    }

    fn land(&mut self, id: FetchId, asked_at: BootTime, reply: &Reply) -> Checked {
        let error = match reply {
            Reply::Keys(keys) => {
                let (issued, wall) = (self.issue(keys, asked_at), self.wall());
                self.machine.handle_fetched(self.now, id, issued, wall);
                return self.settle();
            }
            Reply::Unreachable => Error::new(Code::Connect, "no route"),
            Reply::Broken => Error::new(Code::ServiceUnavailable, "503"),
            Reply::Busy(asked) => {
                Error::new(Code::Throttled, "429").with_retry_after(Some(Duration::from_secs_f64(*asked)))
            }
            Reply::Denied => Error::new(Code::AccessDenied, "403"),
        };
        self.machine.handle_failed(self.now, id, Failure::from(error));
        self.settle()
    }

    fn issue(&mut self, keys: &Keys, asked_at: BootTime) -> Issued {
        let at = asked_at.midpoint(self.now);
        let date = shifted(calendar(at), seconds(keys.clock));
        let expiration = keys.life.map(|life| shifted(date, seconds(life)));
        let id = keys.id.clone().unwrap_or_else(|| {
            self.unnamed += 1;
            format!("K{}", self.unnamed)
        });
        self.issued.insert(id.clone());
        Issued {
            identity: Identity::new(id, "secret".into(), None, expiration),
            server_date: keys.dated.then_some(date),
            at,
            round_trip: self.now.since(asked_at),
        }
    }

    fn wall(&self) -> Timestamp {
        shifted(calendar(self.now), self.wall)
    }

    fn tell(&mut self, event: Event) {
        let told = match event {
            Event::Refreshed { held } => format!("refreshed {}", held.identity.access_key_id),
            Event::Failed { error, pause, .. } => {
                self.pause = Some((pause, self.now.after(pause)));
                format!("failed {}", error.code().as_str())
            }
            Event::Expired { held } => format!("expired {}", held.identity.access_key_id),
        };
        self.events.push(told);
    }

    fn servable(&self, held: &Held) -> Checked {
        let id = &held.identity.access_key_id;
        if !self.issued.contains(id) {
            return Err(format!("serves {id}, which the source did not issue in time"));
        }
        if held.left(self.now).is_none() && !self.past_expiry {
            return Err(format!("serves {id} after its end"));
        }
        Ok(())
    }
}

/// The true calendar.
pub(crate) fn calendar(at: BootTime) -> Timestamp {
    Timestamp::from_unix_millis(CALENDAR_AT_BOOT + millis(at.since(BootTime::default())))
}

/// Milliseconds of a number of seconds that a story gives.
pub(crate) fn seconds(number: f64) -> i64 {
    let span = millis(Duration::from_secs_f64(number.abs()));
    if number < 0.0 { -span } else { span }
}

fn shifted(time: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_unix_millis(time.unix_millis() + by)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
