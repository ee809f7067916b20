//! What is where: the records that are not removed, and the files they are in.

use std::collections::BTreeMap;

use crate::options::cost;

/// Where a record's frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) file: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Log {
    len: u64,
    /// Records that have their place here.
    records: u32,
}

/// About 100 bytes of memory a record, whatever its size.
#[derive(Debug, Default)]
pub(crate) struct Index {
    records: BTreeMap<u64, Place>,
    logs: BTreeMap<u64, Log>,
    cost: u64,
}

impl Index {
    /// Puts a record there, and nowhere else.
    pub(crate) fn insert(&mut self, id: u64, place: Place) {
        self.remove(id);
        self.cost += cost(place.len);
        self.logs.entry(place.file).or_default().records += 1;
        self.records.insert(id, place);
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Place> {
        let place = self.records.remove(&id)?;
        self.cost = self.cost.saturating_sub(cost(place.len));
        if let Some(log) = self.logs.get_mut(&place.file) {
            log.records = log.records.saturating_sub(1);
        }
        Some(place)
    }

    pub(crate) fn place(&self, id: u64) -> Option<Place> {
        self.records.get(&id).copied()
    }

    /// Records with a greater number, or all, in order.
    pub(crate) fn after(&self, id: Option<u64>) -> impl Iterator<Item = u64> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        self.records.range((id.map_or(Unbounded, Excluded), Unbounded)).map(|(id, _)| *id)
    }

    /// Records of a file from this offset on.
    pub(crate) fn in_file(&self, file: u64, from: u64) -> Vec<u64> {
        let there = self.records.iter().filter(|(_, place)| place.file == file && place.offset >= from);
        there.map(|(id, _)| *id).collect()
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// What the records cost together.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    pub(crate) fn set_log(&mut self, file: u64, len: u64) {
        self.logs.entry(file).or_default().len = len;
    }

    pub(crate) fn drop_log(&mut self, file: u64) {
        self.logs.remove(&file);
    }

    pub(crate) fn has_log(&self, file: u64) -> bool {
        self.logs.contains_key(&file)
    }

    pub(crate) fn log_len(&self, file: u64) -> u64 {
        self.logs.get(&file).map_or(0, |log| log.len)
    }

    /// The oldest file, and how many records have their place in it.
    pub(crate) fn oldest(&self) -> Option<(u64, u32)> {
        self.logs.first_key_value().map(|(file, log)| (*file, log.records))
    }

    pub(crate) fn newest(&self) -> Option<u64> {
        self.logs.last_key_value().map(|(file, _)| *file)
    }

    pub(crate) fn logs(&self) -> usize {
        self.logs.len()
    }

    /// The lengths of all files together.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.logs.values().map(|log| log.len).sum()
    }
}
