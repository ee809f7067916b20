//! The folder a testbed makes its files in (`--dir`).
//!
//! It is created if missing. An existing folder must be empty or carry the marker of an earlier testbed, whose
//! files are then removed; anything else is left alone, so that a wrong `--dir` cannot cost anybody their data.
//! The marker stays locked while the testbed runs, so that two cannot share a folder.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::failure::{During, Failure};

const MARKER: &str = ".testbed";
/// Everything a testbed leaves behind, apart from the marker.
const OURS: [&str; 4] = ["pki", "tokens", "softhsm2.conf", "requests.jsonl"];

/// A folder that belongs to this process.
pub(crate) struct Folder {
    path: PathBuf,
    /// Held for its lock.
    _marker: File,
}

impl Folder {
    /// Takes possession of `path` and leaves an empty `pki` in it.
    pub(crate) fn claim(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        fs::create_dir_all(path).during(format_args!("creating {shown}"))?;
        let path = path.canonicalize().during(format_args!("resolving {shown}"))?;
        let marker = path.join(MARKER);
        let empty = fs::read_dir(&path).during(format_args!("reading {shown}"))?.next().is_none();
        if !empty && !marker.exists() {
            return Err(Failure::new(format!("{shown} is neither empty nor made by an earlier testbed")));
        }
        let marker = File::create(marker).during(format_args!("writing in {shown}"))?;
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(format!("another testbed is serving from {shown}")));
            }
            Err(TryLockError::Error(error)) => return Err(error).during(format_args!("locking {shown}")),
        }
        for name in OURS {
            remove(&path.join(name)).during(format_args!("removing {name} of an earlier testbed"))?;
        }
        let folder = Self { path, _marker: marker };
        fs::create_dir(folder.join("pki")).during("creating pki")?;
        Ok(folder)
    }

    /// Where it is, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

/// Writes a file that only its owner may read, as a private key should be.
pub(crate) fn write_private(path: &Path, contents: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(contents.as_bytes())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}
