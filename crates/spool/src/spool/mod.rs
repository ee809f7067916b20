//! The queue.

mod reading;
mod tidying;
mod writing;

use std::path::PathBuf;

use refresh_session_core::{Code, Error, Result, Warning};

use crate::entry::{Entry, enter};
use crate::header::{HEADER, Identity, hash};
use crate::index::Index;
use crate::options::{Bounds, Fsync, cost, frame_len};
use crate::recovery::{Recovered, recover};
use crate::storage::{Directory, Storage};
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
pub struct Spool {
    storage: Box<dyn Storage>,
    path: PathBuf,
    bounds: Bounds,
    fsync: Fsync,
    salt: u64,
    identity: Identity,
    index: Index,
    /// The file that is written; `None`: the next write makes one.
    active: Option<u64>,
    /// How much of it is on the medium.
    synced: u64,
    /// Files whose sync failed, and from where on. What is left in them is written anew: after a failed sync the system
    /// may call lost pages clean, and a second sync says nothing.
    suspects: Vec<(u64, u64)>,
    /// Records that are removed, and nobody has written it down yet, with the file where they are.
    removed: Vec<(u64, u64)>,
    next_id: u64,
    next_file: u64,
    written: u64,
    warnings: Vec<Warning>,
    /// Last, so that it is dropped last.
    _entry: Option<Entry>,
}

impl Spool {
    /// Opens or makes the queue, and finds what is in it. Reads every byte of it once. Payloads stay on disk:
    /// [`read_after`](Self::read_after) gets them.
    ///
    /// Warnings: `WARN_MQTT_QUEUE_TRUNCATED` (an unfinished write at the end was cut off: the usual trace of a power
    /// cut), `WARN_MQTT_QUEUE_DAMAGED` (bytes in the middle are not what was written; what is behind them was found).
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION`; `ERR_MQTT_QUEUE_LOCKED`: somebody has it open; `ERR_MQTT_QUEUE_DIRECTORY`: no directory, one that
    /// others may write, or files that are not ours; `ERR_MQTT_QUEUE_IDENTITY`: the messages of another client;
    /// `ERR_MQTT_QUEUE_VERSION`: written by a newer version, and left alone; `ERR_MQTT_QUEUE_STORAGE`: the system refused to
    /// read or write.
    pub fn open(options: &SpoolOptions) -> Result<(Self, Vec<Warning>)> {
        let bounds = Bounds::of(options)?;
        let entry = enter(&options.directory)?;
        let storage = Box::new(Directory::new(&options.directory));
        Self::open_on(storage, Some(entry), bounds, options)
    }

    pub(crate) fn open_on(
        mut storage: Box<dyn Storage>,
        entry: Option<Entry>,
        bounds: Bounds,
        options: &SpoolOptions,
    ) -> Result<(Self, Vec<Warning>)> {
        let (path, identity) = (options.directory.clone(), hash(&options.identity));
        let Recovered { salt, index, next_id, next_file, active, warnings } =
            recover(storage.as_mut(), &path, identity)?;
        let mut spool = Self {
            storage,
            path,
            bounds,
            fsync: options.fsync,
            salt,
            identity,
            synced: active.map_or(0, |file| index.log_len(file)),
            index,
            active,
            suspects: Vec::new(),
            removed: Vec::new(),
            next_id,
            next_file,
            written: 0,
            warnings: Vec::new(),
            _entry: entry,
        };
        spool.drop_empty();
        Ok((spool, warnings))
    }

    /// Stores records in this order, all or none: one write, and with [`Fsync::Always`] one sync. (More of both where a
    /// batch goes beyond the end of a file.)
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_FULL` (see [`has_room`](Self::has_room)), `ERR_MQTT_PACKET_TOO_LARGE`; `ERR_MQTT_QUEUE_STORAGE`: disk
    /// full, read-only file system, I/O error. Nothing of the batch is stored then, and later calls may succeed.
    pub fn append_batch(&mut self, records: &[Record]) -> Result<Vec<RecordId>> {
        if let Some(record) = records.iter().find(|record| frame_len(record) > self.bounds.largest()) {
            return Err(Error::new(
                Code::MqttPacketTooLarge,
                format!(
                    "storing a message of {} bytes: the queue on disk takes {} at most",
                    frame_len(record),
                    self.bounds.largest()
                ),
            )
            .with_hint("A message may have a sixteenth of offlineQueue.maxBytes, and 8 MiB.")
            .with_param("offlineQueue.maxBytes"));
        }
        if !self.has_room(records) {
            return Err(self.full());
        }
        self.store(records)
    }

    /// Whether the bounds leave room for these records. If not, remove some first.
    #[must_use]
    pub fn has_room(&self, records: &[Record]) -> bool {
        let more: u64 = records.iter().map(|record| cost(frame_len(record))).sum();
        let count = u64::from(self.index.len()) + records.len() as u64;
        count <= u64::from(self.bounds.messages) && self.index.cost() + more <= self.bounds.capacity
    }

    fn full(&self) -> Error {
        Error::new(
            Code::MqttQueueFull,
            format!(
                "storing messages: the queue on disk is full ({} messages of {}, {} bytes of {})",
                self.index.len(),
                self.bounds.messages,
                self.index.cost(),
                self.bounds.capacity
            ),
        )
        .with_hint(
            "Messages come faster than they are sent, or there is no connection. offlineQueue.maxMessages and maxBytes are the bounds; \
             three quarters of maxBytes are for messages.",
        )
    }

    /// Forgets records: they were acknowledged, dropped or are too old. Unknown ones are no error. Not synced: after a
    /// power cut a removed record may be there again.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_STORAGE`: that they are removed could not be written down. They are removed all the same, the note is
    /// written with the next call that writes; only if the process ends before that they come back.
    pub fn remove(&mut self, ids: &[RecordId]) -> Result<()> {
        for id in ids {
            if let Some(place) = self.index.remove(id.0) {
                self.removed.push((id.0, place.file));
            }
        }
        self.drop_empty();
        self.write_removed()?;
        // What cannot be tidied up now is tried again; whoever needs the room is told.
        let _ = self.tidy();
        Ok(())
    }

    /// Brings to the medium whatever is not there yet.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_STORAGE`: what is not synced stays so, and is written anew with the next call.
    pub fn sync(&mut self) -> Result<()> {
        self.rescue()?;
        self.write_removed()?;
        self.sync_active()
    }

    /// The records that are there, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.index.after(None).map(RecordId)
    }

    /// Warnings that came up since the last call.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// How things stand.
    #[must_use]
    pub fn stats(&self) -> SpoolStats {
        let open = self.active.map_or(0, |file| self.index.log_len(file).saturating_sub(self.synced));
        let suspect = self
            .suspects
            .iter()
            .map(|(file, from)| self.index.log_len(*file).saturating_sub(*from))
            .sum::<u64>();
        SpoolStats {
            messages: self.index.len(),
            message_bytes: self.index.cost(),
            capacity: self.bounds.capacity,
            disk_bytes: self.disk_bytes(),
            unsynced_bytes: open + suspect,
            written_bytes: self.written,
        }
    }

    fn disk_bytes(&self) -> u64 {
        HEADER as u64 + self.index.log_bytes()
    }
}

#[cfg(test)]
impl Spool {
    pub(crate) fn place(&self, id: RecordId) -> crate::index::Place {
        self.index.place(id.0).unwrap()
    }
}
