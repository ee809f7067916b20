//! The MQTT connection: a machine of the `mqtt` room with a clock, a transport and callers.
//!
//! | Module | Holds |
//! |---|---|
//! | [`connection`] | the handle
//! | [`words`] | what goes in (commands) and what comes out (deliveries) |
//! | [`options`] | options as the bridge hands them over, and the machine's settings of them |
//!
//! # How it is used
//!
//! [`MqttConnection::submit`] takes commands in batches and [`MqttConnection::collect`] gives deliveries in batches; both only
//! move what is there and never wait. When deliveries have come up after a `collect` that left none, the `wake` function
//! of [`MqttConnection::open`] is called once. So a caller with an event loop crosses into here twice a turn, however many
//! messages there are.
//!
//! Messages that nobody collects are bounded: beyond that nothing more is read from the server.

pub mod connection;
pub mod options;
pub mod words;

pub use connection::{MqttConnection, Wake};
pub use options::{
    MqttAuthorizer, MqttIdentity, MqttLimits, MqttOptions, MqttQueueOptions, MqttTransport, MqttWill,
};
pub use words::{Command, Delivery, MessageNumber, MqttStats, OperationNumber};
