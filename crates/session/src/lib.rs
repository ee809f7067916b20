//! The driver: from a source's options to credentials that are at hand when asked for.
//!
//! | Module | Holds |
//! |---|---|
//! | [`session`] | what one user has of a source: reads, listens, ends without ending the others' |
//! | `registry` | the engines of the process, by what they are on |
//! | [`engine`] | one source with its machine: carries out what the machine says |
//! | [`alarm`] | wakes in boot time, and tells of a resume or a step of the wall clock |
//! | [`source`] | what a source of credentials is |
//! | [`description`] | what makes two sources the same |
//! | [`iot`] | the AWS IoT source: options parsed and matched, token opened at first use |
//! | [`custom`] | a callback or SDK provider as a source: what it gives is checked strictly |
//! | [`options`] | the options of every method, and the machine's settings of them |
//! | [`listener`] | what a session tells whoever listens |
//! | [`pin`] | where a token's PIN comes from |
//! | [`clock`] | the system's clocks: the only place that tells the time |

#![forbid(unsafe_code)]

pub mod alarm;
pub mod clock;
pub mod custom;
pub mod description;
pub mod engine;
pub mod iot;
pub mod listener;
pub mod options;
pub mod pin;
mod registry;
pub mod session;
pub mod source;
#[cfg(test)]
mod tests;

pub use alarm::{Alarm, SystemAlarm};
pub use clock::SystemClock;
pub use custom::{CustomExpiration, CustomKeys, CustomName, CustomProvider, CustomSource};
pub use engine::{Presented, SessionStatus, Surroundings};
pub use iot::{IotOptions, IotSource};
pub use listener::{Listener, SessionEvent};
pub use options::CommonOptions;
pub use pin::{PinProvider, PinSource};
pub use session::Session;
pub use source::{Fetching, Source};
