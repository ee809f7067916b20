//! The driver: from a source's options to credentials that are at hand when asked for.
//!
//! | Module | Holds |
//! |---|---|
//! | [`session`] | one source, the keys held, one fetch at a time, close |
//! | [`schedule`] | when to fetch: a pure function of the time left. The full refresh machine takes its place |
//! | [`source`] | what a source of credentials is |
//! | [`iot`] | the AWS IoT source: options parsed and matched, token opened at first use |
//! | [`pin`] | where a token's PIN comes from |
//! | [`clock`] | the system's clocks: the only place that reads them |

#![forbid(unsafe_code)]

pub mod clock;
pub mod iot;
pub mod pin;
pub mod schedule;
pub mod session;
pub mod source;

pub use clock::SystemClock;
pub use iot::{IotOptions, IotSource};
pub use pin::{PinProvider, PinSource};
pub use schedule::Schedule;
pub use session::{Held, Session};
pub use source::{Fetching, Source};
