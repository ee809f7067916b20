//! The queue on disk: messages of one MQTT client that survive the process and a power cut.
//!
//! A blocking library without clock, thread or runtime: the driver calls it from a thread of its own.

#![forbid(unsafe_code)]

mod checksum;
mod entry;
mod frame;
mod header;
mod index;
mod options;
mod record;
mod recovery;
mod scan;
mod spool;
mod storage;
mod warnings;

pub use options::{Fsync, SpoolOptions};
pub use record::{Record, RecordId};
pub use spool::{Spool, SpoolStats};

#[cfg(test)]
mod tests;
