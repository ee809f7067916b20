//! When to fetch, whom to serve, whom to let wait: the refresh machine.
//!
//! | Module | Holds |
//! |---|---|
//! | [`machine`] | [`Machine`]: the whole behaviour; its doc comment is the description |
//! | [`policy`] | the three policies, as data |
//! | [`settings`] | a policy with what the user changed in it, checked |
//! | [`held`] | one set of keys with the instants at which its zones begin |
//! | [`zone`] | the zones |
//! | [`failure`] | failures by what they say about the next attempt |
//! | [`delay`] | how long to leave a source alone |
//! | [`waiters`] | callers who wait, and until when |
//!
//! It knows no clock, no socket, no lock and no runtime: time comes in as an argument, and what is to be done comes
//! out as [`Action`]s. That is what lets the same code run in a gateway, under the test vectors, and for years of
//! virtual time in a simulation.

#![forbid(unsafe_code)]

pub mod delay;
pub mod failure;
pub mod held;
pub mod machine;
pub mod policy;
pub mod settings;
pub mod waiters;
pub mod zone;

pub use failure::{Cause, Failure};
pub use held::Held;
pub use machine::{Action, Demand, Event, FetchId, Machine, Outcome, Read, Status, View};
pub use policy::Policy;
pub use settings::{Mode, Settings};
pub use waiters::Ticket;
pub use zone::Zone;
