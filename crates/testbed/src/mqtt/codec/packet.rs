//! The packets (MQTT 5, chapter 3), those of 3.1.1 being the same with less in them.

use std::sync::Arc;

use super::{Properties, Version};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FromClient {
    Connect(Box<Connect>),
    Publish(Publish),
    Puback {
        id: u16,
        reason: u8,
    },
    /// PUBREC, PUBREL or PUBCOMP, by its number: QoS 2, which AWS IoT does not have.
    OfQos2(u8),
    Subscribe {
        id: u16,
        properties: Properties,
        filters: Vec<Filter>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Pingreq,
    Disconnect {
        reason: u8,
        properties: Properties,
    },
    Auth,
}

/// A CONNECT. Deliberately without the password in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) version: Version,
    /// Clean start, or clean session.
    pub(crate) clean: bool,
    /// Seconds; zero for none.
    pub(crate) keep_alive: u16,
    pub(crate) properties: Properties,
    pub(crate) client_id: String,
    pub(crate) will: Option<Will>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// What is published when the client is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: Properties,
}

/// A PUBLISH, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) dup: bool,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Empty if an alias stands for it.
    pub(crate) topic: String,
    /// Of QoS 1 and 2.
    pub(crate) id: Option<u16>,
    pub(crate) properties: Properties,
    pub(crate) payload: Arc<[u8]>,
}

/// One line of a SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "the standard's name for it")]
pub(crate) struct Filter {
    pub(crate) filter: String,
    pub(crate) qos: u8,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// 0: send retained messages; 1: only for a new subscription; 2: never.
    pub(crate) retain_handling: u8,
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToClient {
    /// `reason` is a return code in 3.1.1.
    Connack {
        session_present: bool,
        reason: u8,
        properties: Properties,
    },
    Publish(Publish),
    Puback {
        id: u16,
        reason: u8,
        properties: Properties,
    },
    Suback {
        id: u16,
        reasons: Vec<u8>,
    },
    Unsuback {
        id: u16,
        reasons: Vec<u8>,
    },
    Pingresp,
    /// Of MQTT 5 only.
    Disconnect {
        reason: u8,
        properties: Properties,
    },
    /// Bytes that are sent as they are.
    Raw(Vec<u8>),
}
