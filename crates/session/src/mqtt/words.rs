//! What goes into a connection and what comes out of it.

use std::time::Duration;

use refresh_session_core::{Error, Warning};
use refresh_session_mqtt::{Message, Outcome, Properties, Publish, Reason, Subscription, Text};

/// A caller's number for an operation. Chosen by the caller; free again once it has settled.
pub type OperationNumber = u32;

/// A connection's number for a message that waits for its acknowledgement.
pub type MessageNumber = u32;

/// What a caller wants.
#[derive(Debug)]
pub enum Command {
    /// Connect, and stay connected.
    Connect,
    /// End the connection; operations stay, and go on after the next [`Connect`](Self::Connect).
    Disconnect,
    /// Take nothing more. `drain`: operations have so long to settle; what has not settled then fails with `ERR_CLOSED`.
    Close {
        /// `None`: at once.
        drain: Option<Duration>,
    },
    /// Send a message.
    Publish {
        /// Settles under this number.
        operation: OperationNumber,
        /// What.
        message: Publish,
        /// It settles within this time. `None`: when it is acknowledged, dropped, expired or closed.
        limit: Option<Duration>,
        /// It settles as soon as it is stored, if there is a queue on disk; what becomes of it later is not told.
        until_stored: bool,
    },
    /// Subscribe.
    Subscribe {
        /// Settles under this number.
        operation: OperationNumber,
        /// To what, and how.
        subscriptions: Vec<Subscription>,
        /// It settles within this time.
        limit: Option<Duration>,
    },
    /// End subscriptions.
    Unsubscribe {
        /// Settles under this number.
        operation: OperationNumber,
        /// Which.
        filters: Vec<Text>,
        /// It settles within this time.
        limit: Option<Duration>,
    },
    /// The caller has lost interest in an operation. It settles with `ERR_MQTT_CANCELLED` if it has not settled yet.
    Cancel {
        /// Which.
        operation: OperationNumber,
    },
    /// The user has dealt with a message. Too late is no error: the server has sent, or will send, it again.
    Acknowledge {
        /// Which.
        message: MessageNumber,
        /// Success, or a failure, which the server counts as refused.
        reason: Reason,
    },
    /// The system says that there is a network again.
    NetworkUp,
}

/// What has happened, in order.
#[derive(Debug)]
pub enum Delivery {
    /// An operation is over. An operation that was refused before it began settles too.
    Settled {
        /// Which.
        operation: OperationNumber,
        /// How.
        outcome: Outcome,
    },
    /// It is in the queue on disk, and survives this process.
    Stored {
        /// Which.
        operation: OperationNumber,
    },
    /// A message came.
    Message {
        /// What. Its `ack` is of no use here: see `number`.
        message: Message,
        /// For [`Command::Acknowledge`]; with QoS 1, if the user acknowledges.
        number: Option<MessageNumber>,
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
        /// Why, with what to look at.
        error: Error,
        /// What the server said, in CONNACK or DISCONNECT.
        reason: Option<Reason>,
        /// Whether it had been up.
        was_connected: bool,
        /// The caller asked for it, or it is replaced as planned.
        expected: bool,
    },
    /// The next attempt is made after `delay`.
    Reconnecting {
        /// From now.
        delay: Duration,
        /// It will be the attempt of this number since the last good connection, whose loss counts as the first.
        attempt: u32,
    },
    /// A message that was in the queue on disk from an earlier process, or that settled when it was stored, is over.
    Released {
        /// Where it was to go.
        topic: Text,
        /// How.
        outcome: Outcome,
    },
    /// A subscription that was lost with its session was refused when it was asked for again.
    SubscriptionLost {
        /// Which.
        filter: Text,
        /// Why.
        reason: Reason,
    },
    /// Something the user should know that is no error.
    Warning(Warning),
    /// All is over; nothing comes any more.
    Closed,
}

/// Numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct MqttStats {
    /// Of the machine.
    pub machine: refresh_session_mqtt::Stats,
    /// Whether CONNACK has come and the connection is not lost.
    pub connected: bool,
    /// Attempts at a connection.
    pub attempts: u64,
    /// Bytes read from and written to the transport, inside TLS.
    pub bytes_in: u64,
    /// See `bytes_in`.
    pub bytes_out: u64,
    /// Messages in the queue on disk, now.
    pub stored: usize,
}
