//! The `ca` option: which servers are believed.

use refresh_session_core::Warning;
use refresh_session_tls::Material;

/// The `ca` option.
#[derive(Debug)]
pub enum CaOptions {
    /// `"system"` or left out.
    System,
    /// A bundle that replaces the system's store.
    Bundle(Material),
}

/// What `verifyPeer: false` is told.
pub(crate) fn not_verified() -> Warning {
    Warning {
        code: "WARN_PEER_NOT_VERIFIED",
        message: "`verifyPeer` is false: anybody on the way can play the endpoint and hand out keys. Use `ca` instead."
            .into(),
    }
}
