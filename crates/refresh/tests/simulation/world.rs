//! The driver: it does what the machine's description says a driver does, and has the second opinion on every word.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use fastrand::Rng;
use refresh_session_core::{BootTime, Code, Error, Identity, Issued};
use refresh_session_refresh::{Action, Cause, Demand, Failure, FetchId, Machine, Settings};

use super::clocks::Clocks;
use super::invariant::{Check, Invariant};
use super::model::{Arrival, Call, Model};
use super::setup;
use super::source::{Issue, Mood, Reply, Source};

/// Deadline of a fetch, end of keys, start of a fetch, callers: at one instant the timer has little to do.
const TIMEOUTS_AT_ONCE: u32 = 6;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub steps: u64,
    pub calls: u64,
    pub contacts: u64,
    pub successes: u64,
    pub recoveries: u64,
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub seed: u64,
    pub(super) rng: Rng,
    pub(super) clocks: Clocks,
    pub(super) source: Source,
    pub(super) machine: Machine,
    pub(super) model: Model,
    /// Until then the source's mood does not change.
    pub(super) mood_until: BootTime,
    pub(super) sums: Sums,
    replies: BTreeMap<(BootTime, u64), Delivery>,
    delivered: u64,
    /// The time announced, and when the timer will really come.
    alarm: (BootTime, BootTime),
    trace: Option<Vec<String>>,
}

#[derive(Debug)]
struct Delivery {
    id: FetchId,
    asked_at: BootTime,
    reply: Reply,
}

