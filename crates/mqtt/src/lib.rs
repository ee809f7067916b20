//! An MQTT client for AWS IoT Core: everything but the clock, the socket and the callers.
//!
//! | Module | Holds |
//! |---|---|
//! | [`machine`] | [`Machine`]: the whole behaviour; its doc comment is the description |
//! | [`settings`] | how one client behaves, checked |
//! | [`limits`] | what AWS IoT allows, as data |
//! | [`codec`] | bytes and packets, MQTT 3.1.1 and 5.0 |
//! | [`cause`] | why a connection ended, in plain words, and in which lane the next attempt waits |
//! | [`backoff`] | the schedule of attempts |
//! | [`reason`] | reason codes |
//! | [`topic`] | topics and filters that may go to the wire |
//! | [`text`] | text on the wire |
//!
//! It knows no clock, no socket, no lock and no runtime: time and bytes come in as arguments, and what is to be done
//! comes out. That is what lets the same code run in a gateway and, over a link that breaks at every byte, in a
//! simulation.

#![forbid(unsafe_code)]

pub mod backoff;
mod bucket;
pub mod cause;
pub mod codec;
pub mod limits;
pub mod machine;
mod packet_ids;
pub mod reason;
pub mod settings;
mod subscriptions;
pub mod text;
pub mod topic;

pub use backoff::{Backoff, Lane};
pub use cause::Cause;
pub use codec::{Connect, Properties, QoS, RetainHandling, Subscription, Version, Will};
pub use limits::Limits;
pub use machine::{AckToken, Event, LinkId, Machine, Message, OpId, Outcome, Phase, Publish, Stats, Unseen};
pub use reason::Reason;
pub use settings::{FullPolicy, Queue, Settings};
pub use text::Text;
