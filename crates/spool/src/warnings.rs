//! What the user is told about files that are not as they were written.

use std::path::Path;

use refresh_session_core::Warning;

/// An unfinished end was cut off.
pub(crate) fn truncated(path: &Path, name: &str, at: u64, len: u64) -> Warning {
    Warning {
        code: "WARN_MQTT_QUEUE_TRUNCATED",
        message: format!(
            "the queue on disk: {len} bytes at the end of {} (from byte {at}) were no whole message and were cut off. That is what a power \
             cut leaves behind; of messages that were synced none is lost, unless the medium is failing",
            path.join(name).display(),
        ),
    }
}

/// Something in the middle is not what was written.
pub(crate) fn damaged(path: &Path, name: &str, runs: &[(u64, u64)]) -> Warning {
    let total: u64 = runs.iter().map(|(_, len)| len).sum();
    let first = runs.first().map_or(0, |(at, _)| *at);
    Warning {
        code: "WARN_MQTT_QUEUE_DAMAGED",
        message: format!(
            "the queue on disk: {total} bytes in {} (the first at byte {first}) are not what was written and were skipped, with the messages in \
             them; those before and behind were found. If it happens again the medium is failing",
            path.join(name).display(),
        ),
    }
}
