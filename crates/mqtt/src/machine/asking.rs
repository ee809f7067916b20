//! What the user wants.

use std::time::Duration;

use refresh_session_core::shown::quoted;
use refresh_session_core::{BootTime, Code, Error, Result};

use super::operation::{Operation, Request, RequestKind, What};
use super::{AckToken, Machine, OpId, Outcome, Publish, State};
use crate::codec::encode::PublishHead;
use crate::codec::properties::bearer;
use crate::codec::{QoS, RetainHandling, Subscription, Version, encode};
use crate::reason::Reason;
use crate::settings::FullPolicy;
use crate::text::Text;
use crate::topic::{check_filter, check_topic};

impl Machine {
    /// Sends a message; `limit`: it settles within this time.
    ///
    /// # Errors
    /// `ERR_MQTT_TOPIC`, `ERR_MQTT_PROPERTY`, `ERR_MQTT_PACKET_TOO_LARGE`, `ERR_MQTT_UNSUPPORTED`, `ERR_MQTT_OFFLINE`,
    /// `ERR_MQTT_QUEUE_FULL`, `ERR_CLOSED`: nothing was sent, and no operation begun.
    pub fn handle_publish(
        &mut self,
        now: BootTime,
        message: Publish,
        limit: Option<Duration>,
    ) -> Result<OpId> {
        self.refuse_if_closed()?;
        self.check(&message)?;
        if !self.settings.queue.offline && !matches!(self.state, State::Online(_)) {
            return Err(Error::new(
                Code::MqttOffline,
                "publishing: there is no connection, and no offline queue",
            )
            .with_hint("Wait for the event `connect`, or allow an offline queue."));
        }
        let weight = message.weight();
        let has_room = self.make_room(weight)?;
        let deadline = limit.map(|limit| now.after(limit));
        let ttl = self.settings.queue.ttl.map(|ttl| now.after(ttl));
        let due = [deadline, ttl].into_iter().flatten().min();
        let id = self.begin(now, deadline, due, What::Publish { message, id: None });
        self.pending.messages += 1;
        self.pending.bytes += weight;
        if has_room {
            self.waiting.insert(id);
        } else {
            self.settle(
                id,
                failed(Code::MqttDropped, "publishing: the queue is full, and drops what comes", false),
            );
        }
        Ok(id)
    }

    /// Subscribes, in as many packets as it takes; `limit`: it settles within this time.
    ///
    /// # Errors
    /// `ERR_MQTT_TOPIC`, `ERR_MQTT_PROPERTY`, `ERR_MQTT_TOO_MANY_SUBSCRIPTIONS`, `ERR_MQTT_PACKET_TOO_LARGE`,
    /// `ERR_MQTT_UNSUPPORTED`, `ERR_CLOSED`: nothing was sent, and no operation begun.
    pub fn handle_subscribe(
        &mut self,
        now: BootTime,
        wishes: Vec<Subscription>,
        limit: Option<Duration>,
    ) -> Result<OpId> {
        self.refuse_if_closed()?;
        self.check_filters(wishes.iter().map(|wish| &wish.filter))?;
        wishes.iter().try_for_each(|wish| check_wish(wish, self.settings.version))?;
        if let Some(most) = self.settings.limits.subscriptions {
            let mut new: Vec<&Text> = wishes
                .iter()
                .map(|wish| &wish.filter)
                .filter(|filter| !self.subscriptions.contains(filter))
                .collect();
            new.sort_unstable();
            new.dedup();
            let all = self.subscriptions.len() + new.len();
            if all > usize::from(most) {
                let found =
                    format!("subscribing: with these there would be {all} filters, over the limit of {most}");
                return Err(Error::new(Code::MqttTooManySubscriptions, found)
                    .with_hint("Use wildcards, unsubscribe from others, or a second connection."));
            }
        }
        let due = limit.map(|limit| now.after(limit));
        let copies = wishes.clone();
        let id = self.begin(now, due, due, What::Request(Request::new(RequestKind::Subscribe, wishes)));
        for wish in &copies {
            self.subscriptions.asked(wish, id);
        }
        self.requests.insert(id);
        Ok(id)
    }

