//! One request and its reply on an open connection.

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http_body_util::{BodyExt as _, Full};
use refresh_session_core::{Clock, Code, Error};
use zeroize::Zeroizing;

use super::connect::Connection;
use super::{HttpRequest, HttpResponse, MAX_BODY_BYTES, Target, errors};
use crate::handshake::Phase;
use crate::way::errors::Peer;

/// Why an exchange failed, and whether the request can have been seen by the server.
pub(super) enum Failure {
    /// The connection broke before any byte of a reply; `fresh` if it had carried no request before.
    BeforeReply { error: hyper::Error, fresh: bool, certificate_at_risk: bool },
    /// The connection broke within the reply.
    WithinReply(hyper::Error),
    /// The reply itself is at fault.
    Reply(Error),
}

impl Failure {
    /// A kept connection that the server had already closed: the request was never read.
    pub(super) fn may_retry(&self) -> bool {
        matches!(self, Self::BeforeReply { error, fresh: false, .. } if !error.is_parse())
    }

    pub(super) fn into_error(self, peer: &Peer<'_>) -> Error {
        match self {
            Self::BeforeReply { error, certificate_at_risk, .. } => {
                errors::exchange_failed(peer, error, certificate_at_risk)
            }
            Self::WithinReply(error) => errors::exchange_failed(peer, error, false),
            Self::Reply(error) => error,
        }
    }
}

impl Connection {
    pub(super) async fn exchange(
        &mut self,
        target: &Target,
        request: &HttpRequest,
        clock: &dyn Clock,
    ) -> Result<HttpResponse, Failure> {
        let fresh = self.requests == 0;
        self.requests += 1;
        self.report.enter(Phase::Response);
        // In TLS 1.3 the client's handshake ends before the server has judged its certificate, and a refusal shows on
        // the first read. In TLS 1.2 the server's Finished has accepted it.
        let judged = self.facts.tls_version != Some("TLSv1.3");
        let certificate_at_risk = fresh && !judged && self.report.certificate_sent();
        let before_reply = |error| Failure::BeforeReply { error, fresh, certificate_at_risk };

        let message = build(target, request).map_err(Failure::Reply)?;
        let report = self.report.clone();
        let (sender, pump) = self.parts();
        pump.run(sender.ready()).await.map_err(before_reply)?;
        let sent = clock.boot();
        let reply = pump.run(sender.send_request(message)).await.map_err(before_reply)?;
        let received = clock.boot();

        report.enter(Phase::Body);
        let (head, mut incoming) = reply.into_parts();
        let mut body = Zeroizing::new(Vec::with_capacity(4096));
        loop {
            let frame = pump.run(async { incoming.frame().await.transpose() }).await;
            let Some(frame) = frame.map_err(Failure::WithinReply)? else { break };
            let Ok(data) = frame.into_data() else { continue };
            if body.len() + data.len() > MAX_BODY_BYTES {
                return Err(Failure::Reply(errors::too_large(target, &head)));
            }
            body.extend_from_slice(&data);
        }
        self.close_after = says_close(&head);
        self.idle_since = clock.boot();
        let mut connection = self.facts.clone();
        connection.kept = !fresh;
        Ok(HttpResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            sent,
            received,
            connection,
        })
    }
}

fn build(target: &Target, request: &HttpRequest) -> Result<http::Request<Full<Bytes>>, Error> {
    let mut message = http::Request::builder()
        .method(&request.method)
        .uri(&request.path)
        .header(HOST, target.authority())
        .body(Full::new(request.body.clone()))
        .map_err(|error| Error::new(Code::Internal, format!("the request cannot be built: {error}")))?;
    message.headers_mut().extend(request.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(message)
}

fn says_close(head: &http::response::Parts) -> bool {
    head.version != http::Version::HTTP_11
        || head
            .headers
            .get(CONNECTION)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("close")))
}
