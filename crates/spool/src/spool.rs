//! The queue.

use refresh_session_core::{Code, Error, Result, Warning};

use crate::{Record, RecordId, SpoolOptions};

/// Numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SpoolStats {
    /// Records that are not removed.
    pub messages: u32,
    /// What they cost, of [`capacity`](Self::capacity).
    pub message_bytes: u64,
    /// What records may cost together.
    pub capacity: u64,
    /// Bytes of all files now.
    pub disk_bytes: u64,
    /// Bytes that a power cut could take.
    pub unsynced_bytes: u64,
    /// Bytes written since `open`, to files; metadata of the file system comes on top.
    pub written_bytes: u64,
}

/// A queue that is open. One per directory, across processes and within one, until it is dropped.
#[derive(Debug)]
pub struct Spool {}

impl Spool {
    /// Opens or makes the queue, and finds what is in it. Reads every byte of it once. Payloads stay on disk:
    /// [`read_after`](Self::read_after) gets them.
    ///
    /// Warnings: `WARN_MQTT_QUEUE_TRUNCATED` (an unfinished write at the end was cut off: the usual trace of a power
    /// cut), `WARN_MQTT_QUEUE_DAMAGED` (bytes in the middle are not what was written; what is behind them was found).
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION`; `ERR_MQTT_QUEUE_LOCKED`: somebody has it open; `ERR_MQTT_QUEUE_DIRECTORY`: no directory, or one that
    /// others may write; `ERR_MQTT_QUEUE_IDENTITY`: the messages of another client; `ERR_MQTT_QUEUE_VERSION`: written by a newer
    /// version, and left alone; `ERR_MQTT_QUEUE_STORAGE`: the system refused to read or write.
    pub fn open(options: &SpoolOptions) -> Result<(Self, Vec<Warning>)> {
        let _ = options;
        Err(Error::new(Code::Internal, "not built yet"))
    }

    /// Stores records in this order, all or none: one write, and with [`Fsync::Always`](crate::Fsync::Always) one sync.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_FULL` (see [`has_room`](Self::has_room)), `ERR_MQTT_PACKET_TOO_LARGE`; `ERR_MQTT_QUEUE_STORAGE`: disk
    /// full, read-only file system, I/O error. Nothing of the batch is stored then, and later calls may succeed.
    pub fn append_batch(&mut self, records: &[Record]) -> Result<Vec<RecordId>> {
        let _ = records;
        Err(Error::new(Code::Internal, "not built yet"))
    }

    /// Whether the bounds leave room for these records. If not, remove some first.
    #[must_use]
    pub fn has_room(&self, records: &[Record]) -> bool {
        let _ = records;
        false
    }

    /// Forgets records: they were acknowledged, dropped or are too old. Unknown ones are no error. Not synced: after a
    /// power cut a removed record may be there again.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_STORAGE`: that they are removed could not be written down. They are removed all the same, the note is
    /// written with the next call that writes; only if the process ends before that they come back.
    pub fn remove(&mut self, ids: &[RecordId]) -> Result<()> {
        let _ = ids;
        Err(Error::new(Code::Internal, "not built yet"))
    }

    /// Brings to the medium whatever is not there yet.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_STORAGE`: what is not synced stays so, and is written anew with the next call.
    pub fn sync(&mut self) -> Result<()> {
        Err(Error::new(Code::Internal, "not built yet"))
    }

    /// Records behind `after` (`None`: from the first), in the order of their append, about `max_bytes` of them, one at least
    /// if there is one. Ends, with an empty answer, behind the last.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_STORAGE`. A record that is damaged by now is left out and forgotten, see
    /// [`take_warnings`](Self::take_warnings).
    pub fn read_after(
        &mut self,
        after: Option<RecordId>,
        max_bytes: usize,
    ) -> Result<Vec<(RecordId, Record)>> {
        let _ = (after, max_bytes);
        Err(Error::new(Code::Internal, "not built yet"))
    }

    /// The records that are there, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = RecordId> + '_ {
        std::iter::empty()
    }

    /// Warnings that came up since the last call.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        Vec::new()
    }

    /// How things stand.
    #[must_use]
    pub fn stats(&self) -> SpoolStats {
        SpoolStats::default()
    }
}
