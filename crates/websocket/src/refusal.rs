//! What a server that stays with HTTP means by it. AWS IoT says nothing but the status and the number of the request.

use refresh_session_core::{Code, Error};
use refresh_session_tls::http::headers::{REQUEST_ID, identifier, retry_after};

use crate::answer::Head;

/// The error of an answer that is not 101.
pub(crate) fn error(host: &str, head: &Head) -> Error {
    let status = head.status;
    let (code, found, hint) = match status {
        401 | 403 => (
            Code::MqttConnectRefused,
            "refused who asks for the WebSocket",
            "With AWS IoT: the policy of the credentials' role has to allow `iot:Connect` on this client identifier, the \
             credentials have to be of this account and not over, the region has to be the endpoint's, and the time \
             right within five minutes. With a custom authorizer: check its name, token and signature.",
        ),
        300..=399 => (
            Code::UnexpectedStatus,
            "redirects the WebSocket elsewhere, which is never followed",
            "Check `endpoint`: something other than an MQTT server may be listening there, such as a portal's login page.",
        ),
        426 => (
            Code::UnexpectedStatus,
            "did not see a request for a WebSocket that it takes",
            "AWS IoT answers this to a signature that is over. Otherwise a proxy on the way may have taken the upgrade out \
             of the request: have it let this endpoint through untouched.",
        ),
        429 => (Code::Throttled, "takes no more connections now", "It is tried again later."),
        500.. => (Code::ServiceUnavailable, "has trouble of its own", "It is tried again later."),
        _ => (
            Code::UnexpectedStatus,
            "has no WebSocket at /mqtt",
            "Check `endpoint` and its port: an MQTT server has to take WebSocket at /mqtt there.",
        ),
    };
    Error::new(code, format!("{host} {found} (HTTP {status})"))
        .with_hint(hint)
        .with_retry_after(retry_after(&head.headers))
        .with_response(status, identifier(&head.headers, REQUEST_ID), None)
        // Not that anybody gives up: what a person has to change is asked for less often.
        .with_retryable(!matches!(status, 300..=403))
}
