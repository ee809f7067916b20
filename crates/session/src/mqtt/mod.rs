//! The MQTT connection: a machine of the `mqtt` room with a clock, a transport, a disk and callers.
//!
//! | Module | Holds |
//! |---|---|
//! | [`connection`] | the handle |
//! | [`words`] | what goes in (commands) and what comes out (deliveries) |
//! | [`options`] | options as the bridge hands them over |
//! | `settings`, `place`, `authorizer` | what they mean: the machine's settings, where the server is, custom authorizers |
//! | `mailbox` | where the handle and its driver meet |
//! | `driver` | the task that drives the machine |
//! | `keeping`, `store`, `stored` | messages that are on the disk too: the driver's part, the thread, what a record holds |
//! | `operations` | whose operation is whose |
//! | `transport` | a link's buffers |
//! | `open` | from options to a connection |
//! | `route`, `wire`, `dialer`, `upgrading` | the way, what carries MQTT, and who brings it up: TLS, WebSocket in TLS |
//! | `alarm_clock`, `notices` | the driver's timer, and what the system tells |
//!
//! # How it is used
//!
//! [`MqttConnection::submit`] takes commands in batches and [`MqttConnection::collect`] gives deliveries in batches; both only
//! move what is there and never wait. When deliveries have come up after a `collect` that left none, the `wake` function
//! of the connection is called once. So a caller with an event loop crosses into here twice a turn, however many
//! messages there are.
//!
//! Messages that nobody collects are bounded: beyond that nothing more is read from the server.
//!
//! # The queue on disk
//!
//! A QoS 1 message is stored before it is sent, and forgotten when the server has it, refuses it, or the queue's policy
//! drops it. What is left when a process ends, orderly or not, is sent first by the next one, in the order in which it was
//! published. Messages of QoS 0 go past it, and may overtake.

mod alarm_clock;
mod authorizer;
pub mod connection;
mod dialer;
mod driver;
mod keeping;
mod mailbox;
mod notices;
mod open;
mod operations;
pub mod options;
mod place;
mod route;
mod settings;
mod store;
mod stored;
#[cfg(test)]
mod tests;
mod transport;
mod upgrading;
mod wire;
pub mod words;

pub use connection::{MqttConnection, Wake};
pub use options::{
    MqttAuthorizer, MqttIdentity, MqttLimits, MqttOptions, MqttQueueOptions, MqttTransport, MqttWill,
};
pub use words::{Command, Delivery, MessageNumber, MqttStats, OperationNumber};
