//! What is said over one connection: takes packets and orders, makes steps of bytes and ends.
//!
//! No socket and no waiting in here: [`super::connection`] reads, writes and watches the time.

mod connect;
mod publish;
mod subscribe;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time;

use super::{
    broker::{Farewell, Orders},
    codec::{
        FromClient, Malformed, Properties, ToClient, Version, Will, connect_version, decode, encode, id,
        reason,
    },
    faults::{Fault, Plight},
    order::Order,
    origin::Origin,
    rules::{Bucket, Rules},
};
use crate::{link::Toward, random, sync::lock, world::World};

/// How long a client may take for its CONNECT.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// What no client takes for a packet: the type is reserved, and the length never ends.
const GARBAGE: &[u8] = b"\x00\xff\xff\xff\xff\xffSSH-2.0-OpenSSH_9.2p1\r\n";

/// What a connection does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends this packet.
    Write(Vec<u8>),
    /// Comes to an end.
    End(End),
}

/// Kinds of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Close,
    /// Without `close_notify`.
    Drop,
    /// With a reset.
    Reset,
    /// Nothing is read or written any more.
    Stall,
    /// Nothing is written, and what is read is forgotten.
    Deaf,
}

/// A connection from its first byte on.
pub(crate) struct Conversation {
    world: Arc<World>,
    origin: Origin,
    orders: Orders,
    steps: VecDeque<Step>,
    plight: Plight,
    client: Option<Client>,
    /// When a CONNECT must be there, and when a WebSocket ends.
    begun: Duration,
    begun_keep_alive: Duration,
    over: bool,
}

/// A connection that is dropped from outside has an end too, which nobody writes down.
impl Drop for Conversation {
    fn drop(&mut self) {
        if !self.over {
            self.leave(Farewell::default(), "");
        }
    }
}

/// The client, once it has been let in.
struct Client {
    id: String,
    version: Version,
    will: Option<Will>,
    /// One and a half of what was agreed on.
    patience: Option<Duration>,
    heard: Duration,
    aliases: HashMap<u16, String>,
    /// Packet identifiers of publishes it waits for.
    unacknowledged: BTreeSet<u16>,
    publishes: Bucket,
    expiry: u32,
}

impl Conversation {
    pub(crate) fn new(world: Arc<World>, origin: Origin, orders: Orders) -> Self {
        let (begun, begun_keep_alive) = (world.mqtt.clock.now(), world.mqtt.clock.keep_alive());
        Self {
            world,
            origin,
            orders,
            steps: VecDeque::new(),
            plight: Plight::default(),
            client: None,
            begun,
            begun_keep_alive,
            over: false,
        }
    }

    /// What to do next.
    pub(crate) fn step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// In frames of how many bytes a WebSocket sends, if that is said.
    pub(crate) fn fragment(&self) -> Option<usize> {
        self.plight.fragment()
    }

    /// What was about to be done is not done.
    pub(crate) fn forget_steps(&mut self) {
        self.steps.clear();
    }

    /// The rules of this moment.
    pub(crate) fn rules(&self) -> Rules {
        lock(&self.world.mqtt.broker).rules.clone()
    }

    /// The largest packet it takes.
    pub(crate) fn largest(&self) -> usize {
        lock(&self.world.mqtt.broker).rules.packet_bytes as usize
    }

    /// After how many bytes in this direction the connection is reset.
    pub(crate) fn reset_after(&self, direction: Toward) -> Option<usize> {
        self.plight.reset_after(direction)
    }

    /// A packet has come: its first byte, and what stands behind its fixed header.
    pub(crate) fn receive(&mut self, first: u8, body: &[u8]) {
        if self.over {
            return;
        }
        let Some(client) = &mut self.client else { return self.receive_first(first, body) };
        client.heard = self.world.mqtt.clock.keep_alive();
        let version = client.version;
        match decode(first, body, version) {
            Ok(packet) => self.handle(packet),
            Err(malformed) => self.refuse(&malformed),
        }
    }

