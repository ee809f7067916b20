//! The end of operations.

use refresh_session_core::{BootTime, Code, Error};

use super::asking::{failed, listed};
use super::operation::{Request, RequestKind, What};
use super::{Event, Machine, OpId, Outcome};
use crate::codec::Properties;
use crate::packet_ids::Owner;
use crate::reason::Reason;

impl Machine {
    /// The one way in which an operation ends. Whatever refers to it is cleaned up here.
    pub(super) fn settle(&mut self, id: OpId, outcome: Outcome) {
        let Some(operation) = self.operations.remove(&id) else { return };
        if let Some(due) = operation.due {
            self.timers.remove(&(due, id));
        }
        match &operation.what {
            What::Publish { message, id: packet } => {
                self.pending.messages -= 1;
                self.pending.bytes -= message.weight();
                let is_waiting = self.waiting.remove(&id);
                if let Some(packet) = packet {
                    if is_waiting {
                        // Of an earlier connection: nobody will answer it on this one.
                        self.ids.free(*packet);
                    } else {
                        self.ids.replace(*packet, Owner::ForgottenPublish);
                    }
                }
                match outcome {
                    Outcome::Acknowledged { .. } => self.stats.acknowledged += 1,
                    Outcome::Written => {}
                    _ => self.stats.failed += 1,
                }
            }
            What::Request(request) => {
                self.requests.remove(&id);
                self.forget_request(id, request, operation.was_sent);
            }
        }
        self.tell(Event::Settled { operation: id, outcome });
    }

    fn forget_request(&mut self, id: OpId, request: &Request, was_sent: bool) {
        self.ids.forget_request(id);
        for ((wish, reason), on_wire) in request.wishes.iter().zip(&request.reasons).zip(&request.on_wire) {
            if *on_wire {
                self.asked_filters.remove(&wish.filter);
            }
            self.subscriptions.over(&wish.filter, id, was_sent && reason.is_none());
        }
    }

    /// PUBACK for a message.
    pub(super) fn acknowledged(&mut self, id: OpId, reason: Reason, properties: Option<Box<Properties>>) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let What::Publish { message, id: packet } = &mut operation.what else { return };
        *packet = None;
        let outcome = if reason.is_failure() {
            let topic = refresh_session_core::shown::quoted(message.topic.as_str());
            let error =
                Error::new(Code::MqttPublishRefused, format!("publishing to {topic}: refused: {reason}"));
            let error = error.with_hint(match reason {
                Reason::NOT_AUTHORIZED => {
                    "Check that the policy allows iot:Publish (and iot:RetainPublish) there."
                }
                _ => "The message was not delivered.",
            });
            Outcome::Refused { reasons: vec![reason], error }
        } else {
            Outcome::Acknowledged { reason, properties }
        };
        self.settle(id, outcome);
    }

    /// SUBACK or UNSUBACK for some filters of a request.
    pub(super) fn answered(&mut self, id: OpId, places: &[usize], reasons: &[Reason]) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let What::Request(request) = &mut operation.what else { return };
        for (place, reason) in places.iter().zip(reasons) {
            request.reasons[*place] = Some(*reason);
            let wish = &request.wishes[*place];
            if std::mem::take(&mut request.on_wire[*place]) {
                self.asked_filters.remove(&wish.filter);
            }
            match (request.kind, reason.is_failure()) {
                (RequestKind::Subscribe, false) => self.subscriptions.granted(wish),
                (RequestKind::Unsubscribe, false) => self.subscriptions.left(&wish.filter),
                (_, true) if request.repeated[*place] => self.subscriptions.unknown(&wish.filter),
                (_, true) => {}
            }
        }
        if !request.is_answered() {
            return;
        }
        let reasons: Vec<Reason> = request.reasons.iter().copied().flatten().collect();
        let outcome = if reasons.iter().all(|reason| reason.is_failure()) {
            let found = format!("the server refused: {}", listed(&request.wishes, &reasons));
            let error = Error::new(Code::MqttSubscribeRefused, found)
                .with_hint("Check that the policy allows iot:Subscribe on these topic filters.");
            Outcome::Refused { reasons, error }
        } else {
            Outcome::Answered { reasons }
        };
        self.settle(id, outcome);
    }

    /// To send what the server said it has not would end the connection, again and again.
    pub(super) fn refuse_what_the_server_lacks(&mut self) {
        let Some(terms) = self.online().map(|link| link.terms.clone()) else { return };
        for id in self.requests.clone() {
            let Some(operation) = self.operations.get(&id) else { continue };
            let What::Request(request) = &operation.what else { continue };
            let (places, reasons): (Vec<_>, Vec<_>) = request
                .open()
                .filter_map(|place| terms.lacks(&request.wishes[place].filter).map(|reason| (place, reason)))
                .unzip();
            if !places.is_empty() {
                self.answered(id, &places, &reasons);
            }
        }
    }

    /// Operations whose time is over.
    pub(super) fn settle_due(&mut self, now: BootTime) {
        while let Some((due, id)) = self.timers.first().copied()
            && due <= now
        {
            self.timers.pop_first();
            let Some(operation) = self.operations.get(&id) else { continue };
            let was_sent = operation.was_sent;
            let timed_out = operation.deadline.is_some_and(|deadline| deadline <= now);
            let outcome = match (timed_out, was_sent) {
                (true, true) => failed(
                    Code::MqttTimeout,
                    "sent, but not answered in its time: the server may have it",
                    true,
                ),
                (true, false) => failed(Code::MqttTimeout, "not sent in its time", false),
                (false, _) => {
                    failed(Code::MqttExpired, "waited in the queue for longer than it may", was_sent)
                }
            };
            self.settle(id, outcome);
        }
    }

    /// It is on the wire: what counts from now on is the user's deadline alone.
    pub(super) fn mark_sent(&mut self, id: OpId) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.was_sent = true;
        if operation.due != operation.deadline {
            if let Some(due) = operation.due {
                self.timers.remove(&(due, id));
            }
            operation.due = operation.deadline;
            if let Some(due) = operation.due {
                self.timers.insert((due, id));
            }
        }
    }
}
