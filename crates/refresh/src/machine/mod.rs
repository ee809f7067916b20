//! The refresh machine.

mod landing;
mod reading;
mod report;
mod timing;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use refresh_session_core::{BootTime, Code, Error, ServerClock, Timestamp};

use crate::delay::between;
use crate::failure::Cause;
use crate::held::Held;
use crate::settings::{Mode, Settings};
use crate::waiters::{Ticket, Waiters};

pub use words::{Action, Demand, Event, FetchId, Outcome, Read, Status, View};

/// When to fetch, whom to serve, whom to let wait.
///
/// # How to drive it
///
/// One machine stands for one source. Its driver owns the clock, the timer, the source and the callers. There are
/// two kinds of method:
///
/// * **`handle_*`** tell it what happened. Each takes the boot time `now`, which must not go back. None fetches,
///   waits or calls anybody.
/// * **`poll_*`** ask what to do next. After *any* `handle_*`, in this order: [`poll_action`](Self::poll_action) until
///   it gives nothing, then [`poll_timeout`](Self::poll_timeout), and call [`handle_timeout`](Self::handle_timeout)
///   when that time comes. Coming late, or for nothing, does no harm.
///
/// The rest ([`view`](Self::view), [`zone`](Self::zone), [`status`](Self::status)) only look.
///
/// # What comes out
///
/// | [`Action`] | The driver |
/// |---|---|
/// | `Fetch` | asks the source, and brings the outcome by [`handle_fetched`](Self::handle_fetched) or [`handle_failed`](Self::handle_failed) with the same id |
/// | `Abandon` | drops that fetch, and at once says by `handle_failed` where its time went; what it still brings is ignored |
/// | `Answer` | hands the outcome to the caller who holds the ticket |
/// | `Tell` | passes the event on to whoever listens |
///
/// # Zones
///
/// Derived from the keys held and the time; see [`Zone`](crate::Zone). A matching [`handle_invalidate`](Self::handle_invalidate)
/// puts keys that still hold into the mandatory zone until a fetch succeeds.
///
/// | Zone | A read gets | A fetch starts |
/// |---|---|---|
/// | empty | the outcome of the fetch | by the read; eager: at start, after the startup jitter |
/// | fresh | the keys | eager: when the zone ends |
/// | advisory | the keys at once (where the policy says so, the starter gets the outcome, or these keys) | by the read; eager: by the timer |
/// | mandatory | the outcome, or these keys if it is a failure | the same |
/// | expired | the outcome; on failure the error, or these keys where policy and source allow it | the same |
/// | closed | `ERR_CLOSED` | never |
///
/// # What always holds
///
/// * At most one fetch is under way; everybody who comes meanwhile gets its outcome, failures included.
/// * After a failure the source is left alone for a time drawn by the policy. Reads are served with what there is, or
///   with the same error, without contact. A forced refresh goes ahead unless the source itself asked for the pause.
/// * A failure never discards keys that are valid.
/// * Keys that are over when they arrive, or that are the held ones with an earlier end, are a failure; the held ones
///   with the same end too if a service has refused them.
/// * What a fetch brings after its deadline is never held, so that nothing older replaces anything newer.
/// * Keys are served after their end only where policy and source allow it, and only after a failed attempt.
/// * Zones hang on boot time alone. The wall clock is looked at only to judge what arrives from a source that has
///   never sent a date of its own.
/// * Every caller is answered: with the outcome, at its own deadline, or at close.
#[derive(Clone, Debug)]
pub struct Machine {
    settings: Settings,
    rng: Rng,
    held: Option<Arc<Held>>,
    generation: u32,
    flight: Option<Flight>,
    fetches: u64,
    pause: Option<Pause>,
    refusal: Option<Refusal>,
    /// Failures in a row while keys were held, and while there were none.
    failures: Failures,
    /// A service has refused the keys held.
    forced: bool,
    /// The wall clock that the keys held were judged by, if nothing better was known.
    judged: Option<Judged>,
    /// That clock has been set since.
    doubted: bool,
    /// Before this nobody but a forced refresh contacts the source: the startup jitter.
    starts_at: BootTime,
    /// Before this the timer does not start a fetch: spreads a fleet that resumes together.
    timer_not_before: BootTime,
    /// The generation whose end has been told.
    told_expired: u32,
    waiters: Waiters,
    server: ServerClock,
    last_error: Option<Error>,
    actions: VecDeque<Action>,
    closed: bool,
}

/// What the wall clock said when keys were judged by it.
#[derive(Clone, Copy, Debug)]
struct Judged {
    wall: Timestamp,
    at: BootTime,
}

#[derive(Clone, Debug)]
struct Flight {
    id: FetchId,
    /// `None` once it has been abandoned.
    deadline: Option<BootTime>,
}

/// The source is left alone.
#[derive(Clone, Debug)]
struct Pause {
    /// Reads do not contact it before.
    reads_until: BootTime,
    /// The timer does not before.
    timer_until: BootTime,
    /// Nobody does before: the source asked for it.
    asked_until: BootTime,
    cause: Cause,
    error: Error,
}

/// A refusal that is repeated without contact.
#[derive(Clone, Debug)]
struct Refusal {
    until: BootTime,
    error: Error,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    total: u64,
    with_keys: u32,
    without_keys: u32,
}

