//! The end of a connection, and what becomes of what was on the wire.

use bytes::BytesMut;
use refresh_session_core::{BootTime, Error};

use super::link::Link;
use super::operation::{RequestKind, What};
use super::{Event, LinkId, Machine, OpId, State, Unseen};
use crate::backoff::Lane;
use crate::cause::{self, Cause, Circumstances};
use crate::codec::{Properties, encode};
use crate::packet_ids::Owner;
use crate::reason::Reason;

impl Machine {
    /// The transport has ended; `error`: other than by its orderly end.
    pub fn handle_lost(&mut self, now: BootTime, link: LinkId, error: Option<Error>) {
        if self.link().is_some_and(|current| current.id == link) {
            self.end(now, error.map_or(Cause::HungUp, Cause::Transport), None);
        }
    }

    /// Ends attempt or connection, and goes over to what comes next.
    pub(super) fn end(&mut self, now: BootTime, cause: Cause, properties: Option<Box<Properties>>) {
        let was_connected = matches!(self.state, State::Online(_));
        let around = Circumstances {
            version: self.settings.version,
            since_request: self.link().and_then(|link| link.last_request).map(|at| now.since(at)),
            connected: was_connected,
            properties: properties.as_deref(),
        };
        let error = cause::error(&cause, around);
        let lasted = self.link().filter(|_| was_connected).map(|link| now.since(link.since));
        match std::mem::replace(&mut self.state, State::Offline) {
            State::Opening { id, .. } => self.tell(Event::Shut { link: id, farewell: None }),
            State::Greeting { link, .. } => self.tell(Event::Shut { link: link.id, farewell: None }),
            State::Online(link) => {
                let farewell =
                    cause.farewell(self.settings.version).map(|reason| self.farewell(&link, reason));
                self.tell(Event::Shut { link: link.id, farewell });
                self.take_back();
            }
            other => {
                self.state = other;
                return;
            }
        }
        let lane = cause.lane();
        let planned = matches!(cause, Cause::Planned);
        let stays_off = matches!(cause, Cause::Stopped);
        self.tell(Event::Disconnected { cause, error, was_connected, properties });
        if stays_off {
            return;
        }
        let network_came = self.network_came && !was_connected;
        if planned || lasted.is_some_and(|lasted| lasted >= self.settings.backoff.stable) {
            (self.failures, self.attempts) = (0, 0);
        } else if network_came {
            self.failures = 0;
        }
        let delay = self.settings.backoff.draw(lane, self.failures, &mut self.rng);
        self.failures = self.failures.saturating_add(u32::from(!planned));
        let delay = if planned { self.settings.limits.connect_interval } else { delay };
        self.open_or_wait(now, delay, if planned { Lane::Normal } else { lane });
    }

    /// Acknowledgements that are due, and DISCONNECT.
    fn farewell(&self, link: &Link, reason: Reason) -> Unseen {
        let version = self.settings.version;
        let mut last = BytesMut::new();
        for chunk in &link.chunks {
            last.extend_from_slice(chunk);
        }
        last.extend_from_slice(&link.out);
        for (id, reason) in link.acks.all() {
            encode::puback(&mut last, version, *id, *reason);
        }
        encode::disconnect(&mut last, version, reason);
        Unseen(last.freeze())
    }

    /// What was on the wire is to be sent again.
    fn take_back(&mut self) {
        for (_, owner) in self.ids.connection_lost() {
            match owner {
                Owner::Publish(id) => {
                    self.waiting.insert(id);
                }
                Owner::Request(id, places) => self.take_back_request(id, &places),
                Owner::Again(_) | Owner::ForgottenPublish | Owner::ForgottenRequest => {}
            }
        }
        self.asked_filters.clear();
        self.subscriptions.connection_lost();
    }

    fn take_back_request(&mut self, id: OpId, places: &[usize]) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let What::Request(request) = &mut operation.what else { return };
        for place in places {
            request.on_wire[*place] = false;
            request.repeated[*place] = true;
        }
        self.requests.insert(id);
    }

    /// What was granted to a request that is not answered to its end was granted in a session that is gone, or may be.
    pub(super) fn ask_again(&mut self) {
        for id in &self.requests {
            let Some(operation) = self.operations.get_mut(id) else { continue };
            let What::Request(request) = &mut operation.what else { continue };
            if request.kind != RequestKind::Subscribe {
                continue;
            }
            for (wish, reason) in request.wishes.iter().zip(&mut request.reasons) {
                let granted = reason.is_some_and(|reason| !reason.is_failure());
                if granted && self.subscriptions.stands(&wish.filter) {
                    *reason = None;
                }
            }
        }
    }

    /// The server has no session.
    pub(super) fn session_lost(&mut self) {
        self.subscriptions.session_lost();
        for id in &self.waiting {
            let Some(operation) = self.operations.get_mut(id) else { continue };
            // Those that were sent come first.
            if !operation.was_sent {
                break;
            }
            if let What::Publish { id: packet, .. } = &mut operation.what
                && let Some(packet) = packet.take()
            {
                self.ids.free(packet);
            }
        }
    }
}
