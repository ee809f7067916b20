//! The end, for now or for good.

use std::time::Duration;

use refresh_session_core::{BootTime, Code};

use super::asking::failed;
use super::{Event, Machine, State};
use crate::cause::Cause;

impl Machine {
    /// Ends the connection and stays offline. Operations stay, and go on after the next
    /// [`handle_start`](Self::handle_start).
    pub fn handle_stop(&mut self, now: BootTime) {
        match &self.state {
            State::Waiting { .. } => self.state = State::Offline,
            State::Offline | State::Closed => {}
            _ => self.end(now, Cause::Stopped, None),
        }
    }

    /// Takes nothing more. `drain`: operations have so long to settle, over new connections too if need be; what has not
    /// settled then, or without it at once, fails with `ERR_CLOSED`.
    pub fn handle_close(&mut self, now: BootTime, drain: Option<Duration>) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let until = now.after(drain.unwrap_or_default());
        self.closing = Some(self.closing.map_or(until, |before| before.min(until)));
        self.close_if_done(now);
    }

    pub(super) fn close_if_done(&mut self, now: BootTime) {
        let Some(until) = self.closing else { return };
        let nothing_left = self.operations.is_empty() || matches!(self.state, State::Offline);
        if matches!(self.state, State::Closed) || (until > now && !nothing_left) {
            return;
        }
        self.handle_stop(now);
        while let Some((id, operation)) = self.operations.first_key_value() {
            let (id, was_sent) = (*id, operation.was_sent);
            let message = if was_sent {
                "closed after it was sent, before it was answered: the server may have it"
            } else {
                "closed before it was sent"
            };
            self.settle(id, failed(Code::Closed, message, was_sent));
        }
        self.state = State::Closed;
        self.tell(Event::Closed);
    }
}
