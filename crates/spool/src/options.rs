//! What a queue is opened with.

use std::path::PathBuf;

/// When a message counts as stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fsync {
    /// [`append_batch`](crate::Spool::append_batch) returns when the batch is on the medium: it survives a power cut.
    #[default]
    Always,
    /// It returns when the system has the batch: it survives this process. A power cut takes what came after the last
    /// [`sync`](crate::Spool::sync), which the driver calls now and then, or never.
    OnDemand,
}

/// What a queue is opened with.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// `offlineQueue.directory`. It is made if it does not exist; the directory above it must.
    pub directory: PathBuf,
    /// Whose messages these are: client identifier, and what else must be the same. Only its hash is stored.
    pub identity: String,
    /// Bytes on disk, all files together, that are never exceeded: [`MIN_BYTES`](Self::MIN_BYTES) at least. Messages get
    /// three quarters of it (framing included); the rest is room to tidy up in. A message may have a sixteenth.
    pub max_bytes: u64,
    /// Messages, 1 at least.
    pub max_messages: u32,
    /// When a message counts as stored.
    pub fsync: Fsync,
}

impl SpoolOptions {
    /// The least `max_bytes`. The driver may ask for more: AWS IoT's 128 KiB messages fit from 4 MiB on.
    pub const MIN_BYTES: u64 = 64 * 1024;
}
