//! What goes to the wire, in which order.

use std::collections::BTreeSet;

use bytes::{Buf as _, Bytes, BytesMut};
use refresh_session_core::BootTime;

use super::asking::{size, too_large};
use super::link::{Link, Ping};
use super::operation::{RequestKind, What};
use super::{Event, Machine, OpId, Outcome, State};
use crate::codec::encode::{self, PublishHead};
use crate::codec::{Properties, QoS, Subscription, Version};
use crate::packet_ids::Owner;
use crate::text::Text;

/// So much is encoded at once.
const CHUNK: usize = 32 * 1024;

/// A payload from this size on is handed over as it is, without being copied.
const LARGE: usize = 8 * 1024;

/// What became of the first message of the queue.
enum Sent {
    Yes,
    Settled(OpId, Outcome),
    Held,
}

impl Machine {
    pub(super) fn next_transmit(&mut self, now: BootTime) -> Option<Bytes> {
        let link = match &mut self.state {
            State::Greeting { link, .. } if link.out.is_empty() => return None,
            State::Greeting { link, .. } => {
                // CONNECT leaves now, however long ago the transport came up.
                self.last_connect = Some(now);
                return Some(link.out.split().freeze());
            }
            State::Online(link) => link,
            _ => return None,
        };
        if link.chunks.is_empty() {
            self.encode_control(now);
            self.encode_requests(now);
            self.encode_messages(now);
            self.accompany(now);
        }
        let link = self.online()?;
        let chunk =
            link.chunks.pop_front().or_else(|| (!link.out.is_empty()).then(|| link.out.split().freeze()))?;
        link.last_out = link.last_out.max(now);
        Some(chunk)
    }

    fn encode_control(&mut self, now: BootTime) {
        let version = self.settings.version;
        let Some(link) = self.online() else { return };
        for (id, reason) in link.acks.take(now, link.incoming.len()) {
            encode::puback(&mut link.out, version, id, reason);
        }
        if let Ping::Wanted(until) = link.ping {
            encode::ping(&mut link.out);
            link.ping = Ping::Written(until);
            link.last_out = link.last_out.max(now);
        }
    }

    /// Before what leaves now go the acknowledgements that wait for company.
    fn accompany(&mut self, now: BootTime) {
        let version = self.settings.version;
        let Some(link) = self.online() else { return };
        if link.out.is_empty() && link.chunks.is_empty() {
            return;
        }
        let mut first = BytesMut::new();
        for (id, reason) in link.acks.accompany(now, link.incoming.len()) {
            encode::puback(&mut first, version, id, reason);
        }
        if !first.is_empty() {
            link.chunks.push_front(first.freeze());
        }
    }

    /// Subscriptions that were lost, then what the user asks for.
    fn encode_requests(&mut self, now: BootTime) {
        let version = self.settings.version;
        let most = usize::from(self.settings.limits.filters_per_packet);
        let State::Online(link) = &mut self.state else { return };
        while link.retiring.is_none() && self.subscriptions.lost() > 0 && !self.ids.is_full() {
            let packet = link.terms.packet;
            let wishes = self.subscriptions.take_lost(most, |taken, next| {
                let lengths = taken.iter().chain(std::iter::once(next)).map(|wish| wish.filter.len());
                encode::filters_size(lengths) <= packet
            });
            let Some((id, serial)) = self.ids.take(Owner::Again(wishes.clone())) else { break };
            encode::subscribe(&mut link.out, version, id, &wishes);
            link.sent_request(now, id, serial);
        }
        if link.retiring.is_some() {
            return;
        }
        let mut held: BTreeSet<Text> = BTreeSet::new();
        for operation in self.requests.clone() {
            while !self.ids.is_full() && self.encode_request(now, operation, &mut held) {}
        }
    }

    /// One packet of a request; whether there was anything to be sent. About one filter one request at a time is on the
    /// wire, in the order in which they were made: or one that has to be repeated could undo a later one.
    fn encode_request(&mut self, now: BootTime, operation: OpId, held: &mut BTreeSet<Text>) -> bool {
        let version = self.settings.version;
        let most = usize::from(self.settings.limits.filters_per_packet);
        let State::Online(link) = &mut self.state else { return false };
        let Some(found) = self.operations.get_mut(&operation) else { return false };
        let What::Request(request) = &mut found.what else { return false };
        let mut places = Vec::new();
        let mut wishes: Vec<Subscription> = Vec::new();
        let mut is_held = false;
        for place in request.open() {
            let wish = &request.wishes[place];
            if self.asked_filters.contains(&wish.filter) || held.contains(&wish.filter) {
                held.insert(wish.filter.clone());
                is_held = true;
                continue;
            }
            let lengths = wishes.iter().chain(std::iter::once(wish)).map(|wish| wish.filter.len());
            if places.len() == most
                || (!places.is_empty() && encode::filters_size(lengths) > link.terms.packet)
            {
                break;
            }
            self.asked_filters.insert(wish.filter.clone());
            places.push(place);
            wishes.push(wish.clone());
        }
        if places.is_empty() {
            if !is_held {
                self.requests.remove(&operation);
            }
            return false;
        }
        let Some((id, serial)) = self.ids.take(Owner::Request(operation, places.clone())) else {
            return false;
        };
        for place in places {
            request.on_wire[place] = true;
        }
        found.was_sent = true;
        match request.kind {
            RequestKind::Subscribe => encode::subscribe(&mut link.out, version, id, &wishes),
            RequestKind::Unsubscribe => {
                let filters: Vec<Text> = wishes.into_iter().map(|wish| wish.filter).collect();
                encode::unsubscribe(&mut link.out, version, id, &filters);
            }
        }
        link.sent_request(now, id, serial);
        true
    }

