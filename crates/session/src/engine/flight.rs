//! A fetch under way: a task that always lands.

use std::sync::Arc;

use refresh_session_core::{Code, Error, Issued, Result};
use refresh_session_refresh::{Failure, FetchId};
use tokio::task::AbortHandle;

use super::Engine;
use crate::task;

/// The attempt the machine counts on.
pub(super) struct Flight {
    pub(super) id: FetchId,
    /// `None` for the moment between the machine's word and the task.
    pub(super) task: Option<AbortHandle>,
}

impl Flight {
    pub(super) fn abort(self) {
        if let Some(task) = self.task {
            task.abort();
        }
    }
}

impl Engine {
    /// Starts the attempt.
    pub(super) fn take_off(self: &Arc<Self>, id: FetchId) {
        let landing = Landing { engine: self.clone(), id, done: false };
        let task = task::spawn(&self.around.runtime, async move {
            let fetched = landing.engine.source.fetch().await;
            landing.land(fetched);
        });
        let mut state = self.state();
        match &mut state.flight {
            Some(flight) if flight.id == id => flight.task = Some(task.abort_handle()),
            // Over already, or given up meanwhile.
            _ => task.abort(),
        }
    }

    fn landed(self: &Arc<Self>, id: FetchId, fetched: Result<Issued>) {
        self.step(|state, now| {
            state.flight.take_if(|flight| flight.id == id);
            state.tell_warnings(&*self.source);
            match fetched {
                Ok(issued) => {
                    state.machine.handle_fetched(now, id, issued, self.around.clock.wall());
                }
                Err(error) => state.machine.handle_failed(now, id, Failure::from(error)),
            }
        });
    }
}

/// Sees to it that a fetch always lands, even one that was dropped or panicked: callers must not hang.
struct Landing {
    engine: Arc<Engine>,
    id: FetchId,
    done: bool,
}

impl Landing {
    fn land(mut self, fetched: Result<Issued>) {
        self.done = true;
        self.engine.landed(self.id, fetched);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.done {
            let error = Error::new(Code::Internal, "the fetch ended without an outcome");
            self.engine.landed(self.id, Err(error));
        }
    }
}
