//! What comes from the server.

use bytes::BytesMut;
use refresh_session_core::BootTime;

use super::link::Ping;
use super::{AckToken, Event, LinkId, Machine, Message, State};
use crate::cause::Cause;
use crate::codec::{Ack, Acks, DecodeError, Incoming, QoS, Received, Version, decode};
use crate::packet_ids::Owner;
use crate::reason::Reason;

impl Machine {
    /// Bytes were read. Whole packets are taken off `from`; what is left is to be brought again with what comes behind it.
    pub fn handle_input(&mut self, now: BootTime, link: LinkId, from: &mut BytesMut) {
        let largest = self.largest_packet();
        while self.link().is_some_and(|current| current.id == link) {
            match decode(from, self.settings.version, largest) {
                Ok(Some(packet)) => self.packet(now, packet),
                Ok(None) => return self.go_on(now),
                Err(error) => self.end(now, Cause::BadBytes(error), None),
            }
        }
        from.clear();
        self.go_on(now);
    }

    /// The driver holds bytes of this link that it does not bring yet, since nobody takes what they would become. They
    /// are a sign of life.
    pub fn handle_alive(&mut self, now: BootTime, link: LinkId) {
        let alive_until = now.after(self.settings.ping_limit);
        if let Some(link) = self.online().filter(|current| current.id == link) {
            link.alive(now, alive_until);
        }
    }

    fn packet(&mut self, now: BootTime, packet: Incoming) {
        if let State::Greeting { .. } = &self.state {
            return match packet {
                Incoming::ConnAck(answer) => self.greeted(now, answer),
                Incoming::Disconnect(farewell) => {
                    self.end(now, Cause::Said(farewell.reason), farewell.properties);
                }
                _ => self.wrong(now, DecodeError::Protocol("a packet before CONNACK")),
            };
        }
        let alive_until = now.after(self.settings.ping_limit);
        if let Some(link) = self.online() {
            link.alive(now, alive_until);
            if packet == Incoming::PingResp {
                link.ping = Ping::Idle;
            }
        }
        match packet {
            Incoming::Publish(message) => self.message(now, message),
            Incoming::PubAck(ack) => self.puback(now, ack),
            Incoming::SubAck(acks) | Incoming::UnsubAck(acks) => self.suback(now, &acks),
            Incoming::PingResp => {}
            Incoming::Disconnect(farewell) => {
                self.end(now, Cause::Said(farewell.reason), farewell.properties);
            }
            Incoming::ConnAck(_) => self.wrong(now, DecodeError::Protocol("a second CONNACK")),
        }
    }

    fn message(&mut self, now: BootTime, mut message: Received) {
        let most = self.settings.receive_maximum();
        let Some(link) = self.online() else { return };
        if let Some(bucket) = &mut link.messages {
            // What comes counts too; it cannot be held up, so that what we send waits instead.
            let _ = bucket.ready(now, 1);
            bucket.take(1);
        }
        let alias = message.properties.as_mut().and_then(|found| found.topic_alias.take());
        if let Some(alias) = alias {
            if message.topic.is_empty() {
                let Some(topic) = link.aliases_in.get(&alias) else {
                    return self.wrong(now, DecodeError::Protocol("a topic alias that stands for nothing"));
                };
                message.topic = topic.clone();
            } else {
                link.aliases_in.insert(alias, message.topic.clone());
            }
        }
        let ack = message.id.map(|id| {
            link.incoming_serial += 1;
            link.incoming.insert(id, link.incoming_serial);
            link.acks.came(now, link.incoming.len());
            AckToken { link: link.id, id, serial: link.incoming_serial }
        });
        if link.incoming.len() > most {
            return self.end(now, Cause::BadBytes(DecodeError::Window), None);
        }
        if let Some(alias) = alias
            && alias > self.alias_maximum()
        {
            return self.end(now, Cause::BadBytes(DecodeError::Alias), None);
        }
        self.stats.received += 1;
        let Received { topic, payload, qos, dup, retain, properties, .. } = message;
        debug_assert_eq!(ack.is_some(), qos == QoS::AtLeastOnce);
        self.tell(Event::Message(Message { topic, payload, qos, dup, retain, properties, ack }));
    }

    fn alias_maximum(&self) -> u16 {
        self.settings.connect.properties.topic_alias_maximum.unwrap_or(0)
    }

    fn puback(&mut self, now: BootTime, ack: Ack) {
        match self.ids.owner(ack.id) {
            Some(Owner::Publish(operation)) => {
                let operation = *operation;
                // One that waits to be repeated was not answered on this connection.
                if self.waiting.contains(&operation) {
                    return self.wrong(now, DecodeError::Protocol("PUBACK for what was not sent"));
                }
                self.ids.free(ack.id);
                self.answered_one();
                self.acknowledged(operation, ack.reason, ack.properties);
            }
            Some(Owner::ForgottenPublish) => {
                self.ids.free(ack.id);
                self.answered_one();
            }
            Some(_) => self.wrong(now, DecodeError::Protocol("PUBACK for a SUBSCRIBE or UNSUBSCRIBE")),
            // A second one for the same message, from a server that repeats itself.
            None => {}
        }
    }

    fn answered_one(&mut self) {
        if let State::Online(link) = &mut self.state {
            link.unacknowledged = link.unacknowledged.saturating_sub(1);
            link.forget_answered(&self.ids);
        }
    }

    fn suback(&mut self, now: BootTime, acks: &Acks) {
        let expected = match self.ids.owner(acks.id) {
            Some(Owner::Request(_, places)) => places.len(),
            Some(Owner::Again(wishes)) => wishes.len(),
            Some(Owner::ForgottenRequest) => {
                self.ids.free(acks.id);
                return;
            }
            Some(_) => return self.wrong(now, DecodeError::Protocol("SUBACK or UNSUBACK for a PUBLISH")),
            None => return,
        };
        let is_old = self.settings.version == Version::V311 && acks.reasons.is_empty();
        if acks.reasons.len() != expected && !is_old {
            return self
                .wrong(now, DecodeError::Protocol("an acknowledgement with too few or too many reasons"));
        }
        // UNSUBACK has none in 3.1.1.
        let reasons = if is_old { &vec![Reason::SUCCESS; expected] } else { &acks.reasons };
        match self.ids.free(acks.id) {
            Some(Owner::Request(operation, places)) => self.answered(operation, &places, reasons),
            Some(Owner::Again(wishes)) => {
                for (wish, reason) in wishes.into_iter().zip(reasons) {
                    let was_lost = self.subscriptions.regained(&wish.filter, !reason.is_failure());
                    if was_lost && reason.is_failure() {
                        self.tell(Event::SubscriptionLost { filter: wish.filter, reason: *reason });
                    }
                }
            }
            _ => {}
        }
    }

    fn wrong(&mut self, now: BootTime, error: DecodeError) {
        self.end(now, Cause::BadBytes(error), None);
    }
}