    fn encode_messages(&mut self, now: BootTime) {
        loop {
            match self.encode_message(now) {
                Sent::Yes => {}
                Sent::Settled(id, outcome) => self.settle(id, outcome),
                Sent::Held => return,
            }
        }
    }

    fn encode_message(&mut self, now: BootTime) -> Sent {
        let version = self.settings.version;
        let State::Online(link) = &mut self.state else { return Sent::Held };
        if link.retiring.is_some() || link.out.len() >= CHUNK || link.chunks.len() >= 8 {
            return Sent::Held;
        }
        let Some(&operation) = self.waiting.first() else { return Sent::Held };
        let Some(found) = self.operations.get_mut(&operation) else {
            self.waiting.pop_first();
            return Sent::Yes;
        };
        let What::Publish { message, id: packet } = &mut found.what else { return Sent::Held };
        let acknowledged = message.qos == QoS::AtLeastOnce;
        if acknowledged && link.unacknowledged >= link.terms.window {
            return Sent::Held;
        }
        // The server's terms may be other than when the message was taken.
        if let Err(error) = link.terms.allow(message) {
            return Sent::Settled(operation, Outcome::Failed { error, was_sent: found.was_sent });
        }
        let largest = size(message, version);
        if largest > link.terms.packet {
            let error = too_large(largest, link.terms.packet);
            return Sent::Settled(operation, Outcome::Failed { error, was_sent: found.was_sent });
        }
        if !link.may_leave(now, largest) {
            return Sent::Held;
        }
        let mut serial = 0;
        let again = packet.is_some();
        if acknowledged {
            let owner = Owner::Publish(operation);
            let taken = match *packet {
                Some(id) => Some((id, self.ids.renew(id, owner))),
                None => self.ids.take(owner),
            };
            let Some((id, number)) = taken else { return Sent::Held };
            *packet = Some(id);
            serial = number;
        }
        let waited = now.since(found.since).as_secs();
        let id = packet.unwrap_or_default();
        let size = link.write_message(version, message, id, again, waited);
        link.left(now, size);
        self.stats.sent += 1;
        self.stats.repeated += u64::from(found.was_sent);
        self.waiting.pop_first();
        if acknowledged {
            link.unacknowledged += 1;
            link.unanswered.push_back((now, id, serial));
            self.mark_sent(operation);
            Sent::Yes
        } else {
            Sent::Settled(operation, Outcome::Written)
        }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Message(message) = &event
            && let Some(token) = message.ack
            && !self.settings.manual_ack
        {
            // It is out of our hands now. If its connection is gone it will come again.
            let _ = self.handle_acknowledge(token, crate::reason::Reason::SUCCESS);
        }
        Some(event)
    }
}

impl Link {
    /// Both buckets have room; if not, it is noted when they have.
    fn may_leave(&mut self, now: BootTime, size: usize) -> bool {
        let messages = self.messages.as_mut().map_or(Ok(()), |bucket| bucket.ready(now, 1));
        let bytes = self.bytes.as_mut().map_or(Ok(()), |bucket| bucket.ready(now, size as u64));
        let until = [messages.err(), bytes.err()].into_iter().flatten().max();
        self.held_until = until;
        until.is_none()
    }

    fn left(&mut self, now: BootTime, size: usize) {
        if let Some(bucket) = &mut self.messages {
            bucket.take(1);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(size as u64);
        }
        self.last_request = Some(now);
    }

    fn sent_request(&mut self, now: BootTime, id: u16, serial: u64) {
        self.unanswered.push_back((now, id, serial));
        self.last_request = Some(now);
    }

    /// Gives the size of the packet.
    fn write_message(
        &mut self,
        version: Version,
        message: &super::Publish,
        id: u16,
        dup: bool,
        waited: u64,
    ) -> usize {
        let (alias, is_new) = self.alias(&message.topic);
        let expiry = message.properties.as_ref().and_then(|found| found.message_expiry);
        let shortened = expiry.map(|expiry| {
            // At least a second: 0 would mean at once, and the server decides.
            expiry.saturating_sub(u32::try_from(waited).unwrap_or(u32::MAX)).max(1)
        });
        let changed = (alias.is_some() || shortened != expiry).then(|| Properties {
            topic_alias: alias,
            message_expiry: shortened,
            ..message.properties.as_deref().cloned().unwrap_or_default()
        });
        let empty = Text::default();
        let head = PublishHead {
            topic: if alias.is_some() && !is_new { &empty } else { &message.topic },
            qos: message.qos,
            dup: dup && message.qos == QoS::AtLeastOnce,
            retain: message.retain,
            id,
            properties: changed.as_ref().or(message.properties.as_deref()),
            payload: message.payload.len(),
        };
        encode::publish(&mut self.out, version, &head);
        if message.payload.len() >= LARGE {
            let before = self.out.split().freeze();
            self.chunks.push_back(before);
            self.chunks.push_back(message.payload.clone());
        } else {
            self.out.extend_from_slice(message.payload.chunk());
        }
        head.size(version)
    }

    /// The number that stands for a topic, and whether the server has to be told.
    fn alias(&mut self, topic: &Text) -> (Option<u16>, bool) {
        if self.terms.aliases == 0 {
            return (None, false);
        }
        let known = self.aliases_out.iter().position(|found| found == topic);
        let (place, is_new) = match known {
            Some(place) => (place, false),
            None if self.aliases_out.len() < self.terms.aliases => {
                self.aliases_out.push(topic.clone());
                (self.aliases_out.len() - 1, true)
            }
            None => return (None, false),
        };
        (u16::try_from(place + 1).ok(), is_new)
    }
}
