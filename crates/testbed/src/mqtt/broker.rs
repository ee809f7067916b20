//! The broker itself: who is there, who wants what, what is kept. It does nothing but keep books; the tasks that serve
//! connections ([`super::connection`]) send and receive.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    authorizer::Authorizers,
    codec::{Connect, Filter, Publish, Version, Will, id, reason},
    faults::Faults,
    message::Message,
    order::Order,
    policy::{Action, Policy},
    received::Received,
    rules::{Bucket, Rules},
    services::Services,
    session::{Delivery, Link, Session, passed_on},
    topic, upgrade,
};
use crate::script::Script;

/// A message lives a week at most.
const LONGEST_EXPIRY: u32 = 604_800;

/// Everything the broker knows.
#[derive(Default)]
pub(crate) struct Broker {
    pub(crate) rules: Rules,
    pub(crate) policy: Policy,
    pub(crate) authorizers: Authorizers,
    pub(crate) faults: Faults,
    /// Those of requests for a WebSocket.
    pub(crate) upgrades: Script<upgrade::Fault>,
    pub(crate) received: Received,
    pub(crate) services: Services,
    pub(crate) sessions: BTreeMap<String, Session>,
    /// The connections whose end is not known yet. A reset forgets them.
    connections: BTreeSet<u64>,
    retained: BTreeMap<String, Arc<Message>>,
    /// Whose turn it is in a shared subscription, by filter.
    turns: HashMap<String, usize>,
    connects: HashMap<String, Bucket>,
    messages: u64,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Farewell {
    /// In order, so that the will is not wanted.
    pub(crate) polite: bool,
    /// What the client wants of its session at the last moment.
    pub(crate) expiry: Option<u32>,
}

impl Broker {
    /// Whether this client id may connect at this moment.
    pub(crate) fn may_connect(&mut self, client_id: &str, rate_time: Duration) -> bool {
        let Some(limit) = self.rules.connects_per_second else { return true };
        self.connects.entry(client_id.to_owned()).or_default().take(limit, rate_time)
    }

    /// Lets a client in; whether its session was there, and is `kept` as it asks.
    pub(crate) fn connect(
        &mut self,
        client_id: &str,
        connect: &Connect,
        mut link: Link,
        kept: bool,
        now: Duration,
    ) -> bool {
        self.tick(now);
        self.connections.insert(link.connection);
        let mut session = self.sessions.remove(client_id);
        let mut last_will = None;
        if let Some(session) = &mut session {
            if let Some(older) = session.link.take() {
                let taken_over = Order::End { reason: Some(reason::SESSION_TAKEN_OVER), why: "taken over" };
                let _ = older.orders.send(taken_over);
            }
            // A will that waits is not wanted if the client comes back to its session.
            last_will = session.will.take().filter(|_| connect.clean).map(|(_, will)| will);
        }
        let session_present = session.is_some() && !connect.clean && kept;
        let mut session = session.filter(|_| session_present).unwrap_or_else(Session::new);
        session.expiry = self.expiry_of(connect);
        let window = connect.properties.number(id::RECEIVE_MAXIMUM).unwrap_or(u32::from(u16::MAX));
        link.window = usize::from(self.rules.unacknowledged).min(window as usize);
        link.largest = connect.properties.number(id::MAXIMUM_PACKET_SIZE).unwrap_or(u32::MAX);
        if self.rules.sends_topic_aliases {
            let most = connect.properties.number(id::TOPIC_ALIAS_MAXIMUM).unwrap_or(0);
            link.aliases = u16::try_from(most).unwrap_or(u16::MAX);
        }
        session.attach(link);
        self.sessions.insert(client_id.to_owned(), session);
        if let Some(will) = last_will {
            self.route(will, now);
        }
        session_present
    }

    /// How long the session of a client outlives its connection.
    pub(crate) fn expiry_of(&self, connect: &Connect) -> u32 {
        match connect.version {
            Version::V311 if connect.clean => 0,
            Version::V311 => self.rules.session_seconds,
            Version::V5 => {
                let asked = connect.properties.number(id::SESSION_EXPIRY).unwrap_or(0);
                asked.min(self.rules.longest_session_seconds)
            }
        }
    }

    /// What its client has is sent: the CONNACK is out.
    pub(crate) fn begin(&mut self, client_id: &str, connection: u64, now: Duration) {
        if let Some(session) = self.session_of(client_id, connection) {
            session.pump(now);
        }
    }

