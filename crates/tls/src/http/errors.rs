//! What can go wrong with a request on a connection that is up.

use std::io;
use std::time::Duration;

use http::response::Parts;
use refresh_session_core::{BootTime, Code, Error};

use super::headers::{REQUEST_ID, identifier};
use super::{MAX_BODY_BYTES, Target};
use crate::handshake::{HandshakeReport, Phase};
use crate::link::hop::Hop;
use crate::way::errors::{self, Peer};

pub(super) fn timed_out(
    hop: &Hop<'_>,
    target: &Target,
    limit: Duration,
    report: &HandshakeReport,
    now: BootTime,
) -> Error {
    let message = format!(
        "request to {}: no answer within {} ms; it was {}",
        target.authority(),
        limit.as_millis(),
        report.under_way(hop, now)
    );
    Error::new(Code::Timeout, message).with_hint(match report.phase() {
        Phase::Sign => {
            "The token is slow or hung: check it, or raise `timeoutMs` and `pkcs11.signTimeoutMs`.".into()
        }
        phase => errors::slow_link(phase, "`timeoutMs`"),
    })
}

/// A failure on a connection that was up.
///
/// `certificate_at_risk`: it was the first read after our certificate went out, and nothing had come yet.
pub(super) fn exchange_failed(peer: &Peer<'_>, error: hyper::Error, certificate_at_risk: bool) -> Error {
    if let Some(fault) = errors::tls_failed(peer, &error, certificate_at_risk) {
        return fault;
    }
    if error.is_parse() {
        return Error::new(Code::Protocol, format!("{peer} does not answer in HTTP/1.1: {error}"))
            .with_hint(
                "Something else may be listening there, such as a proxy's login page: check `endpoint`.",
            )
            .with_source(error);
    }
    let cut = errors::find::<io::Error>(&error).is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof);
    if certificate_at_risk && (cut || error.is_incomplete_message()) {
        return errors::hung_up(peer);
    }
    errors::lost(peer, &error).with_source(error)
}

pub(super) fn too_large(target: &Target, head: &Parts) -> Error {
    let status = head.status.as_u16();
    Error::new(
        Code::ReplyTooLarge,
        format!("the reply of {} is larger than {MAX_BODY_BYTES} bytes (HTTP {status})", target.authority()),
    )
    .with_hint("A genuine reply has about 1.5 KiB: check what answers at `endpoint`.")
    .with_response(status, identifier(&head.headers, REQUEST_ID), None)
}
