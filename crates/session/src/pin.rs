//! Where a token's PIN comes from.
//!
//! A value is kept, zeroized on drop; a file is read and a callback asked again whenever the token must be opened
//! anew, so that a corrected PIN is picked up without a restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_tls::Material;

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
    let file = Material::Path(path.to_owned());
    let content = tokio::task::spawn_blocking(move || file.read("pkcs11"))
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "reading the PIN file was cut short")))?;
    let pin = content.expose();
    Ok(Secret::new(pin.strip_suffix(b"\n").unwrap_or(pin).to_vec()))
}
