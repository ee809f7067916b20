//! One source, the keys held, one fetch at a time.
//!
//! * However many ask, one fetch runs; all of them get its outcome. It goes on when a caller gives up.
//! * A failure never touches the keys held: they are served while they are valid.
//! * Deadlines are in boot time, counted from the server's own `Date`, so that a step of the wall clock neither
//!   shortens nor lengthens them.
//! * After [`Session::close`] everything answers `ERR_CLOSED` and nothing is left running.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refresh_session_core::{BootTime, Clock, Code, Error, Identity, Issued, Result, Timestamp};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::schedule::{Due, Schedule};
use crate::source::Source;

/// While keys are valid, a failed fetch is not repeated by every reader.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Keys as they are held: what the source issued and when it ends on our clock.
#[derive(Debug)]
pub struct Held {
    /// The keys.
    pub identity: Identity,
    /// Counts the sets of keys of this session, from 1.
    pub generation: u32,
    deadline: BootTime,
    life: Duration,
}

/// A source with its keys.
#[derive(Debug)]
pub struct Session {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Arc<Held>>,
    flight: Option<Flight>,
    generation: u32,
    pause_until: BootTime,
    closed: bool,
}

type Outcome = Result<Arc<Held>>;

#[derive(Debug)]
struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
    task: AbortHandle,
}

impl Session {
    /// Nothing is fetched until somebody asks. `limit` bounds one fetch with everything it needs.
    #[must_use]
    pub fn new(
        source: Box<dyn Source>,
        clock: Arc<dyn Clock>,
        schedule: Schedule,
        limit: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { source, clock, schedule, limit, state: Mutex::default() })
    }

    /// The number of the keys held if they can be used as they are, otherwise 0: ask [`identity`](Self::identity).
    ///
    /// Cheap and never blocks; what lets a caller serve its own copy.
    #[must_use]
    pub fn fresh_generation(&self) -> u32 {
        let state = self.state();
        match &state.held {
            Some(held) if !state.closed && self.due(held) == Due::No => held.generation,
            _ => 0,
        }
    }

    /// Keys that are valid now, fetched if need be; with `force`, fetched in any case.
    ///
    /// # Errors
    /// The source's error when no valid keys are held, or when a forced fetch failed (the keys held stay);
    /// `ERR_CLOSED`.
    pub async fn identity(self: &Arc<Self>, force: bool) -> Outcome {
        let mut outcome = match self.join(force)? {
            Joined::Held(held) => return Ok(held),
            Joined::Flight(outcome) => outcome,
        };
        let landed = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        match landed {
            Ok(Some(Ok(held))) => Ok(held),
            Ok(Some(Err(error))) => self.valid().filter(|_| !force).ok_or(error),
            // A landing always sends; only a runtime that is being torn down can lose it.
            Ok(None) | Err(_) => Err(closed()),
        }
    }

    /// Ends the session: the fetch under way is dropped, keys are wiped, connections and token sessions closed.
    /// Again and again has no further effect.
    pub async fn close(&self) {
        {
            let mut state = self.state();
            if state.closed {
                return;
            }
            state.closed = true;
            state.held = None;
            if let Some(flight) = state.flight.take() {
                flight.task.abort();
            }
        }
        self.source.close().await;
    }

    fn join(self: &Arc<Self>, force: bool) -> Result<Joined> {
        let mut state = self.state();
        if state.closed {
            return Err(closed());
        }
        if let Some(held) = state.held.clone().filter(|_| !force) {
            let paused = self.clock.boot() < state.pause_until;
            match self.due(&held) {
                Due::No => return Ok(Joined::Held(held)),
                Due::Advisory | Due::Mandatory if paused => return Ok(Joined::Held(held)),
                Due::Advisory => {
                    self.flight(&mut state);
                    return Ok(Joined::Held(held));
                }
                Due::Mandatory | Due::Expired => {}
            }
        }
        Ok(Joined::Flight(self.flight(&mut state)))
    }

    /// The fetch under way, or a new one.
    fn flight(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Outcome>> {
        if let Some(flight) = &state.flight {
            return flight.outcome.clone();
        }
        let (land, outcome) = watch::channel(None);
        let landing = Landing { session: self.clone(), land, done: false };
        let task = tokio::spawn(async move {
            let session = landing.session.clone();
            let fetched = timeout(session.limit, session.source.fetch()).await;
            landing.land(fetched.unwrap_or_else(|_| Err(session.source.timed_out(session.limit))));
        });
        state.flight = Some(Flight { outcome: outcome.clone(), task: task.abort_handle() });
        outcome
    }

    fn landed(&self, fetched: Result<Issued>) -> Outcome {
        let mut state = self.state();
        state.flight = None;
        if state.closed {
            return Err(closed());
        }
        let held = fetched.and_then(|issued| self.hold(issued, state.generation.wrapping_add(1).max(1)));
        match held {
            Ok(held) => {
                let held = Arc::new(held);
                state.generation = held.generation;
                state.pause_until = BootTime::default();
                state.held = Some(held.clone());
                Ok(held)
            }
            Err(error) => {
                state.pause_until = self.clock.boot().after(PAUSE_AFTER_FAILURE);
                Err(error)
            }
        }
    }

    fn hold(&self, issued: Issued, generation: u32) -> Result<Held> {
        let now = issued.server_date.unwrap_or_else(|| self.wall_at(issued.at));
        let Some(life) = issued.identity.expiration.remaining_at(now) else {
            return Err(Error::new(Code::ExpiredReply, "the source's keys are already over"));
        };
        Ok(Held { identity: issued.identity, generation, deadline: issued.at.after(life), life })
    }

    /// The local calendar at a past boot time.
    fn wall_at(&self, at: BootTime) -> Timestamp {
        let ago = i64::try_from(self.clock.boot().since(at).as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(self.clock.wall().unix_millis().saturating_sub(ago))
    }

    fn due(&self, held: &Held) -> Due {
        self.schedule.due(self.clock.boot(), held.deadline, held.life)
    }

    fn valid(&self) -> Option<Arc<Held>> {
        self.state().held.clone().filter(|held| self.due(held) != Due::Expired)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if it did, the state is still whole: it is only ever replaced by parts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that a fetch always lands, even one that was dropped or panicked: waiters must not hang.
struct Landing {
    session: Arc<Session>,
    land: watch::Sender<Option<Outcome>>,
    done: bool,
}

impl Landing {
    fn land(mut self, fetched: Result<Issued>) {
        self.settle(fetched);
    }

    fn settle(&mut self, fetched: Result<Issued>) {
        self.done = true;
        let outcome = self.session.landed(fetched);
        // Nobody waiting any more is no failure.
        let _ = self.land.send(Some(outcome));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.done {
            self.settle(Err(Error::new(Code::Internal, "the fetch ended without an outcome")));
        }
    }
}

enum Joined {
    Held(Arc<Held>),
    Flight(watch::Receiver<Option<Outcome>>),
}

fn closed() -> Error {
    Error::new(Code::Closed, "the session is closed").with_hint("Make a new session, or close it later.")
}