    /// A connection is over.
    pub(crate) fn leave(
        &mut self,
        client_id: &str,
        connection: u64,
        will: Option<&Will>,
        farewell: Farewell,
        now: Duration,
    ) {
        if !self.connections.remove(&connection) {
            return;
        }
        let longest = self.rules.longest_session_seconds;
        let owner = self.session_of(client_id, connection).is_some();
        let will = will.filter(|_| !farewell.polite).map(|will| message_of_will(client_id, will, now));
        let Some(session) = self.sessions.get_mut(client_id).filter(|_| owner) else {
            // Somebody else has the session by now: the will is due at once, whatever delay it has.
            if let Some((Duration::ZERO, will)) = will {
                self.route(will, now);
            }
            return;
        };
        if let Some(expiry) = farewell.expiry.filter(|_| session.expiry > 0) {
            session.expiry = expiry.min(longest);
        }
        session.detach(now);
        let expiry = Duration::from_secs(session.expiry.into());
        session.will = will.map(|(delay, will)| (now + delay.min(expiry), will));
        self.tick(now);
    }

    /// A client publishes. The topic is a good one.
    pub(crate) fn publish(&mut self, client_id: &str, publish: Publish, now: Duration) {
        let expiry = publish.properties.number(id::MESSAGE_EXPIRY);
        let answers = self.services.answer(&publish.topic, &publish.payload);
        let message = Message {
            number: 0,
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            properties: passed_on(publish.properties),
            from: Some(client_id.to_owned()),
            expires: expiry.map(|seconds| now + Duration::from_secs(clamped(seconds).into())),
        };
        self.route(message, now);
        for answer in answers {
            self.route(answer, now);
        }
    }

    /// Passes a message on to everybody who wants it.
    pub(crate) fn route(&mut self, mut message: Message, now: Duration) {
        self.messages += 1;
        message.number = self.messages;
        if topic::basic_ingest(&message.topic).is_some() {
            return;
        }
        let message = Arc::new(message);
        if message.retain && !message.topic.starts_with('$') {
            if message.payload.is_empty() {
                self.retained.remove(&message.topic);
            } else {
                self.retained.insert(message.topic.clone(), Arc::clone(&message));
            }
        }
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let receives = self.policy.allows(Action::Receive, &message.topic);
        for (client_id, session) in self.sessions.iter_mut().filter(|_| receives) {
            let mut best: Option<(u8, bool)> = None;
            for (written, subscription) in &session.subscriptions {
                if let Some((_, filter)) = topic::shared(written) {
                    if topic::matches(filter, &message.topic) {
                        groups.entry(written.clone()).or_default().push(client_id.clone());
                    }
                    continue;
                }
                let own = subscription.no_local && message.from.as_deref() == Some(client_id);
                if !own && topic::matches(written, &message.topic) {
                    let (qos, retain) = best.unwrap_or_default();
                    best = Some((
                        qos.max(subscription.qos),
                        retain || (subscription.retain_as_published && message.retain),
                    ));
                }
            }
            if let Some((qos, retain)) = best {
                let qos = qos.min(message.qos);
                session.offer(Delivery { message: Arc::clone(&message), qos, retain }, now);
            }
        }
        for (filter, members) in groups {
            self.deliver_to_one(&filter, &members, &message, now);
        }
    }

    /// One member of a shared subscription gets it, in turn; those who are there before those who are away.
    fn deliver_to_one(&mut self, filter: &str, members: &[String], message: &Arc<Message>, now: Duration) {
        let there = |member: &&String| self.sessions.get(*member).is_some_and(|it| it.link.is_some());
        let present: Vec<&String> = members.iter().filter(there).collect();
        let candidates = if present.is_empty() { members.iter().collect() } else { present };
        let turn = self.turns.entry(filter.to_owned()).or_default();
        let Some(chosen) = candidates.get(*turn % candidates.len()) else { return };
        *turn += 1;
        if let Some(session) = self.sessions.get_mut(*chosen) {
            let qos = session.subscriptions.get(filter).map_or(0, |it| it.qos).min(message.qos);
            session.offer(Delivery { message: Arc::clone(message), qos, retain: false }, now);
        }
    }

    /// Adds a subscription and sends what is retained for it. Filters with wildcards get nothing, as at AWS.
    pub(crate) fn subscribe(&mut self, client_id: &str, wanted: &Filter, now: Duration) {
        let Some(session) = self.sessions.get_mut(client_id) else { return };
        let known = session.subscriptions.insert(wanted.filter.clone(), wanted.clone()).is_some();
        let barred = topic::shared(&wanted.filter).is_some()
            || wanted.retain_handling == 2
            || (wanted.retain_handling == 1 && known);
        let Some(message) = self.retained.get(&wanted.filter).filter(|_| !barred) else { return };
        let qos = wanted.qos.min(message.qos);
        session.offer(Delivery { message: Arc::clone(message), qos, retain: true }, now);
    }