    fn receive_first(&mut self, first: u8, body: &[u8]) {
        if first >> 4 != 1 {
            return self.hang_up("no CONNECT at the beginning");
        }
        let Some(version) = connect_version(body) else {
            // In the words of 3.1.1, which every client understands.
            let refusal =
                ToClient::Connack { session_present: false, reason: 1, properties: Properties::default() };
            self.steps.push_back(Step::Write(encode(&refusal, Version::V311)));
            return self.hang_up("a version that is neither 3.1.1 nor 5");
        };
        match decode(first, body, version) {
            Ok(FromClient::Connect(connect)) => self.connect(*connect),
            Ok(_) => self.hang_up("no CONNECT at the beginning"),
            Err(malformed) => {
                if version == Version::V5 {
                    self.write_connack(version, false, malformed.reason, Properties::default());
                }
                self.log_refusal(&malformed);
                self.hang_up("malformed CONNECT");
            }
        }
    }

    fn handle(&mut self, packet: FromClient) {
        match packet {
            FromClient::Publish(publish) => self.publish(publish),
            FromClient::Puback { id, reason } => self.puback(id, reason),
            FromClient::Subscribe { id, properties, filters } => self.subscribe(id, &properties, &filters),
            FromClient::Unsubscribe { id, filters } => self.unsubscribe(id, &filters),
            FromClient::Pingreq => {
                self.record("mqtt.ping", json!({}));
                if !self.plight.hides_pingresp() {
                    self.write(&ToClient::Pingresp);
                }
            }
            FromClient::Disconnect { reason, properties } => self.farewell(reason, &properties),
            FromClient::Connect(_) => self.refuse(&Malformed::protocol("a second CONNECT")),
            FromClient::Auth => self.refuse(&Malformed::protocol("AUTH, which AWS does not have")),
            // AWS does not have it, and does not say so.
            FromClient::OfQos2(kind) => self.record("mqtt.qos2", json!({"type": kind})),
        }
    }

    /// The client has sent what cannot be.
    pub(crate) fn refuse(&mut self, malformed: &Malformed) {
        self.log_refusal(malformed);
        self.end(Some(malformed.reason), "refused");
    }

    fn log_refusal(&self, malformed: &Malformed) {
        let fields = json!({"reason": malformed.reason, "error": malformed.sentence});
        self.record("mqtt.refused", fields);
    }

    /// Somebody else wants something.
    pub(crate) fn obey(&mut self, order: Order) {
        if self.over {
            return;
        }
        match order {
            Order::Send(ToClient::Publish(publish)) => {
                let twin = publish.id.filter(|_| self.plight.redelivers());
                let packets = self.plight.message(ToClient::Publish(publish));
                for packet in &packets {
                    self.write(packet);
                }
                if let (Some(packet), Some(client)) = (twin, &self.client) {
                    let now = self.world.mqtt.clock.now();
                    lock(&self.world.mqtt.broker).twin(&client.id, packet, now);
                }
            }
            Order::Send(packet) | Order::Twin(packet) => self.write(&packet),
            Order::End { reason, why } => self.end(reason, why),
            Order::Fault(fault, done) => {
                self.plight.add(fault);
                self.strike();
                let _ = done.send(());
            }
        }
    }

