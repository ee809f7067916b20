//! Packets, the same for both versions of the protocol.

use std::fmt;

use bytes::Bytes;
use refresh_session_core::Secret;

use super::properties::Properties;
use crate::reason::Reason;
use crate::text::Text;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    /// 3.1.1: no reasons, no properties.
    V311,
    /// 5.0.
    #[default]
    V5,
}

/// How surely a message is delivered. There is no QoS 2: AWS IoT has none.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum QoS {
    /// Sent once and forgotten.
    #[default]
    AtMostOnce = 0,
    /// Sent until it is acknowledged.
    AtLeastOnce = 1,
}

/// What a server sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Incoming {
    /// The answer to CONNECT.
    ConnAck(ConnAck),
    /// A message.
    Publish(Received),
    /// The answer to PUBLISH.
    PubAck(Ack),
    /// The answer to SUBSCRIBE.
    SubAck(Acks),
    /// The answer to UNSUBSCRIBE.
    UnsubAck(Acks),
    /// The answer to PINGREQ.
    PingResp,
    /// The server ends the connection and says why.
    Disconnect(Farewell),
}

/// The answer to CONNECT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnAck {
    /// Whether the server has kept the session.
    pub session_present: bool,
    /// Accepted, or why not. Codes of 3.1.1 are given as those of 5.0.
    pub reason: Reason,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
}

/// A message as it came. `Debug` shows the size of its payload only.
#[derive(Clone, Eq, PartialEq)]
pub struct Received {
    /// Empty if an alias stands for it.
    pub topic: Text,
    /// Shares the memory of what was read from the socket.
    pub payload: Bytes,
    /// How it was sent.
    pub qos: QoS,
    /// The server says that it may have sent it before.
    pub dup: bool,
    /// Kept by the server from earlier.
    pub retain: bool,
    /// With QoS 1.
    pub id: Option<u16>,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, bytes) = (&self.topic, self.payload.len());
        write!(f, "Received({topic:?}, {bytes} bytes, {:?}, {:?})", self.qos, self.id)
    }
}

/// One acknowledgement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ack {
    /// Of the PUBLISH.
    pub id: u16,
    /// Accepted, or why not.
    pub reason: Reason,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
}

/// One acknowledgement for each filter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acks {
    /// Of the SUBSCRIBE or UNSUBSCRIBE.
    pub id: u16,
    /// In the order of the filters. None for UNSUBACK in 3.1.1.
    pub reasons: Vec<Reason>,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
}

/// DISCONNECT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Farewell {
    /// Why.
    pub reason: Reason,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
}

/// What opens a session.
#[derive(Clone)]
pub struct Connect {
    /// Empty: the server chooses.
    pub client_id: Text,
    /// The server is to forget what it keeps for this client.
    pub clean_start: bool,
    /// In seconds; 0: none.
    pub keep_alive: u16,
    /// Of a custom authorizer: may hold a token.
    pub username: Option<Text>,
    /// Of a custom authorizer.
    pub password: Option<Secret>,
    /// What the server publishes if the connection is lost.
    pub will: Option<Will>,
    /// Of MQTT 5.
    pub properties: Properties,
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("username", &self.username.as_ref().map(|_| "** redacted **"))
            .field("password", &self.password)
            .finish_non_exhaustive()
    }
}

/// What the server publishes in the client's stead.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Will {
    /// Where.
    pub topic: Text,
    /// What.
    pub payload: Bytes,
    /// How.
    pub qos: QoS,
    /// Whether the server keeps it.
    pub retain: bool,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
}

/// One wish of a SUBSCRIBE.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subscription {
    /// Which topics.
    pub filter: Text,
    /// At most.
    pub qos: QoS,
    /// Not what this client publishes itself. MQTT 5.
    pub no_local: bool,
    /// Messages keep their retain flag. MQTT 5.
    pub retain_as_published: bool,
    /// Which retained messages come at once. MQTT 5.
    pub retain_handling: RetainHandling,
}

/// Which retained messages a subscription brings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RetainHandling {
    /// All that fit.
    #[default]
    Send = 0,
    /// All that fit, if the subscription is new.
    SendIfNew = 1,
    /// None.
    Never = 2,
}
