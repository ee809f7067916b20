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

/// Asks somebody for the PIN: in the addon, JavaScript.
pub trait PinProvider: Send + Sync + fmt::Debug {
    /// The PIN, once; `None` if there is none. The caller bounds the wait.
    fn pin(&self) -> Pin<Box<dyn Future<Output = Result<Option<Secret>>> + Send + '_>>;
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
    /// The environment variable of this name; its provider reads it, since a worker of Node.js has an environment of its
    /// own.
    Variable(String, Arc<dyn PinProvider>),
}

impl PinSource {
    /// Obtains the PIN; `None` means that there is none to send, which is not an empty one.
    pub async fn obtain(&self) -> Result<Option<Secret>> {
        match self {
            Self::None => Ok(None),
            Self::Value(pin) => Ok(Some(pin.clone())),
            Self::File(path) => read(path).await.map(Some),
            Self::Callback(provider) => provider.pin().await,
            Self::Variable(name, provider) => match provider.pin().await? {
                None => Err(not_set(name)),
                pin => Ok(pin),
            },
        }
    }
}

fn not_set(variable: &str) -> Error {
    let message = format!(
        "option `pkcs11.userPinEnv`: the environment variable `{}` is not set, so there is no PIN",
        variable.escape_debug()
    );
    Error::new(Code::Pkcs11PinRequired, message).with_param("pkcs11.userPinEnv").with_hint(
        "Set it for the process before it starts, or correct its name. One that is set to nothing is an empty PIN.",
    )
}

async fn read(path: &Path) -> Result<Secret> {
    let file = Material::Path(path.to_owned());
    let content = tokio::task::spawn_blocking(move || file.read("pkcs11"))
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "reading the PIN file was cut short")))?;
    let pin = content.expose();
    Ok(Secret::new(pin.strip_suffix(b"\n").unwrap_or(pin).to_vec()))
}
