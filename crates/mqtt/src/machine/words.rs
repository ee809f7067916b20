//! What goes into the machine and what comes out of it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use refresh_session_core::{Code, Error, Result};

use crate::cause::Cause;
use crate::codec::{Properties, QoS};
use crate::reason::Reason;
use crate::text::Text;

/// One connection, or attempt at one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId(pub(crate) u64);

/// One operation: a message, a subscription, the end of one. Later ones are greater.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OpId(pub(crate) u64);

/// The right to acknowledge one message, on the connection it came by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AckToken {
    pub(crate) link: LinkId,
    pub(crate) id: u16,
    pub(crate) serial: u64,
}

/// A message to be sent. `Debug` shows the size of its payload only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Publish {
    /// Where.
    pub topic: Text,
    /// What. Not copied until it is written, and not even then if it is large.
    pub payload: Bytes,
    /// How.
    pub qos: QoS,
    /// Whether the server keeps it.
    pub retain: bool,
    /// Of MQTT 5. The message expiry is shortened by the time in the queue.
    pub properties: Option<Box<Properties>>,
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, bytes) = (&self.topic, self.payload.len());
        write!(f, "Publish({topic:?}, {bytes} bytes, {:?})", self.qos)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (topic, bytes) = (&self.topic, self.payload.len());
        write!(f, "Message({topic:?}, {bytes} bytes, {:?})", self.qos)
    }
}

impl TryFrom<u8> for QoS {
    type Error = Error;

    /// `ERR_MQTT_QOS` for anything but 0 and 1.
    fn try_from(qos: u8) -> Result<Self> {
        match qos {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            _ => Err(Error::new(Code::MqttQos, format!("QoS {qos}: only 0 and 1 can be had")).with_hint(
                "AWS IoT has no QoS 2 and never answers it. Use QoS 1, and make receivers ignore repeats.",
            )),
        }
    }
}

/// A message that came. `Debug` shows the size of its payload only.
#[derive(Clone, Eq, PartialEq)]
pub struct Message {
    /// Where it was published.
    pub topic: Text,
    /// What; shares the memory that was read.
    pub payload: Bytes,
    /// How it came.
    pub qos: QoS,
    /// It may have come before.
    pub dup: bool,
    /// The server kept it from earlier.
    pub retain: bool,
    /// Of MQTT 5.
    pub properties: Option<Box<Properties>>,
    /// With QoS 1, if the user acknowledges.
    pub ack: Option<AckToken>,
}

/// How an operation ended. Every operation ends exactly once.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// QoS 0: it was handed to the transport.
    Written,
    /// QoS 1: the server has it.
    Acknowledged {
        /// Success, or that nobody is subscribed.
        reason: Reason,
        /// Of MQTT 5.
        properties: Option<Box<Properties>>,
    },
    /// SUBSCRIBE or UNSUBSCRIBE was answered, and at least one filter accepted.
    Answered {
        /// In the order of the filters.
        reasons: Vec<Reason>,
    },
    /// The server refused it.
    Refused {
        /// In the order of the filters; one for a message.
        reasons: Vec<Reason>,
        /// In words.
        error: Error,
    },
    /// Anything else: time, cancelling, the queue, the end.
    Failed {
        /// What, and whether it had been on the wire.
        error: Error,
        /// It was on the wire: the server may have it nevertheless.
        was_sent: bool,
    },
}

/// Bytes for the wire that `Debug` does not show.
#[derive(Clone, Eq, PartialEq)]
pub struct Unseen(pub Bytes);

impl fmt::Debug for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What happened, and what the driver is to do.
#[derive(Clone, Debug)]
pub enum Event {
    /// To the driver: open a transport, and bring [`handle_up`](super::Machine::handle_up) or
    /// [`handle_failed`](super::Machine::handle_failed).
    Open {
        /// To be given back.
        link: LinkId,
        /// Counts from 1 since the last good connection.
        attempt: u32,
    },
    /// To the driver: write what is still to be written and this, for a moment at most, and close the transport.
    Shut {
        /// Which.
        link: LinkId,
        /// What was not taken yet, and DISCONNECT, where there is one.
        farewell: Option<Unseen>,
    },
    /// The server has accepted.
    Connected {
        /// It still had the session.
        session_present: bool,
        /// Success.
        reason: Reason,
        /// What it said.
        properties: Option<Box<Properties>>,
        /// Subscriptions that are asked for again, since the session was lost.
        resubscribing: usize,
    },
    /// The connection is lost, or an attempt came to nothing.
    Disconnected {
        /// Why.
        cause: Cause,
        /// Why, in words, with what to look at.
        error: Error,
        /// Whether it had been up.
        was_connected: bool,
        /// What the server said, if it did.
        properties: Option<Box<Properties>>,
    },
    /// The next attempt is made after this time.
    Reconnecting {
        /// From now.
        delay: Duration,
        /// It will be the attempt of this number.
        attempt: u32,
    },
    /// An operation is over.
    Settled {
        /// Which.
        operation: OpId,
        /// How.
        outcome: Outcome,
    },
    /// A message came.
    Message(Message),
    /// A subscription that was lost with its session was refused when it was asked for again.
    SubscriptionLost {
        /// Which.
        filter: Text,
        /// Why.
        reason: Reason,
    },
    /// All is over; nothing comes any more.
    Closed,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Not started, or stopped.
    Offline,
    /// Between two attempts.
    Waiting,
    /// The transport is coming up.
    Opening,
    /// CONNECT is sent.
    Greeting,
    /// Connected.
    Online,
    /// Connected, and about to replace the connection or to close.
    Draining,
    /// Closed.
    Closed,
}

/// Numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Connections that came up.
    pub connections: u64,
    /// Messages written, repetitions included.
    pub sent: u64,
    /// Of those, repetitions.
    pub repeated: u64,
    /// Messages acknowledged by the server.
    pub acknowledged: u64,
    /// Messages that came.
    pub received: u64,
    /// Messages that were dropped, expired, timed out or refused.
    pub failed: u64,
    /// Messages not settled, now.
    pub pending: usize,
    /// Their bytes.
    pub pending_bytes: usize,
    /// Messages on the wire and not acknowledged, now.
    pub in_flight: usize,
    /// Packet identifiers in use, now.
    pub packet_ids: usize,
    /// Subscriptions granted, now.
    pub subscriptions: usize,
}
