//! What happened in one handshake, kept beside it.
//!
//! The configuration is shared by many handshakes and rustls calls back without saying for which; but it calls back
//! inside the poll of the handshake's own task. So the report travels as a task-local.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use refresh_session_core::{BootTime, Error};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::link::attempts::Attempts;
use crate::link::hop::Hop;
use crate::server::Rejected;

tokio::task_local! {
    static CURRENT: Arc<HandshakeReport>;
}

/// The part of a fetch that is under way; named in a timeout's message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Looking up the name.
    Resolve,
    /// Opening the TCP connection.
    Connect,
    /// Waiting for the proxy's answer to CONNECT.
    Proxy,
    /// The TLS handshake.
    Handshake,
    /// The token is making the signature that the handshake needs.
    Sign,
    /// Request sent, waiting for the head of the reply.
    Response,
    /// Reading the body of the reply.
    Body,
}

/// A record of one connection attempt, written by rustls' callbacks and read when it ends.
#[derive(Debug, Default)]
pub(crate) struct HandshakeReport {
    phase: AtomicU8,
    certificate_sent: AtomicBool,
    refused_schemes: Mutex<Option<String>>,
    signer_error: Mutex<Option<Error>>,
    rejected: Mutex<Option<Rejected>>,
    /// What each address said.
    pub(crate) attempts: Attempts,
}

impl HandshakeReport {
    /// Runs `handshake` with this report at hand for the callbacks.
    pub(crate) async fn scope<F: Future>(self: Arc<Self>, handshake: F) -> F::Output {
        CURRENT.scope(self, handshake).await
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Resolve,
            1 => Phase::Connect,
            2 => Phase::Proxy,
            3 => Phase::Handshake,
            4 => Phase::Sign,
            5 => Phase::Response,
            _ => Phase::Body,
        }
    }

    /// What was under way, for somebody who was cut off: completes "it was …".
    pub(crate) fn under_way(&self, hop: &Hop<'_>, now: BootTime) -> String {
        let through = match hop {
            Hop::Endpoint(_) => String::new(),
            Hop::Proxy(_) => format!(" through {hop}"),
        };
        match (self.phase(), hop) {
            (Phase::Resolve, Hop::Endpoint(_)) => "looking up the name".into(),
            (Phase::Resolve, Hop::Proxy(proxy)) => {
                format!("looking up the name of the proxy, {}", proxy.host())
            }
            (Phase::Connect, _) => {
                let to = match hop {
                    Hop::Endpoint(_) => String::new(),
                    Hop::Proxy(_) => format!(" to {hop}"),
                };
                let said = self.attempts.described(now).map(|said| format!(" ({said})")).unwrap_or_default();
                format!("opening the TCP connection{to}{said}")
            }
            (Phase::Proxy, _) => format!("waiting for the answer of {hop}"),
            (Phase::Handshake, _) => format!("in the TLS handshake{through}"),
            (Phase::Sign, _) => "waiting for the token's signature".into(),
            (Phase::Response, _) => format!("waiting for the reply{through}"),
            (Phase::Body, _) => format!("waiting for the reply's body{through}"),
        }
    }

    /// Whether our certificate went out.
    pub(crate) fn certificate_sent(&self) -> bool {
        self.certificate_sent.load(Ordering::Relaxed)
    }

    /// The schemes that the server offered, if our key can do none of them.
    pub(crate) fn refused_schemes(&self) -> Option<String> {
        self.refused_schemes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the signer said, as it said it.
    pub(crate) fn signer_error(&self) -> Option<Error> {
        self.signer_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server's certificate, if it was not accepted.
    pub(crate) fn rejected(&self) -> Option<Rejected> {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reject(rejected: Rejected) {
        let _ = CURRENT.try_with(|report| {
            *report.rejected.lock().unwrap_or_else(PoisonError::into_inner) = Some(rejected);
        });
    }

    pub(crate) fn signing() {
        let _ = CURRENT.try_with(|report| report.enter(Phase::Sign));
    }

    pub(crate) fn signed() {
        let _ = CURRENT.try_with(|report| report.enter(Phase::Handshake));
    }

    pub(crate) fn signer_failed(error: &Error) {
        let _ = CURRENT.try_with(|report| {
            *report.signer_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        });
    }
}

/// Gives the server our certificate, and remembers when it could not.
///
/// rustls answers `None` with an empty certificate list and says so only in a debug log; the server then refuses for
/// a reason that names something else.
#[derive(Debug)]
pub(crate) struct CertificateResolver(pub(crate) Arc<CertifiedKey>);

impl ResolvesClientCert for CertificateResolver {
    fn resolve(&self, _issuers: &[&[u8]], offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let usable = self.0.key.choose_scheme(offered).is_some();
        let _ = CURRENT.try_with(|report| {
            if usable {
                report.certificate_sent.store(true, Ordering::Relaxed);
            } else {
                *report.refused_schemes.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(listed(offered));
            }
        });
        usable.then(|| self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }

    fn only_raw_public_keys(&self) -> bool {
        false
    }
}

fn listed(offered: &[SignatureScheme]) -> String {
    offered.iter().map(|scheme| format!("{scheme:?}")).collect::<Vec<_>>().join(", ")
}