    /// Ends subscriptions; `limit`: it settles within this time.
    ///
    /// # Errors
    /// As for [`handle_subscribe`](Self::handle_subscribe).
    pub fn handle_unsubscribe(
        &mut self,
        now: BootTime,
        filters: Vec<Text>,
        limit: Option<Duration>,
    ) -> Result<OpId> {
        self.refuse_if_closed()?;
        self.check_filters(filters.iter())?;
        let due = limit.map(|limit| now.after(limit));
        let wishes = filters.into_iter().map(|filter| Subscription { filter, ..Subscription::default() });
        let request = Request::new(RequestKind::Unsubscribe, wishes.collect());
        let filters: Vec<Text> = request.wishes.iter().map(|wish| wish.filter.clone()).collect();
        let id = self.begin(now, due, due, What::Request(request));
        for filter in &filters {
            self.subscriptions.leaving(filter, id);
        }
        self.requests.insert(id);
        Ok(id)
    }

    /// The user has dealt with a message. A failure as reason has the server count it as refused; it is not sent again.
    ///
    /// # Errors
    /// `ERR_MQTT_STALE_ACK`: the connection it came by is gone, or it was acknowledged before.
    pub fn handle_acknowledge(&mut self, token: AckToken, reason: Reason) -> Result<()> {
        let link = self.online().filter(|link| link.id == token.link);
        let link =
            link.filter(|link| link.incoming.get(&token.id) == Some(&token.serial)).ok_or_else(|| {
                Error::new(
                    Code::MqttStaleAck,
                    "acknowledging: the message's connection is gone, or it was done before",
                )
                .with_hint("The server sends the message again if it was not acknowledged.")
            })?;
        link.incoming.remove(&token.id);
        link.acks.add(token.id, reason);
        Ok(())
    }

    /// The user has lost interest. What is on the wire cannot be taken back: the server may have it.
    pub fn handle_cancel(&mut self, now: BootTime, id: OpId) {
        let Some(operation) = self.operations.get(&id) else { return };
        let was_sent = operation.was_sent;
        let message = if was_sent {
            "cancelled after it was sent: the server may have it"
        } else {
            "cancelled before it was sent"
        };
        self.settle(id, failed(Code::MqttCancelled, message, was_sent));
        self.go_on(now);
    }

    fn begin(
        &mut self,
        now: BootTime,
        deadline: Option<BootTime>,
        due: Option<BootTime>,
        what: What,
    ) -> OpId {
        self.last_operation += 1;
        let id = OpId(self.last_operation);
        if let Some(due) = due {
            self.timers.insert((due, id));
        }
        self.operations.insert(id, Operation { what, since: now, deadline, due, was_sent: false });
        id
    }

    /// Whether the queue takes so many more bytes; the oldest give way if the policy says so.
    fn make_room(&mut self, weight: usize) -> Result<bool> {
        let queue = self.settings.queue;
        let never = weight > queue.max_bytes || queue.max_messages == 0;
        loop {
            let fits = self.pending.messages < queue.max_messages
                && self.pending.bytes.saturating_add(weight) <= queue.max_bytes;
            if fits {
                return Ok(true);
            }
            let oldest = match queue.policy {
                FullPolicy::DropNewest => return Ok(false),
                FullPolicy::DropOldest if !never => {
                    let unsent = |id: &&OpId| self.operations.get(id).is_some_and(|found| !found.was_sent);
                    self.waiting.iter().find(unsent).copied()
                }
                FullPolicy::DropOldest | FullPolicy::Reject => None,
            };
            let Some(oldest) = oldest else {
                let found = format!(
                    "publishing {weight} bytes: the queue holds {} of {} messages and {} of {} bytes",
                    self.pending.messages, queue.max_messages, self.pending.bytes, queue.max_bytes
                );
                return Err(Error::new(Code::MqttQueueFull, found).with_hint(
                    "Wait until earlier messages are settled, or allow a larger `offlineQueue`.",
                ));
            };
            self.settle(
                oldest,
                failed(Code::MqttDropped, "dropped from a full queue in favour of a later one", false),
            );
        }
    }

    /// Whether [`handle_publish`](Self::handle_publish) can take this message at all, for a driver that has something to
    /// do with it before.
    ///
    /// # Errors
    /// As there, but for the queue's.
    pub fn check(&self, message: &Publish) -> Result<()> {
        check_topic(&message.topic, &self.settings.limits)?;
        if let Some(properties) = message.properties.as_deref() {
            if self.settings.version == Version::V311 && !properties.is_empty() {
                return Err(unfit("properties are given", "MQTT 3.1.1 has none: choose MQTT 5."));
            }
            let misplaced = properties.first_not_in(bearer::PUBLISH).or_else(|| {
                let ours = !properties.subscription_ids.is_empty() || properties.topic_alias.is_some();
                ours.then_some("topic_alias or subscription_ids")
            });
            if let Some(name) = misplaced {
                return Err(unfit(&format!("`{name}` is given"), "A message that is sent cannot carry it."));
            }
            if let Some(name) = properties.first_too_long() {
                return Err(unfit(
                    &format!("`{name}` is too long or holds U+0000"),
                    "65,535 bytes are the most.",
                ));
            }
            if let Some(topic) = &properties.response_topic {
                check_topic(topic, &self.settings.limits)?;
            }
        }
        if let State::Online(link) = &self.state {
            link.terms.allow(message)?;
        }
        let packet = self.link().map_or(self.settings.limits.packet as usize, |link| link.terms.packet);
        let size = size(message, self.settings.version);
        if size > packet { Err(too_large(size, packet)) } else { Ok(()) }
    }

