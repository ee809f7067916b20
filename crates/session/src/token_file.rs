//! Files with a short-lived token in them, which somebody else renews.

use std::path::PathBuf;

use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_tls::Material;
use tokio::task::spawn_blocking;

/// What the file holds now, read off the runtime's workers. `from`: the option or variable that names it.
///
/// # Errors
/// `ERR_FILE_UNREADABLE`, retryable: one that is not there may be there at the next attempt.
pub(crate) async fn read(path: PathBuf, from: &'static str) -> Result<Secret> {
    spawn_blocking(move || Material::Path(path).read(from))
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "reading the token's file was cut short")))
        .map_err(|error| {
            error.with_retryable(true).with_hint(
                "Check that the path is right and that the user of this process may read it. It is read anew for every fetch.",
            )
        })
}
