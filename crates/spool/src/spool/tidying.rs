//! Room: files without records go, and the few records of an old file are copied forward.
//!
//! Files go from the oldest on, so that a note of removal outlives every copy of its record.

use refresh_session_core::Result;

use super::Spool;
use crate::header::HEADER;

impl Spool {
    /// Deletes the oldest files as long as no record has its place there.
    pub(super) fn drop_empty(&mut self) {
        while let Some((file, 0)) = self.index.oldest() {
            // What cannot be deleted now is tried again later; until then it counts.
            if self.index.newest() == Some(file) || !self.delete(file) {
                break;
            }
        }
    }

    /// Sees to it that so many bytes can be written, and then the records of one file copied, without going beyond
    /// what the disk may hold.
    pub(super) fn make_room(&mut self, len: u64) -> Result<()> {
        // The bounds were made smaller than what is there: copies gain nothing, and it is notes of removal that are written.
        if self.index.cost() > self.bounds.capacity {
            return Ok(());
        }
        let limit = self.bounds.disk.saturating_sub(self.bounds.file);
        // Each file once: after that nothing is left but what is needed.
        let mut left = self.index.logs() + 1;
        while self.disk_bytes() + len + HEADER as u64 > limit {
            if left == 0 {
                return Err(self.full());
            }
            left -= 1;
            self.compact()?;
        }
        Ok(())
    }

    /// Keeps the log short where little is queued, one file at a time. A pass over the whole log copies what is
    /// queued once and reclaims at least as much: it doubles what is written, at worst.
    pub(super) fn tidy(&mut self) -> Result<()> {
        if self.disk_bytes() <= 2 * self.index.cost() + 4 * self.bounds.file {
            return Ok(());
        }
        self.compact()
    }

    /// Deletes the oldest file, when its records are at the end of the log and on the medium.
    fn compact(&mut self) -> Result<()> {
        let Some((file, _)) = self.index.oldest() else { return Ok(()) };
        if self.active == Some(file) {
            self.begin_file()?;
        }
        let ids = self.index.in_file(file, 0);
        if !ids.is_empty() {
            self.copy(&ids)?;
        }
        self.drop_empty();
        Ok(())
    }
}
