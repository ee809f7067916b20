//! Directories and queues for tests.
#![allow(clippy::unwrap_used, dead_code, reason = "for tests, each of which uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use refresh_session_spool::{Fsync, Record, Spool, SpoolOptions};

/// A directory that is there as long as this is.
#[derive(Debug)]
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Temporary {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn queue(&self) -> PathBuf {
        self.0.join("queue")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn options(directory: impl Into<PathBuf>) -> SpoolOptions {
    SpoolOptions {
        directory: directory.into(),
        identity: "gw-0042".into(),
        max_bytes: 1 << 20,
        max_messages: 10_000,
        fsync: Fsync::Always,
    }
}

/// Opens without a warning.
pub(crate) fn open(directory: impl Into<PathBuf>) -> Spool {
    let (spool, warnings) = Spool::open(&options(directory)).unwrap();
    assert_eq!(warnings, []);
    spool
}

pub(crate) fn record(text: &str) -> Record {
    Record { header: Bytes::from_static(b"header"), payload: Bytes::copy_from_slice(text.as_bytes()) }
}

/// The payloads that are there.
pub(crate) fn texts(spool: &mut Spool) -> Vec<String> {
    let found = spool.read_after(None, usize::MAX).unwrap();
    found.into_iter().map(|(_, record)| String::from_utf8(record.payload.to_vec()).unwrap()).collect()
}
