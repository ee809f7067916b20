//! From TLS to WebSocket: each handshake with a signature of its own, or with what a custom authorizer needs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_refresh::Demand;
use refresh_session_tls::dial::TlsStream;
use refresh_session_websocket::{Signing, Upgrade, WebSocket, path, signed};

use super::route::Route;
use crate::Session;

/// What the server may add to a payload: all the rest of a packet.
const AROUND_PAYLOAD: usize = 16 * 1024;

/// How a WebSocket is asked for.
pub(super) struct Upgrading {
    proof: Proof,
    /// The largest packet that is taken.
    packet: usize,
}

/// Who asks.
pub(super) enum Proof {
    /// Somebody with credentials.
    Signed(Signed),
    /// Somebody whom a custom authorizer knows: query parameters.
    Authorizer(Vec<(String, Secret)>),
}

/// Credentials of a session.
pub(super) struct Signed {
    session: Arc<Session>,
    region: String,
    /// They are being waited for.
    fetching: AtomicBool,
    /// Those that were used last.
    used: Mutex<Option<String>>,
}

impl Signed {
    pub(super) fn new(session: Arc<Session>, region: String) -> Self {
        Self { session, region, fetching: AtomicBool::new(false), used: Mutex::default() }
    }
}

impl Upgrading {
    pub(super) fn new(proof: Proof, packet: usize) -> Self {
        Self { proof, packet }
    }

    /// Path and query of the next handshake.
    ///
    /// # Errors
    /// Those of fetching credentials.
    pub(super) async fn path(&self, route: &Route) -> Result<Secret> {
        let signer = match &self.proof {
            Proof::Signed(signer) => signer,
            Proof::Authorizer(query) => {
                let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value)).collect();
                return Ok(path::unsigned(&query));
            }
        };
        signer.fetching.store(true, Ordering::Relaxed);
        let keys = signer.session.identity(Demand::Valid).await;
        signer.fetching.store(false, Ordering::Relaxed);
        let keys = keys?;
        let identity = &keys.held.identity;
        *signer.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.access_key_id.clone());
        let host = route.target.authority();
        let at = route.calendar.now(&*route.clock);
        let signing = Signing { host: &host, region: &signer.region, at, expires: signed::EXPIRES };
        signed::path(&signing, identity)
    }

    pub(super) async fn open(
        &self,
        stream: TlsStream,
        path: Secret,
        route: &Route,
    ) -> Result<WebSocket<TlsStream>> {
        let upgrade = Upgrade::new(route.target.authority(), path, route.clock.clone())
            .with_max_message_bytes(self.packet + AROUND_PAYLOAD);
        WebSocket::open(stream, &upgrade).await
    }

    /// The server would not have them: if it was because of the credentials, the next ones are others.
    pub(super) fn refused(&self) {
        if let Proof::Signed(signer) = &self.proof
            && let Some(used) = signer.used.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            signer.session.invalidate(&used);
        }
    }

    /// The error for an attempt that was waiting for credentials.
    pub(super) fn timed_out(&self, limit: Duration) -> Option<Error> {
        let Proof::Signed(signer) = &self.proof else { return None };
        let fetching = signer.fetching.swap(false, Ordering::Relaxed);
        let error = || {
            let found = format!("connecting: the session had no credentials within {} ms", limit.as_millis());
            Error::new(Code::Timeout, found)
                .with_hint("The event `refreshError` of the session says why, or raise `connectTimeoutMs`.")
        };
        fetching.then(error)
    }
}
