//! What a driver waits for.

use std::time::Duration;

use refresh_session_core::Error;
use refresh_session_mqtt::Phase;

use super::{Dialing, Driver};
use crate::alarm::Change;
use crate::mqtt::keeping::Keeping;
use crate::mqtt::store::Done;
use crate::mqtt::transport::{Transport, Turn};
use crate::mqtt::wire::Wire;

/// How often a link whose bytes nobody takes is called alive.
const HELD_UP: Duration = Duration::from_secs(5);
/// What there is to be dealt with.
pub(super) enum Happened {
    Arrived,
    Dialed(Result<Wire, Error>),
    Link(Turn),
    Time,
    Changed(Change),
    NetworkCame,
    Room,
    Disk(Done),
}

impl Driver {
    /// The next of it, however long that takes.
    pub(super) async fn happens(&mut self) -> Happened {
        let has_room = self.mailbox.has_room();
        let now = self.now();
        self.paused = self.paused.filter(|until| *until > now);
        let may_read = has_room && self.paused.is_none();
        let wanted = self.machine.phase() != Phase::Offline;
        let held_up = !has_room && self.transport.is_some();
        let due = self.machine.poll_timeout();
        let due = if held_up { due.map(|due| due.min(now.after(HELD_UP))) } else { due };
        self.clock.set(due.into_iter().chain(self.paused).min());
        let Self { mailbox, dialing, transport, clock, notices, keeping, .. } = self;
        tokio::select! {
            // Commands are taken in every round, whatever it is that has happened.
            biased;
            turn = turn(transport, may_read) => Happened::Link(turn),
            () = mailbox.arrived() => Happened::Arrived,
            dialed = dialed(dialing) => Happened::Dialed(dialed),
            done = disk(keeping) => Happened::Disk(done),
            () = mailbox.room(), if held_up => Happened::Room,
            () = clock.rings() => Happened::Time,
            change = notices.next(wanted) => change.map_or(Happened::NetworkCame, Happened::Changed),
        }
    }
}

async fn turn(transport: &mut Option<Transport>, may_read: bool) -> Turn {
    match transport {
        Some(transport) => transport.turn(may_read).await,
        None => std::future::pending().await,
    }
}

async fn dialed(dialing: &mut Option<Dialing>) -> Result<Wire, Error> {
    match dialing {
        Some(dialing) => dialing.attempt.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn disk(keeping: &mut Option<Keeping>) -> Done {
    match keeping {
        Some(keeping) => keeping.done().await,
        None => std::future::pending().await,
    }
}
