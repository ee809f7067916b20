//! The end of keys, told so that a reader with this machine's wall clock comes to the right conclusion.

use std::sync::Arc;

use refresh_session_core::Timestamp;
use refresh_session_refresh::Held;

use super::{Engine, at};

/// The SDK asks again five minutes before the end, and corrects its signatures from four minutes of error on: less
/// than this does nobody harm, and leaves the end as its source gave it.
const TOLERATED_MILLIS: i64 = 30_000;

/// Keys as a reader gets them.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The keys.
    pub held: Arc<Held>,
    /// Their end: the source's, or, where this machine's wall clock is wrong, the same instant by that.
    pub expiration: Option<Timestamp>,
    /// A copy of this may be used while [`fresh_serial`](crate::Session::fresh_serial) gives the same; never 0.
    pub serial: u32,
}

impl Engine {
    pub(crate) fn present(&self, held: Arc<Held>) -> Presented {
        let state = self.state();
        let (now, wall) = (self.around.clock.boot(), self.around.clock.wall());
        let offset = state.machine.server_time(now).map(|server| server.millis_since(wall));
        let expiration = match (held.identity.expiration, held.deadline, offset) {
            (Some(_), Some(deadline), Some(offset)) if offset.abs() > TOLERATED_MILLIS => {
                Some(at(deadline, now, wall))
            }
            (expiration, ..) => expiration,
        };
        // Keys that have been replaced meanwhile are good for this once.
        let serial = if held.generation == state.serial_of { state.serial } else { u32::MAX };
        Presented { held, expiration, serial }
    }
}
