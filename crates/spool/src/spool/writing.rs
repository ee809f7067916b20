//! What goes to the end of the log, and what is done when it does not get there.

use std::io;

use refresh_session_core::{Error, Result};

use super::Spool;
use crate::frame::{self, FRAME, Seed};
use crate::header::{HEADER, Header};
use crate::index::Place;
use crate::options::{Fsync, frame_len};
use crate::storage::refusal::refused;
use crate::{Record, RecordId};

/// Numbers in one note of removal: a page's worth.
const NOTE: usize = 500;

/// Where a batch began.
struct Mark {
    active: Option<u64>,
    len: u64,
    next_file: u64,
    next_id: u64,
}

impl Spool {
    /// Writes records, all or none. That there is room is known.
    pub(super) fn store(&mut self, records: &[Record]) -> Result<Vec<RecordId>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.rescue()?;
        // A note that cannot be written now is no reason to refuse a message: it may be the message that finds room.
        let _ = self.write_removed();
        // Before the mark: what is tidied up is not part of the batch.
        self.make_room(records.iter().map(frame_len).sum())?;
        let mark = self.mark();
        self.write_records(records).inspect_err(|_| self.roll_back(&mark))?;
        Ok((mark.next_id..self.next_id).map(RecordId).collect())
    }

    fn mark(&self) -> Mark {
        Mark {
            active: self.active,
            len: self.active.map_or(0, |file| self.index.log_len(file)),
            next_file: self.next_file,
            next_id: self.next_id,
        }
    }

    fn write_records(&mut self, records: &[Record]) -> Result<()> {
        let mut rest = records;
        while let Some(first) = rest.first() {
            self.make_active(frame_len(first))?;
            let (seed, start) = self.end()?;
            let mut bytes = Vec::new();
            let mut places = Vec::new();
            while let [record, others @ ..] = rest {
                let (at, len) = (start.offset + bytes.len() as u64, frame_len(record));
                if at + len > self.bounds.file {
                    break;
                }
                places.push((self.next_id, Place { offset: at, len, ..start }));
                frame::write_record(&mut bytes, seed, self.next_id, &record.header, &record.payload);
                self.next_id += 1;
                rest = others;
            }
            // First, so that it is known what to undo if some of it is written and the rest is not.
            for (id, place) in places {
                self.index.insert(id, place);
            }
            self.put(&bytes)?;
        }
        match self.fsync {
            Fsync::Always => self.sync_active(),
            Fsync::OnDemand => Ok(()),
        }
    }

    /// Undoes a batch: on the medium too, or else it is noted that its records are removed. Their numbers are not used again.
    fn roll_back(&mut self, mark: &Mark) {
        let refused: Vec<_> =
            (mark.next_id..self.next_id).filter_map(|id| Some((id, self.index.remove(id)?.file))).collect();
        let made = mark.next_file..self.next_file;
        let mut gone: Vec<u64> =
            made.clone().filter(|file| !self.index.has_log(*file) || self.delete(*file)).collect();
        let clean = made.count() == gone.len();
        self.active = None;
        if let Some(file) = mark.active
            && self.cut(file, mark.len)
        {
            gone.push(file);
            // Only the newest file is written, and none whose sync has failed: then a new one is begun.
            let doubtful = self.suspects.iter().any(|(suspect, _)| *suspect == file);
            if clean && !doubtful && self.storage.reopen(file).is_ok() {
                (self.active, self.synced) = (Some(file), mark.len);
            }
        }
        self.removed.extend(refused.into_iter().filter(|(_, file)| !gone.contains(file)));
    }

    /// Writes down which records are removed, where that is still of interest.
    pub(super) fn write_removed(&mut self) -> Result<()> {
        let index = &self.index;
        self.removed.retain(|(_, file)| index.has_log(*file));
        while !self.removed.is_empty() {
            let count = self.removed.len().min(NOTE);
            let len = (FRAME + 8 * count) as u64;
            self.make_room(len)?;
            self.make_active(len)?;
            let (seed, _) = self.end()?;
            let ids: Vec<u64> = self.removed.iter().take(count).map(|(id, _)| *id).collect();
            let mut bytes = Vec::new();
            frame::write_removed(&mut bytes, seed, &ids);
            self.put(&bytes)?;
            self.removed.drain(..count);
        }
        Ok(())
    }

    /// Writes records once more, at the end, all or none. They have their place there when they are on the medium.
    pub(super) fn copy(&mut self, ids: &[u64]) -> Result<()> {
        let mark = self.mark();
        let places = self.write_copies(ids).inspect_err(|_| self.roll_back(&mark))?;
        for (id, place) in places {
            self.index.insert(id, place);
        }
        Ok(())
    }

    fn write_copies(&mut self, ids: &[u64]) -> Result<Vec<(u64, Place)>> {
        let mut places = Vec::new();
        for id in ids {
            let Some(record) = self.read_record(*id)? else { continue };
            let len = frame_len(&record);
            self.make_active(len)?;
            let (seed, start) = self.end()?;
            let mut bytes = Vec::new();
            frame::write_record(&mut bytes, seed, *id, &record.header, &record.payload);
            self.put(&bytes)?;
            places.push((*id, Place { len, ..start }));
        }
        self.sync_active()?;
        Ok(places)
    }

    /// Writes anew what a failed sync left in doubt.
    pub(super) fn rescue(&mut self) -> Result<()> {
        let suspects = self.suspects.clone();
        for (file, from) in &suspects {
            self.copy(&self.index.in_file(*file, *from))?;
        }
        self.suspects.drain(..suspects.len());
        Ok(())
    }

    pub(super) fn sync_active(&mut self) -> Result<()> {
        let Some(file) = self.active else { return Ok(()) };
        let len = self.index.log_len(file);
        if self.synced == len {
            return Ok(());
        }
        match self.storage.sync() {
            Ok(()) => {
                self.synced = len;
                Ok(())
            }
            Err(error) => {
                self.suspects.push((file, self.synced));
                self.active = None;
                Err(self.writing("syncing", error))
            }
        }
    }

    /// Sees to it that there is a file with room for so many bytes.
    fn make_active(&mut self, len: u64) -> Result<()> {
        match self.active {
            Some(file) if self.index.log_len(file) + len <= self.bounds.file => Ok(()),
            _ => self.begin_file(),
        }
    }

    /// Goes on in a new file. The one before is on the medium then.
    pub(super) fn begin_file(&mut self) -> Result<()> {
        self.sync_active()?;
        self.active = None;
        let file = self.next_file;
        self.next_file += 1;
        let header = Header { salt: self.salt, next_id: self.next_id, identity: self.identity }.encode();
        self.storage.create(file).map_err(|error| self.writing("writing", error))?;
        self.index.set_log(file, 0);
        // On the medium before the file before it may go: the header knows which numbers were used.
        let made = (self.storage.append(&header))
            .and_then(|()| self.storage.sync())
            .and_then(|()| self.storage.sync_directory());
        if let Err(error) = made {
            self.delete(file);
            return Err(self.writing("writing", error));
        }
        self.written += HEADER as u64;
        self.index.set_log(file, HEADER as u64);
        (self.active, self.synced) = (Some(file), HEADER as u64);
        Ok(())
    }

    /// Where the next byte goes.
    fn end(&self) -> Result<(Seed, Place)> {
        let file = self.active.ok_or_else(|| self.writing("writing", io::ErrorKind::NotFound.into()))?;
        Ok((Seed::new(self.salt, file), Place { file, offset: self.index.log_len(file), len: 0 }))
    }

    /// Writes whole frames, or leaves none of their bytes behind.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let (_, Place { file, offset, .. }) = self.end()?;
        match self.storage.append(bytes) {
            Ok(()) => {
                self.written += bytes.len() as u64;
                self.index.set_log(file, offset + bytes.len() as u64);
                Ok(())
            }
            Err(error) => {
                if self.cut(file, offset) {
                    self.synced = offset;
                } else {
                    // Some of it may be there. Nothing is written behind it; when the queue is opened it is skipped.
                    self.suspects.push((file, self.synced));
                    self.index.set_log(file, offset + bytes.len() as u64);
                    self.active = None;
                }
                Err(self.writing("writing", error))
            }
        }
    }

    fn cut(&mut self, file: u64, len: u64) -> bool {
        let done = self.storage.truncate(file, len).is_ok();
        if done {
            self.index.set_log(file, len);
        }
        done
    }

    pub(super) fn delete(&mut self, file: u64) -> bool {
        let done = self.storage.delete(file).is_ok();
        if done {
            self.index.drop_log(file);
            self.suspects.retain(|(suspect, _)| *suspect != file);
        }
        done
    }

    pub(super) fn writing(&self, what: &str, error: io::Error) -> Error {
        refused(&self.path, what, error)
    }
}
