//! The queue on disk: messages of one MQTT client that survive the process and a power cut.
//!
//! A blocking library without clock, thread or runtime: the driver calls it from a thread of its own. What a message is, it
//! does not know: a [`Record`] is two runs of bytes, and comes back as it was given.
//!
//! # What holds
//!
//! - **Stored is stored.** With [`Fsync::Always`] a batch is reported when it is on the medium: data, length and name of its
//!   file. With [`Fsync::OnDemand`] it survives the process, and a power cut after the next [`Spool::sync`].
//! - **At least once.** That a record is removed is written, not synced: after a power cut it may be there again.
//! - **All or nothing.** A batch that is refused (disk full, read-only, I/O error) leaves nothing behind, and the next one may
//!   succeed. What a failed sync leaves in doubt is written once more: the system may have dropped it and say yes to the
//!   next sync.
//! - **In order.** Numbers grow with every append, through copies and processes.
//! - **Damage takes what it hits.** Behind bytes that are not what was written the next whole frame is searched for, and a
//!   warning says what was skipped.
//! - **One opener, one client.** A lock that ends with its holder, and the hash of an identity.
//!
//! # The directory
//!
//! | File | Holds |
//! |---|---|
//! | `lock` | nothing; who has the queue open has it locked |
//! | `queue` | format version, salt, hash of the identity: 64 bytes, see `header.rs` |
//! | `0000000000000001.log` … | the same 64 bytes, then frames (`frame.rs`): records and notes of removal |
//!
//! Mode 0700, files 0600. A directory that others may write, or that belongs to somebody else, is refused. The one above it is
//! not made: a medium that is not mounted must not become a directory on another one.
//!
//! Only the newest file is written, and only at its end. Files are deleted from the oldest on, when no record has its place
//! there. If a few old records keep much that is dead they are copied to the end first, under their own numbers.
//!
//! # What it costs
//!
//! Messages of 256 bytes with 40 bytes of header; `examples/figures.rs` measures rates, `tests/wear.rs` holds the
//! ratios, [decision 22](https://github.com/refresh-session/refresh-session/blob/main/docs/decisions/0022-queue-on-disk.md)
//! has the medium's side.
//!
//! | | Bytes written to files for each byte of header and payload |
//! |---|---|
//! | removed in order, one by one | 1.25: 32 of frame, 40 of note |
//! | removed in order, ten by ten | 1.15 |
//! | in order, but the oldest never | 1.26 |
//! | in any order, queue full | 1.7 |
//! | the newest first, queue full: the worst there is | 3.7 |
//!
//! A medium writes pages, and a file system its journal: on ext4 a message that is synced alone costs the medium
//! 5.2 KB, in a batch of ten 1 KB, of a hundred 0.4 KB. Whoever cares for the flash appends in batches.
//!
//! Disk: [`SpoolOptions::max_bytes`] is never exceeded, copies included; and as long as little is queued the files are no more
//! than twice that and a quarter of `max_bytes`. Memory: about 100 bytes a record, and while opening one file (a
//! sixteenth of `max_bytes`, 8 MiB at most).
//!
//! # What it does not do
//!
//! Records are not encrypted. The checksums find accidents, not people. A medium that refuses to *read* a part of a file is
//! an error of `open`, not damage: the next attempt may succeed, and nothing is thrown away for it.

#![forbid(unsafe_code)]

mod checksum;
mod entry;
mod frame;
mod header;
mod index;
mod options;
mod record;
mod recovery;
mod scan;
mod spool;
mod storage;
mod warnings;

pub use options::{Fsync, SpoolOptions};
pub use record::{Record, RecordId};
pub use spool::{Spool, SpoolStats};

#[cfg(test)]
mod tests;
