//! The driver under clocks, sources and listeners that the test owns.
//!
//! | Module | Holds |
//! |---|---|
//! | [`bed`] | a session on virtual time, and what the test does with it |
//! | [`script`] | a source that does as it is told, and notes what was asked of it |
//! | `reads` | what a caller gets |
//! | `sharing` | sessions on the same source |
//! | `endings` | close, drop, and what is left afterwards |
//! | `copies` | serial numbers, and the end that a copy of the keys is told |
//! | `deferred`, `eager` | who starts a fetch, and when |
//! | `events`, `status` | what is told |
//! | `custom` | a callback as the source |
//! | `codes` | a person who is asked for MFA codes |
//! | `roles` | STS and web identity as the source |
//! | `threads` | many threads, on the machine's own clock |
//! | `shutdown` | the runtime ends first |
//!
//! Time is virtual wherever time matters: nothing sleeps.

pub(crate) mod bed;
mod codes;
mod copies;
mod custom;
mod deferred;
mod eager;
mod endings;
mod events;
mod reads;
mod roles;
pub(crate) mod script;
mod sharing;
mod shutdown;
mod status;
mod threads;
