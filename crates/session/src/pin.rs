//! Where a token's PIN comes from.
//!
//! A value is kept, zeroized on drop; a file is read and a callback asked again whenever the token must be opened
//! anew, so that a corrected PIN is picked up without a restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use refresh_session_core::{Code, Error, Result, Secret, shown};

/// Asks somebody for the PIN: in the addon, a JavaScript callback.
pub trait PinProvider: Send + Sync + fmt::Debug {
    /// The PIN, once. The caller bounds the wait.
    fn pin(&self) -> Pin<Box<dyn Future<Output = Result<Secret>> + Send + '_>>;
}

/// Where a token's PIN comes from.
#[derive(Clone, Debug)]
pub enum PinSource {
    /// The token needs none.
    None,
    /// Given as an option.
    Value(Secret),
    /// `pin-source` of a PKCS#11 URI: a file; one newline at its end is not part of the PIN.
    File(PathBuf),
    /// Asked for when needed.
    Callback(Arc<dyn PinProvider>),
}

impl PinSource {
    /// Obtains the PIN; `None` means that there is none to send, which is not an empty one.
    pub async fn obtain(&self) -> Result<Option<Secret>> {
        match self {
            Self::None => Ok(None),
            Self::Value(pin) => Ok(Some(pin.clone())),
            Self::File(path) => read(path).await.map(Some),
            Self::Callback(provider) => provider.pin().await.map(Some),
        }
    }
}

async fn read(path: &Path) -> Result<Secret> {
    let owned = path.to_owned();
    let content = tokio::task::spawn_blocking(move || std::fs::read(owned)).await;
    let mut content = match content {
        Ok(Ok(content)) => content,
        Ok(Err(error)) => return Err(unreadable(path, &error.to_string())),
        Err(_) => return Err(unreadable(path, "reading it was cut short")),
    };
    if content.last() == Some(&b'\n') {
        content.pop();
    }
    Ok(Secret::new(content))
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::new(Code::FileUnreadable, format!("the PIN file {} cannot be read: {why}", shown::path(path)))
        .with_param("pkcs11")
        .with_hint("Check `pin-source` and that the user of this process may read the file.")
}
