//! What the broker keeps for a client id: subscriptions, messages on their way, and the connection, if there is one.
//!
//! As at AWS, a message of QoS 1 that was not acknowledged comes again under another packet identifier and without
//! DUP.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc::UnboundedSender;

use super::{
    codec::{Filter, Properties, Publish, ToClient, Version, id},
    message::Message,
    order::Order,
};

/// The session of a client id.
pub(crate) struct Session {
    /// How long it outlives its connection, in seconds.
    pub(crate) expiry: u32,
    /// By filter as the client wrote it.
    pub(crate) subscriptions: BTreeMap<String, Filter>,
    /// `None` while the client is away.
    pub(crate) link: Option<Link>,
    /// When it ends if the client stays away.
    pub(crate) ends: Option<Duration>,
    /// What is published when its time comes, the client still being away.
    pub(crate) will: Option<(Duration, Message)>,
    waiting: VecDeque<Delivery>,
    unacknowledged: BTreeMap<u16, Delivery>,
    last_id: u16,
}

/// A message for one client.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

/// The connection of a session.
pub(crate) struct Link {
    /// Its number.
    pub(crate) connection: u64,
    /// Reaches the task that serves it.
    pub(crate) orders: UnboundedSender<Order>,
    pub(crate) version: Version,
    /// Messages of QoS 1 it may have without acknowledgement.
    pub(crate) window: usize,
    /// The largest packet the client takes.
    pub(crate) largest: u32,
    /// How many topic aliases may be used towards the client.
    pub(crate) aliases: u16,
    aliased: Vec<String>,
}

impl Link {
    pub(crate) fn new(connection: u64, orders: UnboundedSender<Order>, version: Version) -> Self {
        Self {
            connection,
            orders,
            version,
            window: usize::from(u16::MAX),
            largest: u32::MAX,
            aliases: 0,
            aliased: Vec::new(),
        }
    }

    /// Puts an alias in place of the topic if there is one, or makes one.
    fn alias(&mut self, publish: &mut Publish) {
        if let Some(at) = self.aliased.iter().position(|topic| *topic == publish.topic) {
            publish.topic.clear();
            publish.properties.push(id::TOPIC_ALIAS, super::codec::Value::Number(number(at + 1)));
        } else if self.aliased.len() < usize::from(self.aliases) {
            self.aliased.push(publish.topic.clone());
            publish.properties.push(id::TOPIC_ALIAS, super::codec::Value::Number(number(self.aliased.len())));
        }
    }
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            expiry: 0,
            subscriptions: BTreeMap::new(),
            link: None,
            ends: None,
            will: None,
            waiting: VecDeque::new(),
            unacknowledged: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// A client is there. What it has not acknowledged is sent anew before anything else, once it has its CONNACK:
    /// see [`Self::pump`].
    pub(crate) fn attach(&mut self, link: Link) {
        self.link = Some(link);
        self.ends = None;
        self.will = None;
        self.send_again();
    }

    /// It has gone.
    pub(crate) fn detach(&mut self, now: Duration) {
        self.link = None;
        self.waiting.retain(|delivery| delivery.qos > 0);
        self.ends = (self.expiry != u32::MAX).then(|| now + Duration::from_secs(self.expiry.into()));
    }

    /// What has not been acknowledged goes first among what waits.
    pub(crate) fn send_again(&mut self) {
        let mut again: Vec<Delivery> = std::mem::take(&mut self.unacknowledged).into_values().collect();
        again.sort_by_key(|delivery| delivery.message.number);
        for delivery in again.into_iter().rev() {
            self.waiting.push_front(delivery);
        }
    }

    /// One more message, sent as soon as the window allows.
    pub(crate) fn offer(&mut self, delivery: Delivery, now: Duration) {
        if self.link.is_some() || delivery.qos > 0 {
            self.waiting.push_back(delivery);
            self.pump(now);
        }
    }

    /// The client has a message.
    pub(crate) fn acknowledge(&mut self, packet: u16, now: Duration) -> bool {
        let known = self.unacknowledged.remove(&packet).is_some();
        self.pump(now);
        known
    }

    /// How many messages wait, and how many have been sent without acknowledgement.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (self.waiting.len(), self.unacknowledged.len())
    }

    /// Sends what may be sent.
    pub(crate) fn pump(&mut self, now: Duration) {
        while let Some(next) = self.waiting.front() {
            let Some(link) = &mut self.link else { return };
            if next.qos > 0 && self.unacknowledged.len() >= link.window {
                return;
            }
            let Some(delivery) = self.waiting.pop_front() else { return };
            let Some(mut publish) =
                delivery.message.publish(link.version, delivery.qos, delivery.retain, now)
            else {
                continue;
            };
            if publish.payload.len() + publish.topic.len() + 64 > link.largest as usize {
                continue;
            }
            if link.aliases > 0 {
                link.alias(&mut publish);
            }
            let orders = link.orders.clone();
            if delivery.qos > 0 {
                publish.id = Some(self.number(delivery));
            }
            // Whoever does not listen any more will say so by itself.
            let _ = orders.send(Order::Send(ToClient::Publish(publish)));
        }
    }

    /// Sends a message that has been sent once more, under another packet identifier and without DUP.
    pub(crate) fn twin(&mut self, packet: u16, now: Duration) {
        let Some(delivery) = self.unacknowledged.get(&packet).cloned() else { return };
        let Some(link) = &self.link else { return };
        let (orders, version) = (link.orders.clone(), link.version);
        let publish = delivery.message.publish(version, delivery.qos, delivery.retain, now);
        let Some(mut publish) = publish else { return };
        publish.id = Some(self.number(delivery));
        let _ = orders.send(Order::Twin(ToClient::Publish(publish)));
    }

    /// A packet identifier for a message that is not acknowledged yet.
    fn number(&mut self, delivery: Delivery) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.unacknowledged.contains_key(&self.last_id) {
                break;
            }
        }
        self.unacknowledged.insert(self.last_id, delivery);
        self.last_id
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// What a client may say of a message, and the broker passes on.
pub(crate) fn passed_on(mut properties: Properties) -> Properties {
    properties.retain(|property| {
        matches!(
            property,
            id::PAYLOAD_FORMAT
                | id::CONTENT_TYPE
                | id::RESPONSE_TOPIC
                | id::CORRELATION_DATA
                | id::USER_PROPERTY
        )
    });
    properties
}
