//! What a queue is opened with.

use std::path::PathBuf;

use refresh_session_core::{Error, Result};

use crate::frame::{FRAME, REMOVAL};
use crate::header::HEADER;

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
    /// three quarters of it (framing included); the rest is room to tidy up in. A message may have a sixteenth, and
    /// 8 MiB.
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

/// No log file is longer. Part of the format.
pub(crate) const LARGEST_FILE: u64 = 8 << 20;

/// Bounds that fit together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) disk: u64,
    pub(crate) messages: u32,
    /// A log file is not made longer than this, and so is no frame.
    pub(crate) file: u64,
    /// What records may cost together. One file's worth of the rest is for copies while their originals are there, three are
    /// for what is removed and not yet reclaimed: so a copy is made for the sake of something.
    pub(crate) capacity: u64,
}

impl Bounds {
    pub(crate) fn of(options: &SpoolOptions) -> Result<Self> {
        let (disk, messages) = (options.max_bytes, options.max_messages);
        if disk < SpoolOptions::MIN_BYTES {
            return Err(Error::invalid_option(
                "offlineQueue.maxBytes",
                format_args!("is {disk}: a queue on disk needs {} at least", SpoolOptions::MIN_BYTES),
            ));
        }
        if messages == 0 {
            return Err(Error::invalid_option("offlineQueue.maxMessages", "is 0: 1 is the least"));
        }
        let file = (disk / 16).min(LARGEST_FILE);
        Ok(Self { disk, messages, file, capacity: disk - 4 * file })
    }

    /// The largest frames that fit into one file together.
    pub(crate) const fn largest(&self) -> u64 {
        self.file - HEADER as u64
    }
}

/// What a record takes of the capacity: its frame, and the note that it is removed.
pub(crate) const fn cost(frame: u64) -> u64 {
    frame + REMOVAL as u64
}

/// The length of a record's frame.
pub(crate) const fn frame_len(record: &crate::Record) -> u64 {
    FRAME as u64 + record.header.len() as u64 + record.payload.len() as u64
}
