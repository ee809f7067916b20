//! Everything that is not a 200. The body is not looked at: it is free text, which may hold anything.

use refresh_session_core::{Code, Error};
use refresh_session_tls::HttpResponse;
use refresh_session_tls::http::headers::retry_after;

/// The error for a reply that is not a 200; `authorized`: whether a token was sent.
pub(crate) fn error(response: &HttpResponse, authorized: bool) -> Error {
    let status = response.status;
    let (code, found, hint) = classify(status, authorized);
    Error::new(code, format!("the container endpoint refused (HTTP {status}): {found}"))
        .with_hint(hint)
        .with_response(status, None, None)
        .with_retry_after(retry_after(&response.headers))
}

fn classify(status: u16, authorized: bool) -> (Code, &'static str, &'static str) {
    match status {
        401 | 403 if authorized => (
            Code::AccessDenied,
            "it does not accept the authorization token",
            "Check the token, or the file it is in: it may have been renewed elsewhere only.",
        ),
        401 | 403 => (
            Code::AccessDenied,
            "it wants an authorization token, and none was given",
            "Set `authorizationToken` or `authorizationTokenFile`, or their AWS_CONTAINER_AUTHORIZATION_TOKEN… variables.",
        ),
        404 => (
            Code::UnexpectedStatus,
            "it knows no credentials at this path",
            "Check the URL or path; on ECS: whether the task has a role.",
        ),
        429 => (Code::Throttled, "it was asked too often", "It is tried again."),
        300..=399 => (
            Code::UnexpectedStatus,
            "it redirects elsewhere, and a redirect is never followed",
            "Give the final URL.",
        ),
        500.. => {
            (Code::ServiceUnavailable, "it has a fault of its own", "Nothing to do here: it is tried again.")
        }
        _ => (Code::UnexpectedStatus, "for a reason that is not known here", "Check the URL or path."),
    }
}
