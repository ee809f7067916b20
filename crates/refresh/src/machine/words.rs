//! What goes into the machine and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Error, Result};

use crate::held::Held;
use crate::waiters::Ticket;
use crate::zone::Zone;

/// What a caller gets in the end.
pub type Outcome = Result<Arc<Held>>;

/// One attempt.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FetchId(pub(crate) u64);

/// What a caller asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Demand {
    /// Keys to sign with.
    Valid,
    /// Keys in the fresh zone; the outcome of a fetch if that takes one.
    Fresh,
    /// The outcome of a fetch, whatever is held. Not held up by a pause, unless the source asked for it.
    Forced,
}

/// The answer to a caller.
#[derive(Debug)]
#[must_use]
pub enum Read {
    /// Use these.
    Keys(Arc<Held>),
    /// There are none to be had now.
    Refused(Error),
    /// An [`Action::Answer`] will follow.
    Wait(Ticket),
}

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask the source.
    Fetch {
        /// To be given back with the outcome.
        id: FetchId,
    },
    /// Drop this attempt.
    Abandon {
        /// Which.
        id: FetchId,
    },
    /// Answer a caller.
    Answer {
        /// Whom.
        ticket: Ticket,
        /// With what.
        outcome: Outcome,
    },
    /// Tell whoever listens.
    Tell(Event),
}

/// What listeners are told.
#[derive(Clone, Debug)]
pub enum Event {
    /// New keys are held.
    Refreshed {
        /// They.
        held: Arc<Held>,
    },
    /// A fetch failed.
    Failed {
        /// Why.
        error: Error,
        /// For how long the source is now left alone by the timer, or by callers where there is none.
        pause: Duration,
        /// What is left of the keys held; `None`: nothing.
        left: Option<Duration>,
    },
    /// The keys held are over, and nothing has replaced them.
    Expired {
        /// They.
        held: Arc<Held>,
    },
}

/// What a reader may use without asking the machine.
#[derive(Clone, Debug)]
pub struct View {
    /// The keys.
    pub held: Arc<Held>,
    /// Until then a [`Demand::Valid`] would be answered with them and have no other effect.
    pub until: BootTime,
}

/// How things stand.
#[derive(Clone, Debug)]
pub struct Status {
    /// The zone.
    pub zone: Zone,
    /// The keys held.
    pub held: Option<Arc<Held>>,
    /// When the source will next be asked, if anybody asks or the timer runs.
    pub refresh_at: Option<BootTime>,
    /// Attempts so far.
    pub fetches: u64,
    /// Those that failed.
    pub failures: u64,
    /// Of the last attempt, if it failed.
    pub last_error: Option<Error>,
}