    /// How long until something is due.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let clock = &self.world.mqtt.clock;
        if self.over {
            return None;
        }
        let idle = match &self.client {
            None => Some((self.begun_keep_alive + CONNECT_LIMIT).saturating_sub(clock.keep_alive())),
            Some(client) => {
                client.patience.map(|patience| (client.heard + patience).saturating_sub(clock.keep_alive()))
            }
        };
        idle.into_iter().chain(self.day().map(|day| (self.begun + day).saturating_sub(clock.now()))).min()
    }

    /// Time has passed, or has been put on top.
    pub(crate) fn look_at_the_clock(&mut self) {
        let clock = &self.world.mqtt.clock;
        if self.over {
            return;
        }
        if self.day().is_some_and(|day| clock.now() >= self.begun + day) {
            return self.hang_up("a WebSocket lasts a day");
        }
        let now = clock.keep_alive();
        match &self.client {
            None if now >= self.begun_keep_alive + CONNECT_LIMIT => self.hang_up("no CONNECT"),
            Some(Client { heard, patience: Some(patience), .. }) if now >= *heard + *patience => {
                self.end(Some(reason::KEEP_ALIVE_TIMEOUT), "keep-alive");
            }
            _ => {}
        }
    }

    /// The connection is gone, whoever ended it.
    pub(crate) fn gone(&mut self) {
        if !self.over {
            self.leave(Farewell::default(), "the client went away");
        }
    }

    fn day(&self) -> Option<Duration> {
        let seconds = lock(&self.world.mqtt.broker).rules.web_socket_seconds?;
        self.origin.web_socket.then(|| Duration::from_secs(seconds.into()))
    }

    /// The client says goodbye.
    fn farewell(&mut self, reason: u8, properties: &Properties) {
        let Some(client) = &self.client else { return };
        let expiry = properties.number(id::SESSION_EXPIRY);
        if client.expiry == 0 && expiry.is_some_and(|expiry| expiry > 0) {
            return self
                .refuse(&Malformed::protocol("a session expiry at the end, and none at the beginning"));
        }
        self.record("mqtt.disconnect", json!({"by": "client", "reason": reason}));
        self.leave(Farewell { polite: reason != reason::WITH_WILL, expiry }, "");
        self.steps.push_back(Step::End(End::Close));
    }

    /// The broker says goodbye, if the protocol lets it.
    pub(super) fn end(&mut self, reason: Option<u8>, why: &'static str) {
        if let (Some(client), Some(reason)) = (&self.client, reason) {
            self.record("mqtt.disconnect", json!({"by": "server", "reason": reason, "why": why}));
            if client.version == Version::V5 {
                self.write(&ToClient::Disconnect { reason, properties: Properties::default() });
            }
            self.leave(Farewell::default(), "");
            self.steps.push_back(Step::End(End::Close));
        } else {
            self.hang_up(why);
        }
    }

    /// The broker hangs up without a word.
    fn hang_up(&mut self, why: &'static str) {
        self.leave(Farewell::default(), why);
        self.steps.push_back(Step::End(End::Close));
    }

    /// The broker has nothing more to do with this connection. With `why`, that is written down.
    fn leave(&mut self, farewell: Farewell, why: &str) {
        if !why.is_empty() {
            let by = if why == "the client went away" { "client" } else { "server" };
            self.record("mqtt.disconnect", json!({"by": by, "reason": null, "why": why}));
        }
        self.over = true;
        if let Some(client) = &self.client {
            let now = self.world.mqtt.clock.now();
            let will = client.will.as_ref();
            lock(&self.world.mqtt.broker).leave(&client.id, self.origin.connection, will, farewell, now);
        }
    }

    /// Carries out the faults whose time has come.
    fn strike(&mut self) {
        while let Some(fault) = self.plight.due() {
            match fault {
                Fault::Stall { .. } => self.steps.push_back(Step::End(End::Stall)),
                Fault::HalfOpen { .. } => self.steps.push_back(Step::End(End::Deaf)),
                Fault::Close { polite, .. } => {
                    self.leave(Farewell::default(), "a fault");
                    self.steps.push_back(Step::End(if polite { End::Close } else { End::Drop }));
                }
                Fault::Disconnect { reason, .. } => self.end(Some(reason), "a fault"),
                Fault::Garbage { hex, .. } => {
                    let bytes = hex.as_deref().and_then(random::unhex);
                    self.write(&ToClient::Raw(bytes.unwrap_or_else(|| GARBAGE.to_vec())));
                }
                Fault::Oversized { bytes, .. } => self.write(&oversized(bytes)),
                _ => {}
            }
        }
    }

    /// Sends a packet.
    fn write(&mut self, packet: &ToClient) {
        let Some(client) = &mut self.client else { return };
        if let ToClient::Puback { id, .. } = packet {
            client.unacknowledged.remove(id);
        }
        self.steps.push_back(Step::Write(encode(packet, client.version)));
    }

    /// Sends it later.
    fn write_later(&self, ms: u64, packet: ToClient) {
        let orders = self.orders.clone();
        tokio::spawn(async move {
            time::sleep(Duration::from_millis(ms)).await;
            let _ = orders.send(Order::Send(packet));
        });
    }

    /// Writes an event down.
    pub(super) fn record(&self, event: &str, fields: Value) {
        let mut entry = json!({"connection": self.origin.connection, "service": "mqtt"});
        if let Some(client) = &self.client {
            entry["clientId"] = json!(client.id);
        }
        if let (Value::Object(entry), Value::Object(fields)) = (&mut entry, fields) {
            entry.extend(fields);
        }
        self.world.log.record(event, entry);
    }
}

/// A PUBLISH of so many bytes.
fn oversized(bytes: usize) -> ToClient {
    let publish = super::codec::Publish {
        dup: false,
        qos: 0,
        retain: false,
        topic: "oversized".to_owned(),
        id: None,
        properties: Properties::default(),
        payload: Arc::from(vec![b'x'; bytes.saturating_sub(16)]),
    };
    ToClient::Publish(publish)
}