    fn check_filters<'a>(&self, filters: impl Iterator<Item = &'a Text> + Clone) -> Result<()> {
        if filters.clone().next().is_none() {
            return Err(Error::new(Code::MqttTopic, "subscribing: no filter is given")
                .with_hint("Give at least one."));
        }
        for filter in filters {
            check_filter(filter, &self.settings.limits)?;
            let size = encode::filters_size(std::iter::once(filter.len()));
            let packet = self.link().map_or(self.settings.limits.packet as usize, |link| link.terms.packet);
            if size > packet {
                return Err(too_large(size, packet));
            }
            if let State::Online(link) = &self.state {
                link.terms.allow_filter(filter)?;
            }
        }
        Ok(())
    }
}

/// What a version has no place for is not left out in silence, and what is an error to the server does not get there.
fn check_wish(wish: &Subscription, version: Version) -> Result<()> {
    let of_v5 = wish.no_local || wish.retain_as_published || wish.retain_handling != RetainHandling::Send;
    let found = if version == Version::V311 && of_v5 {
        ("`noLocal`, `retainAsPublished` or `retainHandling` is given", "MQTT 3.1.1 has none: choose MQTT 5.")
    } else if wish.no_local && wish.filter.as_str().starts_with("$share/") {
        // Section 3.8.3.1.
        ("`noLocal` is given for a shared subscription", "MQTT does not allow the two together.")
    } else {
        return Ok(());
    };
    Err(Error::new(Code::MqttProperty, format!("subscribing: {}", found.0)).with_hint(found.1))
}

impl super::link::Terms {
    /// Whether the server takes it, by what it said in CONNACK.
    pub(super) fn allow(&self, message: &Publish) -> Result<()> {
        if message.retain && !self.retain {
            return Err(unsupported("retain not supported"));
        }
        if message.qos > self.qos {
            return Err(unsupported("QoS 1 not supported"));
        }
        Ok(())
    }

    fn allow_filter(&self, filter: &Text) -> Result<()> {
        self.lacks(filter).map_or(Ok(()), |reason| Err(unsupported(reason.words())))
    }

    /// The reason with which the server would refuse a filter, by what it said.
    pub(super) fn lacks(&self, filter: &Text) -> Option<Reason> {
        let text = filter.as_str();
        if !self.wildcards && text.contains(['+', '#']) {
            return Some(Reason(0xa2));
        }
        if !self.shared && text.starts_with("$share/") {
            return Some(Reason(0x9e));
        }
        (encode::filters_size(std::iter::once(text.len())) > self.packet).then_some(Reason::TOO_LARGE)
    }
}

/// The largest that its packet can become: an identifier, no alias.
pub(super) fn size(message: &Publish, version: Version) -> usize {
    let head = PublishHead {
        topic: &message.topic,
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: false,
        id: 1,
        properties: message.properties.as_deref(),
        payload: message.payload.len(),
    };
    head.size(version)
}

pub(super) fn too_large(size: usize, most: usize) -> Error {
    let found = format!("the packet has {size} bytes, over the limit of {most}");
    Error::new(Code::MqttPacketTooLarge, found)
        .with_hint("Send it in parts, or by way of S3. AWS IoT takes 128 KiB.")
}

pub(super) fn failed(code: Code, message: &str, was_sent: bool) -> Outcome {
    Outcome::Failed { error: Error::new(code, message), was_sent }
}

fn unsupported(what: &str) -> Error {
    Error::new(Code::MqttUnsupported, format!("the server said in CONNACK: {what}"))
}

fn unfit(found: &str, hint: &'static str) -> Error {
    Error::new(Code::MqttProperty, format!("publishing: {found}")).with_hint(hint)
}

/// The filters of a refusal, for a message.
pub(super) fn listed(wishes: &[Subscription], reasons: &[Reason]) -> String {
    let each = wishes
        .iter()
        .zip(reasons)
        .map(|(wish, reason)| format!("{}: {reason}", quoted(wish.filter.as_str())));
    each.collect::<Vec<_>>().join(", ")
}
