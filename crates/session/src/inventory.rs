//! What a PKCS#11 module has, for whoever sets a device up: the `pkcs11` option in, a list out.

use std::sync::Arc;

use refresh_session_core::{Clock, Code, Error, Result};
use refresh_session_pkcs11::{Depth, Inventory};
use tokio::task::spawn_blocking;

use crate::device::{Pkcs11Options, token};

/// How closely to look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// Module and tokens.
    Tokens,
    /// The objects that show without a login.
    Objects,
    /// Those of the selected token after a login with the option's PIN.
    Login,
}

/// Lists what the option's module has.
///
/// # Errors
/// Those of the option, of the module, and with [`Look::Login`] of the login.
pub async fn inventory(options: Pkcs11Options, look: Look, clock: Arc<dyn Clock>) -> Result<Inventory> {
    let (config, source, _) = token::parse(options, &clock)?;
    let pin = if look == Look::Login { source.obtain().await? } else { None };
    let list = move || {
        let depth = match look {
            Look::Tokens => Depth::Tokens,
            Look::Objects => Depth::Objects,
            Look::Login => Depth::Login(pin.as_ref()),
        };
        refresh_session_pkcs11::inventory(&config, depth)
    };
    spawn_blocking(list)
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "listing the tokens was cut short")))
}
