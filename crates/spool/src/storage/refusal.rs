//! What the system refused, in our words.

use std::io;
use std::path::Path;

use refresh_session_core::{Code, Error};

/// The option that names the directory.
pub(crate) const PARAM: &str = "offlineQueue.directory";

/// `ERR_MQTT_QUEUE_STORAGE`; `what` is what was tried, such as "writing".
pub(crate) fn refused(path: &Path, what: &str, error: io::Error) -> Error {
    use io::ErrorKind as Kind;
    let hint = match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            "Make room there, or give the queue less with offlineQueue.maxBytes. What is queued already is kept."
        }
        Kind::ReadOnlyFilesystem => {
            "The file system is mounted read-only, which the kernel also does by itself after errors: look at its log, check the \
             medium and mount it for writing."
        }
        Kind::PermissionDenied => "Let the user of this process read and write the directory and its files.",
        Kind::NotFound => {
            "The directory or a file in it was deleted while it was in use. Open the queue anew."
        }
        _ => "Look at the kernel's log: the medium may be failing.",
    };
    Error::new(Code::MqttQueueStorage, format!("{what} the queue in {}: {error}", path.display()))
        .with_hint(hint)
        .with_param(PARAM)
        .with_source(error)
}
