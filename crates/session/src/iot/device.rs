//! The device certificate as a source lives with it: looked for before a fetch, told about after it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refresh_session_core::{BootTime, Certificate, Reading, Timestamp, Warning};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::expiry::Expiry;
use super::files::{Current, Files};

/// How long a fetch waits for the disk: a file system that has gone must not take a good certificate with it.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// Which certificate is in use, and what its user must hear of it.
pub(super) struct Device {
    pub(super) files: Arc<Files>,
    expiry: Expiry,
    /// The certificate in use, once it is known.
    leaf: Mutex<Option<Certificate>>,
}

impl Device {
    /// `days`: how early its end is told.
    pub(super) fn new(files: Files, days: u32) -> Self {
        let leaf = files.current().holder.leaf().cloned();
        Self { files: Arc::new(files), expiry: Expiry::new(days), leaf: Mutex::new(leaf) }
    }

    /// Looks at the files, where waiting for a disk holds nobody up; then what is in use.
    pub(super) async fn look(&self) -> Current {
        if self.files.can_change() {
            let files = self.files.clone();
            // One that is cut short has changed nothing: what is in use still is. One that takes long goes on by
            // itself, and the next fetch has what it found.
            let _ = timeout(LOOK_LIMIT, spawn_blocking(move || files.look())).await;
        }
        let current = self.files.current();
        if let Some(leaf) = current.holder.leaf() {
            self.uses(leaf);
        }
        current
    }

    pub(super) fn uses(&self, leaf: &Certificate) {
        *self.leaf() = Some(leaf.clone());
    }

    /// A fetch has ended now.
    pub(super) fn fetched(&self, boot: BootTime, reading: Reading) {
        let due = self.leaf().as_ref().and_then(|leaf| self.expiry.due(leaf, boot, reading));
        if let Some(warning) = due {
            self.files.warn(warning);
        }
    }

    pub(super) fn take_warnings(&self) -> Vec<Warning> {
        self.files.take_warnings()
    }

    pub(super) fn certificate_expiry(&self) -> Option<Timestamp> {
        self.leaf().as_ref().map(Certificate::not_after)
    }

    fn leaf(&self) -> MutexGuard<'_, Option<Certificate>> {
        self.leaf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
