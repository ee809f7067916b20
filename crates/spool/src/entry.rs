//! The door: the directory is ours alone, and open once.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::Path;

use refresh_session_core::{Code, Error, Result};

use crate::storage::options;
use crate::storage::refusal::{PARAM, refused};

/// Held as long as the queue is open. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Entry {
    lock: File,
}

impl Drop for Entry {
    /// Not by closing alone: a process that is just being started by another thread has this file, too, until it becomes its
    /// program.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

/// Makes the directory if need be, and takes it for this queue.
pub(crate) fn enter(path: &Path) -> Result<Entry> {
    make(path)?;
    check(path)?;
    let file = path.join("lock");
    let lock = options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .map_err(|error| refused(path, "opening", error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Entry { lock }),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            Code::MqttQueueLocked,
            format!("opening the queue in {}: it is open already", path.display()),
        )
        .with_hint(
            "Close the connection that uses it, in this process or in another one, or give each connection a directory of its own.",
        )
        .with_param(PARAM)),
        Err(TryLockError::Error(error)) => Err(refused(path, "locking", error)),
    }
}

fn make(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Directories above it are not made: a medium that is not mounted must not become a directory on another one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(wrong(
            path,
            "the directory above it does not exist",
            "Make that directory; the queue's own is made by itself. If it is on another medium, is that mounted?",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(wrong(path, "a part of the path is no directory", "Name a directory."))
        }
        Err(error) => Err(refused(path, "making", error)),
    }
}

#[cfg(unix)]
fn sync(parent: &Path) -> Result<()> {
    let named = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    // Where we may make a directory but not read the one above, the name is on the medium when the system says so.
    match File::open(named).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(refused(named, "making", error)),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync(_: &Path) -> Result<()> {
    Ok(())
}

fn check(path: &Path) -> Result<()> {
    let found = fs::metadata(path).map_err(|error| refused(path, "opening", error))?;
    if !found.is_dir() {
        return Err(wrong(path, "it is no directory", "Name a directory."));
    }
    private(path, &found)
}

/// Whoever may write there can send messages in our name, or have us write elsewhere.
#[cfg(unix)]
fn private(path: &Path, found: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let user = rustix::process::geteuid().as_raw();
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    if owner != user && owner != 0 {
        return Err(wrong(
            path,
            &format!("it belongs to user {owner}, and this process is user {user}"),
            "Name a directory that belongs to the user of this process.",
        ));
    }
    if mode & 0o022 != 0 {
        return Err(wrong(
            path,
            &format!("others may write in it (mode {mode:04o})"),
            "Take that from them (chmod go-w), or name a directory that does not exist yet: it is made with mode 0700.",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(_: &Path, _: &fs::Metadata) -> Result<()> {
    Ok(())
}

fn wrong(path: &Path, found: &str, hint: &'static str) -> Error {
    Error::new(Code::MqttQueueDirectory, format!("opening the queue in {}: {found}", path.display()))
        .with_hint(hint)
        .with_param(PARAM)
}
