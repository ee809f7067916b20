//! What a file looks like from outside: enough to know that it has not been touched, without reading it.

use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use refresh_session_core::Timestamp;

/// The coarsest time of modification that a file system in use keeps is that of FAT, two seconds. Whoever writes
/// twice within that may leave the same stamp twice.
const GRAIN_MILLIS: i64 = 3_000;

/// Size, times and inode of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    length: u64,
    modified: Duration,
    /// Device, inode, and time of the inode's last change: a rename or a restored time of modification shows here.
    inode: (u64, u64, i64, i64),
}

impl Stamp {
    /// `None` if there is nothing to be seen of it.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Self { length: metadata.len(), modified, inode: inode(&metadata) })
    }

    /// Whether another change would show in it: its time is past, by more than times are rounded. One from the future
    /// says nothing, since the clock was set.
    pub(super) fn is_settled(&self, wall: Timestamp) -> bool {
        let modified = i64::try_from(self.modified.as_millis()).unwrap_or(i64::MAX);
        wall.unix_millis().saturating_sub(modified) > GRAIN_MILLIS
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (u64, u64, i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (u64, u64, i64, i64) {
    (0, 0, 0, 0)
}

#[cfg(test)]
impl Stamp {
    pub(super) fn made_up(length: u64, modified_millis: u64) -> Self {
        Self { length, modified: Duration::from_millis(modified_millis), inode: (1, 1, 0, 0) }
    }
}
