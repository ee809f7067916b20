//! Records, read back when they are needed.

use refresh_session_core::{Error, Result};

use super::Spool;
use crate::frame::{self, Content, Seed};
use crate::storage::file_name;
use crate::storage::refusal::refused;
use crate::warnings::damaged;
use crate::{Record, RecordId};

impl Spool {
    /// Records behind `after` (`None`: from the first), in the order of their append, about `max_bytes` of them, one at least
    /// if there is one. Ends, with an empty answer, behind the last.
    ///
    /// # Errors
    /// `ERR_MQTT_QUEUE_STORAGE`, when not even the first can be read. A record that is damaged by now is left out and
    /// forgotten, see [`take_warnings`](Self::take_warnings).
    pub fn read_after(
        &mut self,
        after: Option<RecordId>,
        max_bytes: usize,
    ) -> Result<Vec<(RecordId, Record)>> {
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut next = self.index.after(after.map(|id| id.0)).next();
        while let Some(id) = next {
            match self.read_record(id) {
                Ok(Some(record)) => {
                    bytes += record.header.len() + record.payload.len();
                    if bytes > max_bytes && !found.is_empty() {
                        break;
                    }
                    found.push((RecordId(id), record));
                }
                Ok(None) => {}
                Err(error) if found.is_empty() => return Err(error),
                Err(_) => break,
            }
            next = self.index.after(Some(id)).next();
        }
        Ok(found)
    }

    /// `None`: it is not there any more, or damaged, and then forgotten.
    pub(super) fn read_record(&mut self, id: u64) -> Result<Option<Record>> {
        let Some(place) = self.index.place(id) else { return Ok(None) };
        let bytes = self
            .storage
            .read(place.file, place.offset, place.len)
            .map_err(|error| -> Error { refused(&self.path, "reading", error) })?;
        let bytes = bytes::Bytes::from(bytes);
        let content = frame::read(&bytes, Seed::new(self.salt, place.file)).map(|frame| frame.content);
        match content {
            Some(Content::Record { id: there, header, payload }) if there == id => {
                Ok(Some(Record { header: bytes.slice_ref(header), payload: bytes.slice_ref(payload) }))
            }
            _ => {
                self.index.remove(id);
                let name = file_name(place.file);
                self.warnings.push(damaged(&self.path, &name, &[(place.offset, place.len)]));
                Ok(None)
            }
        }
    }
}