impl Machine {
    /// A machine without keys. `seed` should come from the system's random numbers: it is what tells the members of a
    /// fleet apart.
    #[must_use]
    pub fn new(settings: Settings, seed: u64, now: BootTime) -> Self {
        let mut rng = Rng::with_seed(seed);
        let starts_at = now.after(between(Duration::ZERO, settings.startup_jitter, &mut rng));
        Self {
            settings,
            rng,
            held: None,
            generation: 0,
            flight: None,
            fetches: 0,
            pause: None,
            refusal: None,
            failures: Failures::default(),
            forced: false,
            judged: None,
            doubted: false,
            starts_at,
            timer_not_before: BootTime::default(),
            told_expired: 0,
            waiters: Waiters::default(),
            server: ServerClock::default(),
            last_error: None,
            actions: VecDeque::new(),
            closed: false,
        }
    }

    /// A service answered that these keys are no good any more. True if they are the ones held: callers then wait for
    /// new ones. A pause after a failure goes on.
    pub fn handle_invalidate(&mut self, access_key_id: &str) -> bool {
        let ours = self.held.as_ref().is_some_and(|held| held.identity.access_key_id == access_key_id);
        self.forced |= ours && !self.closed;
        ours && !self.closed
    }

    /// Something that may have kept the source from answering has changed: the network is up, a token is back, a file
    /// has been replaced. A pause because nobody answered ends within 5 s.
    pub fn handle_change(&mut self, now: BootTime) {
        let soon = now.after(between(Duration::ZERO, SPREAD_AFTER_CHANGE, &mut self.rng));
        if let Some(pause) = self.pause.as_mut().filter(|pause| pause.cause == Cause::Unreachable) {
            pause.reads_until = pause.reads_until.min(soon);
            pause.timer_until = pause.timer_until.min(soon);
        }
    }

    /// The machine was suspended. As [`handle_change`](Self::handle_change), and a refresh by timer that has become
    /// due waits a little: a whole fleet may resume together. A caller need not.
    pub fn handle_resume(&mut self, now: BootTime) {
        self.spread_timer(now);
        self.handle_change(now);
    }

    /// Somebody has set the wall clock; `wall` is what it says now. That moves no zone, with one exception: keys of a
    /// source without a date, judged by a clock that turns out to have been wrong by more than half a minute, are
    /// worth waiting for new ones. A device that boots in 1970 would believe in them for the longest life there is.
    pub fn handle_wall_set(&mut self, now: BootTime, wall: Timestamp) {
        let Some(judged) = self.judged else { return };
        let passed = i64::try_from(now.since(judged.at).as_millis()).unwrap_or(i64::MAX);
        if wall.millis_since(judged.wall).saturating_sub(passed).abs() > TOLERATED_STEP_MILLIS {
            self.doubted = true;
            self.spread_timer(now);
        }
    }

    /// A caller has given up. The fetch goes on: the next one will be glad of it.
    pub fn handle_cancel(&mut self, ticket: Ticket) {
        self.waiters.remove(ticket);
    }

    /// Answers everybody with `ERR_CLOSED`, drops the fetch and the keys. From then on nothing happens any more.
    pub fn handle_close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        if let Some(flight) = self.flight.take() {
            self.actions.push_back(Action::Abandon { id: flight.id });
        }
        for (ticket, _) in self.waiters.take_all() {
            self.answer(ticket, Err(closed()));
        }
        self.held = None;
        self.pause = None;
        self.refusal = None;
        self.forced = false;
        self.doubted = false;
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn start(&mut self, now: BootTime) {
        if self.flight.is_some() {
            return;
        }
        self.fetches += 1;
        let id = FetchId(self.fetches);
        self.flight = Some(Flight { id, deadline: Some(now.after(self.settings.fetch_limit)) });
        self.actions.push_back(Action::Fetch { id });
    }

    fn answer(&mut self, ticket: Ticket, outcome: Outcome) {
        self.actions.push_back(Action::Answer { ticket, outcome });
    }

    /// Has the timer wait a little: what has just happened here may have happened to a whole fleet.
    fn spread_timer(&mut self, now: BootTime) {
        let left = self.held.as_ref().and_then(|held| held.left(now));
        let span = left.map_or(SPREAD_OF_TIMERS, |left| SPREAD_OF_TIMERS.min(left / 10));
        self.timer_not_before = now.after(between(Duration::ZERO, span, &mut self.rng));
    }

    /// Whether keys that still hold are worth waiting for new ones.
    const fn wants_others(&self) -> bool {
        self.forced || self.doubted
    }

    /// Whether the timer starts the next fetch.
    fn eager(&self) -> bool {
        match self.settings.mode {
            Mode::Eager => true,
            Mode::AtStart => self.fetches == 0,
            Mode::Deferred => false,
        }
    }
}

/// What a wall clock is corrected by now and then, without having been wrong.
const TOLERATED_STEP_MILLIS: i64 = 30_000;

/// How far apart the members of a fleet try again after a change they all see.
const SPREAD_AFTER_CHANGE: Duration = Duration::from_secs(5);

/// How far apart they refresh after a resume, or after their clocks were set.
const SPREAD_OF_TIMERS: Duration = Duration::from_secs(30);

fn closed() -> Error {
    Error::new(Code::Closed, "the session is closed").with_hint("Make a new session, or close it later.")
}
