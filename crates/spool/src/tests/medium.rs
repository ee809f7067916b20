//! A disk as a page cache sees it: what is written is there at once and on the medium later, in any order, or never.
//!
//! After a failed sync the pages count as clean although they are not on the medium, as on Linux. A power cut keeps any part
//! of what was not synced: pages, lengths, names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::random::Random;
use crate::storage::Storage;

/// Smaller than a real one, so that frames span many.
const PAGE: usize = 128;

#[derive(Clone, Debug, Default)]
struct File {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    /// The name is on the medium.
    named: bool,
    /// It was deleted, and that is not on the medium.
    ghost: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    header: Option<Vec<u8>>,
    files: BTreeMap<u64, File>,
    open: Option<u64>,
    /// Bytes that fit; `None`: any number.
    pub(super) room: Option<u64>,
    /// Of the next calls, these fail: one in so many.
    pub(super) failing: Option<(usize, Random)>,
    /// Calls that fail for certain.
    pub(super) broken: Broken,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Broken {
    pub(super) sync: bool,
    pub(super) truncate: bool,
    pub(super) write: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Medium(Arc<Mutex<State>>);

impl Medium {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Another one, with the same on it.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// The power goes and comes back.
    pub(super) fn power_cut(&self, random: &mut Random) {
        let mut state = self.state();
        state.open = None;
        // A name that was not synced may be there or not, whether it was made or deleted.
        state.files.retain(|_, file| (file.named && !file.ghost) || random.one_in(2));
        for file in state.files.values_mut() {
            file.named = true;
            file.ghost = false;
            let (short, long) = (file.durable.len(), file.cached.len());
            let len = if short < long { short + random.below(long - short + 1) } else { short };
            let mut after = file.durable.clone();
            after.resize(len, 0);
            for page in std::mem::take(&mut file.dirty) {
                let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(len).min(long));
                if from < to && random.one_in(2) {
                    after[from..to].copy_from_slice(&file.cached[from..to]);
                }
            }
            file.cached.clone_from(&after);
            file.durable = after;
        }
    }

    /// Flips a bit somewhere: in which file (0: the header), at which byte.
    pub(super) fn flip(&self, random: &mut Random) -> (u64, u64) {
        let mut state = self.state();
        let mut places: Vec<u64> =
            state.files.iter().filter(|(_, file)| !file.ghost).map(|(number, _)| *number).collect();
        places.push(0);
        let number = places[random.below(places.len())];
        let bytes = match state.files.get_mut(&number) {
            Some(file) => &mut file.cached,
            None => state.header.as_mut().unwrap(),
        };
        if bytes.is_empty() {
            return (number, 0);
        }
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        (number, at as u64)
    }

    /// Changes a file behind the queue's back; 0 is the header.
    pub(super) fn edit<T>(&self, number: u64, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut state = self.state();
        match state.files.get_mut(&number) {
            Some(file) => change(&mut file.cached),
            None => change(state.header.as_mut().unwrap()),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        let state = self.state();
        state.used() + state.header.as_ref().map_or(0, |bytes| bytes.len() as u64)
    }
}

impl State {
    fn used(&self) -> u64 {
        self.files.values().filter(|file| !file.ghost).map(|file| file.cached.len() as u64).sum()
    }

    fn fails(&mut self) -> io::Result<()> {
        let failed = self.failing.as_mut().is_some_and(|(of, random)| random.one_in(*of));
        if failed { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn file(&mut self, number: u64) -> io::Result<&mut File> {
        self.files.get_mut(&number).filter(|file| !file.ghost).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for Medium {
    fn list(&mut self) -> io::Result<Vec<(u64, u64)>> {
        let state = self.state();
        let there = state.files.iter().filter(|(_, file)| !file.ghost);
        Ok(there.map(|(number, file)| (*number, file.cached.len() as u64)).collect())
    }

    fn read_header(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.state().header.clone())
    }

    fn write_header(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.state().header = Some(bytes.to_vec());
        Ok(())
    }

    fn read(&mut self, number: u64, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        let (offset, len) = (usize::try_from(offset).unwrap(), usize::try_from(len).unwrap());
        let there = &state.file(number)?.cached;
        let end = (offset + len).min(there.len());
        Ok(there.get(offset..end).unwrap_or_default().to_vec())
    }

    fn create(&mut self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.open = None;
        state.fails()?;
        assert!(state.files.insert(number, File::default()).is_none(), "a number is used twice");
        state.open = Some(number);
        Ok(())
    }

    fn reopen(&mut self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.open = None;
        state.fails()?;
        state.file(number)?;
        state.open = Some(number);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let broken = if state.broken.write { Err(io::Error::from_raw_os_error(30)) } else { state.fails() };
        let used = state.used();
        let fits = state
            .room
            .map_or(bytes.len(), |room| usize::try_from(room.saturating_sub(used)).unwrap().min(bytes.len()));
        let written = if broken.is_err() { fits / 2 } else { fits };
        let number = state.open.ok_or(io::ErrorKind::NotFound)?;
        let file = state.file(number)?;
        let start = file.cached.len();
        file.cached.extend(&bytes[..written]);
        file.dirty.extend(start / PAGE..file.cached.len().div_ceil(PAGE));
        broken?;
        if written < bytes.len() { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        let broken = if state.broken.sync { Err(io::Error::from_raw_os_error(5)) } else { state.fails() };
        let Some(number) = state.open else { return Ok(()) };
        state.file(number)?.sync(broken)
    }

    fn truncate(&mut self, number: u64, len: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.broken.truncate {
            return Err(io::Error::from_raw_os_error(5));
        }
        state.fails()?;
        let broken = if state.broken.sync { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) };
        let file = state.file(number)?;
        let len = usize::try_from(len).unwrap();
        file.cached.truncate(len);
        file.dirty.retain(|page| page * PAGE < len);
        file.sync(broken)
    }

    fn delete(&mut self, number: u64) -> io::Result<()> {
        let mut state = self.state();
        state.fails()?;
        match state.files.get_mut(&number) {
            Some(file) if file.named => file.ghost = true,
            _ => drop(state.files.remove(&number)),
        }
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.fails()?;
        state.files.retain(|_, file| !file.ghost);
        state.files.values_mut().for_each(|file| file.named = true);
        Ok(())
    }
}

impl File {
    fn sync(&mut self, broken: io::Result<()>) -> io::Result<()> {
        let dirty = std::mem::take(&mut self.dirty);
        broken?;
        let len = self.cached.len();
        self.durable.resize(len, 0);
        for page in dirty {
            let (from, to) = (page * PAGE, ((page + 1) * PAGE).min(len));
            if from < to {
                self.durable[from..to].copy_from_slice(&self.cached[from..to]);
            }
        }
        Ok(())
    }
}