impl World {
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let settings = setup::settings(&mut rng);
        let clocks = Clocks::new(Duration::from_secs(rng.u64(0..100_000)));
        let source = Source::new(setup::dates(&mut rng), setup::lives(&mut rng));
        let mut world = Self {
            seed,
            machine: Machine::new(settings, rng.u64(..), clocks.now),
            model: Model::new(&settings, clocks.now),
            rng,
            clocks,
            source,
            mood_until: BootTime::default(),
            sums: Sums::default(),
            replies: BTreeMap::new(),
            delivered: 0,
            alarm: (BootTime::default(), BootTime::default()),
            trace: traced.then(Vec::new),
        };
        world.note(|| format!("{settings:?}"));
        world
    }

    /// The machine and its driver start anew.
    pub(super) fn restart(&mut self, settings: &Settings) {
        self.note(|| format!("restart {settings:?}"));
        self.sums.contacts += self.model.contacts;
        self.sums.successes += self.model.successes;
        self.replies.clear();
        self.machine = Machine::new(*settings, self.rng.u64(..), self.clocks.now);
        self.model = Model::new(settings, self.clocks.now);
    }

    pub(crate) fn sums(mut self) -> Sums {
        self.sums.contacts += self.model.contacts;
        self.sums.successes += self.model.successes;
        self.sums
    }

    pub(crate) fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.clocks.now.since(BootTime::default()).as_secs_f64();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:.3} {}", line()));
        }
    }

    /// Tells the machine something, does what it then wants, and compares.
    pub(super) fn tell<T>(
        &mut self,
        call: Call,
        tell: impl FnOnce(&mut Machine, BootTime) -> T,
    ) -> Result<T, super::invariant::Violation> {
        self.model.begin(call);
        self.sums.calls += 1;
        let said = tell(&mut self.machine, self.clocks.now);
        self.carry_out()?;
        Ok(said)
    }

    /// A caller asks, and will wait for so long.
    pub(super) fn read(&mut self, demand: Demand, patience: Duration) -> Check {
        let now = self.clocks.now;
        let until = now.after(patience);
        let rights = self.model.rights(now, demand);
        self.note(|| format!("read {demand:?} until +{patience:?}: expect {rights:?}"));
        let read = self.tell(Call::Read(demand), |machine, now| machine.handle_read(now, demand, until))?;
        self.note(|| format!("  got {read:?}"));
        self.model.judge_read(now, demand, until, &read, &rights)?;
        self.settled()
    }

    /// Lets time pass: replies come, and the timer, mostly on time.
    pub(super) fn pass_until(&mut self, end: BootTime) -> Check {
        let mut timeouts = 0;
        loop {
            let reply = self.replies.keys().next().map(|(at, _)| *at);
            let timer = self.timer();
            let Some(next) = [reply, timer].into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            if next > self.clocks.now {
                self.clocks.now = next;
                timeouts = 0;
            }
            let due = |at: Option<BootTime>| at.is_some_and(|at| at <= self.clocks.now);
            if due(timer) && !(due(reply) && self.rng.bool()) {
                timeouts += 1;
                Invariant::NoBusyLoop
                    .holds(timeouts <= TIMEOUTS_AT_ONCE, || format!("{timeouts} at once"))?;
                self.note(|| "timeout".into());
                self.tell(Call::Timeout, Machine::handle_timeout)?;
                self.settled()?;
            } else {
                self.deliver()?;
            }
        }
        self.clocks.now = self.clocks.now.max(end);
        self.model.begin(Call::Other);
        Ok(())
    }

    /// Time passes and nothing runs.
    pub(super) fn sleep(&mut self, time: Duration) {
        self.clocks.now = self.clocks.now.after(time);
    }

    pub(super) fn settled(&mut self) -> Check {
        self.model.settled(self.clocks.now, &self.machine)?;
        self.look()
    }

    fn timer(&mut self) -> Option<BootTime> {
        let announced = self.machine.poll_timeout()?;
        if self.alarm.0 != announced {
            let late = if self.rng.u8(0..8) == 0 { self.rng.u64(0..3000) } else { 0 };
            self.alarm = (announced, announced.after(Duration::from_millis(late)));
        }
        Some(self.alarm.1.max(self.clocks.now))
    }

    fn carry_out(&mut self) -> Check {
        let now = self.clocks.now;
        while let Some(action) = self.machine.poll_action() {
            self.note(|| format!("  {action:?}"));
            match action {
                Action::Fetch { id } => {
                    self.model.contact(now, id)?;
                    self.ask(id);
                }
                Action::Abandon { id } => {
                    self.model.abandoned(now, id)?;
                    self.give_up(id);
                    let error = Error::new(Code::Timeout, "asked: no answer");
                    let failure = Failure { cause: Cause::Unreachable, error };
                    self.model.brings_failure(id, failure.cause);
                    self.machine.handle_failed(now, id, failure);
                }
                Action::Answer { ticket, outcome } => self.model.answered(now, ticket, &outcome)?,
                Action::Tell(event) => self.model.told(now, &event)?,
            }
        }
        Ok(())
    }

    fn ask(&mut self, id: FetchId) {
        let now = self.clocks.now;
        let limit = self.model.settings.fetch_limit;
        for (after, reply) in self.source.ask(now, limit, &mut self.rng) {
            self.send(now.after(after), Delivery { id, asked_at: now, reply });
        }
    }

    fn send(&mut self, at: BootTime, delivery: Delivery) {
        self.delivered += 1;
        self.replies.insert((at, self.delivered), delivery);
    }

    /// What was given up may arrive all the same, some time.
    fn give_up(&mut self, id: FetchId) {
        let late: Vec<_> = self.replies.extract_if(.., |_, delivery| delivery.id == id).collect();
        for ((at, _), delivery) in late {
            if self.rng.bool() {
                let longer = Duration::from_millis(1 << self.rng.u32(0..23));
                self.send(at.after(longer), delivery);
            }
        }
    }

    fn deliver(&mut self) -> Check {
        let Some((_, Delivery { id, asked_at, reply })) = self.replies.pop_first() else { return Ok(()) };
        let now = self.clocks.now;
        self.note(|| format!("arrives for {id:?}: {reply:?}"));
        match reply {
            Reply::Failure(failure) => {
                self.model.brings_failure(id, failure.cause);
                self.tell(Call::Landing, |machine, now| machine.handle_failed(now, id, failure))?;
            }
            Reply::Keys(issue) => {
                let wall = self.clocks.wall();
                let at = asked_at.midpoint(now);
                self.model.brings_keys(id, Arrival { now, at, wall }, &issue);
                let issued = issued(&issue, at, now.since(asked_at));
                self.tell(Call::Landing, |machine, now| machine.handle_fetched(now, id, issued, wall))?;
            }
        }
        self.settled()
    }

    /// The source is well again, and does not fall ill before `until`.
    pub(super) fn heal(&mut self, until: BootTime) {
        self.source.mood = Mood::Well;
        self.mood_until = until;
    }
}

fn issued(issue: &Issue, at: BootTime, round_trip: Duration) -> Issued {
    let Issue { access_key_id, secret, token, expiration, date } = issue.clone();
    let identity = Identity::new(access_key_id, secret.into(), Some(token.into()), expiration);
    Issued { identity, server_date: date, at, round_trip }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.calls += other.calls;
        self.contacts += other.contacts;
        self.successes += other.successes;
        self.recoveries += other.recoveries;
    }
}