    /// How many subscriptions a session would have with these.
    pub(crate) fn subscriptions_with(&self, client_id: &str, filters: &[Filter]) -> usize {
        let Some(session) = self.sessions.get(client_id) else { return filters.len() };
        let mut all: BTreeSet<&str> = session.subscriptions.keys().map(String::as_str).collect();
        all.extend(filters.iter().map(|wanted| wanted.filter.as_str()));
        all.len()
    }

    /// Ends a subscription; whether there was one.
    pub(crate) fn unsubscribe(&mut self, client_id: &str, filter: &str) -> bool {
        let session = self.sessions.get_mut(client_id);
        session.is_some_and(|session| session.subscriptions.remove(filter).is_some())
    }

    /// A client has a message.
    pub(crate) fn acknowledge(
        &mut self,
        client_id: &str,
        connection: u64,
        packet: u16,
        now: Duration,
    ) -> bool {
        self.session_of(client_id, connection).is_some_and(|session| session.acknowledge(packet, now))
    }

    /// Sends a client a message that it has been sent already.
    pub(crate) fn twin(&mut self, client_id: &str, packet: u16, now: Duration) {
        if let Some(session) = self.sessions.get_mut(client_id) {
            session.twin(packet, now);
        }
    }

    /// Does what has become due: wills are published, sessions end.
    pub(crate) fn tick(&mut self, now: Duration) {
        let mut wills = Vec::new();
        for session in self.sessions.values_mut() {
            if let Some((_, will)) = session.will.take_if(|(due, _)| *due <= now) {
                wills.push(will);
            }
        }
        self.sessions.retain(|_, session| session.ends.is_none_or(|ends| ends > now));
        for will in wills {
            self.route(will, now);
        }
    }

    /// Sends to a client whatever it has subscribed to.
    pub(crate) fn deliver(&mut self, client_id: &str, mut message: Message, now: Duration) -> bool {
        self.messages += 1;
        message.number = self.messages;
        let (qos, retain) = (message.qos, message.retain);
        let Some(session) = self.sessions.get_mut(client_id) else { return false };
        session.offer(Delivery { message: Arc::new(message), qos, retain }, now);
        true
    }

    /// Gives an order to whoever serves a client.
    pub(crate) fn order(&self, client_id: &str, order: Order) -> bool {
        let link = self.sessions.get(client_id).and_then(|session| session.link.as_ref());
        link.is_some_and(|link| link.orders.send(order).is_ok())
    }

    /// Has a client get again what it has not acknowledged.
    pub(crate) fn redeliver(&mut self, client_id: &str, now: Duration) -> bool {
        let Some(session) = self.sessions.get_mut(client_id) else { return false };
        session.send_again();
        session.pump(now);
        true
    }

    /// Forgets the session of a client that is away; whether there was one.
    pub(crate) fn forget(&mut self, client_id: &str) -> bool {
        let away = self.sessions.get(client_id).is_some_and(|session| session.link.is_none());
        away && self.sessions.remove(client_id).is_some()
    }

    /// As `GET /mqtt/clients` shows it.
    pub(crate) fn to_json(&self, now: Duration) -> Value {
        let shown = self.sessions.iter().map(|(client_id, session)| {
            let (waiting, unacknowledged) = session.backlog();
            json!({
                "clientId": client_id,
                "connection": session.link.as_ref().map(|link| link.connection),
                "protocolVersion": session.link.as_ref().map(|link| link.version.name()),
                "sessionExpiry": session.expiry,
                "endsInSeconds": session.ends.map(|ends| ends.saturating_sub(now).as_secs()),
                "subscriptions": session.subscriptions.keys().collect::<Vec<_>>(),
                "waiting": waiting,
                "unacknowledged": unacknowledged,
            })
        });
        shown.collect()
    }

    fn session_of(&mut self, client_id: &str, connection: u64) -> Option<&mut Session> {
        let session = self.sessions.get_mut(client_id)?;
        let owns = session.link.as_ref().is_some_and(|link| link.connection == connection);
        owns.then_some(session)
    }
}

/// The channel to the task of a connection.
pub(crate) type Orders = UnboundedSender<Order>;

fn clamped(seconds: u32) -> u32 {
    seconds.clamp(1, LONGEST_EXPIRY)
}

/// What a will is as a message, and how long it waits.
fn message_of_will(client_id: &str, will: &Will, now: Duration) -> (Duration, Message) {
    let delay = Duration::from_secs(will.properties.number(id::WILL_DELAY).unwrap_or(0).into());
    let expiry = will.properties.number(id::MESSAGE_EXPIRY);
    let message = Message {
        number: 0,
        topic: will.topic.clone(),
        payload: Arc::clone(&will.payload),
        qos: will.qos,
        retain: will.retain,
        properties: passed_on(will.properties.clone()),
        from: Some(client_id.to_owned()),
        expires: expiry.map(|seconds| now + delay + Duration::from_secs(clamped(seconds).into())),
    };
    (delay, message)
}
