//! Files with a short-lived token in them, which somebody else renews.

use std::path::PathBuf;

use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_tls::Material;
use tokio::task::spawn_blocking;

/// What the file holds now, read off the runtime's workers. `from`: the option or variable that names it.
///
/// # Errors
/// `ERR_FILE_UNREADABLE`, and `ERR_BAD_CREDENTIALS` if it is empty. Both are retryable: whoever writes it may be about to.
pub(crate) async fn read(path: PathBuf, from: &'static str) -> Result<Secret> {
    spawn_blocking(move || Material::Path(path).read(from))
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "reading the token's file was cut short")))
        .map_err(|error| match error.code() {
            Code::InvalidOption => {
                let found = format!("`{from}` gave no token: its file is empty, as while it is being written");
                Error::new(Code::BadCredentials, found).with_param(from).with_hint("The keys held are kept.")
            }
            _ => error.with_retryable(true).with_hint(
                "Check that the path is right and that the user of this process may read it. It is read anew for every fetch.",
            ),
        })
}
