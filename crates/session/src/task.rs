//! Tasks, and what is made on threads that may block, without a type each.
//!
//! tokio builds what runs a task once for each type of future and each kind of runtime, and a thread's work likewise: some
//! kilobytes every time. Here all have one type.

use std::pin::Pin;
use std::sync::Arc;

use refresh_session_core::{Calendar, Clock, Code, Error, Result};
use refresh_session_tls::{ClientIdentity, TlsConfig, Trust};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

/// What a task does.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts `work` on `runtime`.
pub(crate) fn spawn(runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let work: Work = Box::pin(work);
    runtime.spawn(work)
}

/// A configuration of TLS. Reading the system's trust store touches a hundred files: not on this thread.
///
/// # Errors
/// `ERR_BAD_CA` if the trusted roots are unusable.
pub(crate) async fn tls(
    identity: Option<ClientIdentity>,
    trust: Trust,
    verify_peer: bool,
    calendar: Calendar,
    clock: Arc<dyn Clock>,
) -> Result<TlsConfig> {
    spawn_blocking(move || TlsConfig::new(identity.as_ref(), &trust, verify_peer, &calendar, clock))
        .await
        .unwrap_or_else(|_| Err(Error::new(Code::Internal, "loading the trust store was cut short")))
}
