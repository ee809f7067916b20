//! Bytes and packets, for MQTT 3.1.1 and 5.0: the half that a client needs.
//!
//! | Module | Holds |
//! |---|---|
//! | [`packet`] | packets, the same for both versions |
//! | [`properties`] | the properties of MQTT 5, one table: id, type, which packets may carry it |
//! | [`decode`](mod@decode) | what a server sends: CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT |
//! | [`encode`] | what a client sends: CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT |
//!
//! | Rule | What happens otherwise |
//! |---|---|
//! | a packet is at most as large as the caller says; looked at when its length is there | `TooLarge` |
//! | a length needs at most 4 bytes, in MQTT 5 not more than necessary | `Malformed` |
//! | no length inside a packet reaches past its end, and no byte is left over | `Malformed` |
//! | texts are UTF-8 without U+0000; topics have no wildcards, and are not empty without an alias | `Malformed`, `Protocol` |
//! | properties fit their packet and come once | `Malformed`, `Protocol` |
//! | packet identifiers, receive maximum, packet size and alias are not 0 | `Protocol` |
//! | no QoS 2, no AUTH, no packet of a client's | `QoS2`, `Protocol` |
//! | reason codes | any: what MQTT does not define is passed on as it is |
//!
//! Payloads and texts share the memory that was read from the socket. Whoever keeps a small one for long keeps the
//! chunk it came in. A password is a `Secret` until CONNECT is encoded; the encoded bytes are the transport's, and are
//! not overwritten.

pub mod decode;
pub mod encode;
pub mod packet;
pub mod properties;
mod reader;
mod writer;

use std::fmt;

pub use decode::decode;
pub use packet::{
    Ack, Acks, ConnAck, Connect, Farewell, Incoming, QoS, Received, RetainHandling, Subscription, Version,
    Will,
};
pub use properties::Properties;

use crate::reason::Reason;

/// What is wrong with bytes that came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DecodeError {
    /// They are no packet.
    Malformed(&'static str),
    /// A packet that must not come, or not so.
    Protocol(&'static str),
    /// Larger than we said we take.
    TooLarge {
        /// All of it, in bytes.
        size: usize,
        /// What we take.
        max: usize,
    },
    /// A packet of QoS 2, which we never ask for.
    QoS2,
    /// More unacknowledged messages than we said.
    Window,
    /// A topic alias above what we said.
    Alias,
}

impl DecodeError {
    const CUT: Self = Self::Malformed("a field reaches past the end of the packet");
    const ZERO: Self = Self::Protocol("a property is 0 that must not be");

    /// What the server is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Malformed(_) => Reason::MALFORMED,
            Self::Protocol(_) => Reason::PROTOCOL,
            Self::TooLarge { .. } => Reason::TOO_LARGE,
            Self::QoS2 => Reason::QOS,
            Self::Window => Reason::RECEIVE_MAXIMUM,
            Self::Alias => Reason::TOPIC_ALIAS,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) | Self::Protocol(what) => f.write_str(what),
            Self::TooLarge { size, max } => write!(f, "a packet of {size} bytes, of which we take {max}"),
            Self::QoS2 => f.write_str("a packet of QoS 2, that was not asked for"),
            Self::Window => f.write_str("more unacknowledged messages than the receive maximum"),
            Self::Alias => f.write_str("a topic alias above the topic alias maximum"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Packet types as a client looks at them.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    ConnAck,
    Publish,
    PubAck,
    SubAck,
    UnsubAck,
    PingResp,
    Disconnect,
    Auth,
    OfQoS2,
    OfClients,
    Unknown,
}

impl Kind {
    const fn of(first: u8) -> Self {
        match first >> 4 {
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5..=7 => Self::OfQoS2,
            9 => Self::SubAck,
            11 => Self::UnsubAck,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            1 | 8 | 10 | 12 => Self::OfClients,
            _ => Self::Unknown,
        }
    }
}
