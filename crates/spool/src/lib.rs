//! The queue on disk: messages of one MQTT client that survive the process and a power cut.
//!
//! A blocking library without clock, thread or runtime: the driver calls it from a thread of its own.

#![forbid(unsafe_code)]

mod options;
mod record;
mod spool;

pub use options::{Fsync, SpoolOptions};
pub use record::{Record, RecordId};
pub use spool::{Spool, SpoolStats};
