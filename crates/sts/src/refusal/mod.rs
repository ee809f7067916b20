//! Everything that is not a good reply: which code of AWS means what, and what a technician does about it.
//!
//! "STS API reference, common errors" and the errors of each operation. Non-recoverable, so that the machine asks no more
//! until somebody has changed something: denied, malformed or too large policies, a disabled region, refused tokens
//! and keys. Expired keys and tokens are not: the next attempt asks their provider anew.

mod table;

use refresh_session_core::{Code, Error};
use refresh_session_tls::HttpResponse;
use refresh_session_tls::http::headers::{REQUEST_ID, identifier, retry_after};

use crate::reply;
use table::{EVERY_5XX, SKEWED, TABLE, THROTTLED};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) action: &'static str,
    pub(crate) role: Option<&'a str>,
}

/// What STS said.
pub(crate) struct Said<'a> {
    /// Empty if the body is no error of AWS.
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    /// The server's clock is far from what was signed.
    pub(crate) off: bool,
}

/// The error for a reply that is not a good one.
pub(crate) fn error(request: &Request<'_>, said: &Said<'_>, response: &HttpResponse) -> Error {
    let (action, status) = (request.action, response.status);
    let request_id = identifier(&response.headers, REQUEST_ID);
    if (200..300).contains(&status) {
        let error = reply::bad("it is not the documented XML");
        return error.with_response(status, request_id, None);
    }
    let (code, found, hint) = classify(request, said, status);
    let error = Error::new(code, format!("STS refused {action} (HTTP {status}): {found}"))
        .with_hint(hint)
        .with_response(status, request_id, shown(said.code))
        .with_retry_after(retry_after(&response.headers));
    match code {
        // Only there an option gives what signs.
        Code::SourceCredentialsExpired | Code::SourceCredentialsRefused if action == "AssumeRole" => {
            error.with_param("sourceCredentials")
        }
        _ => error,
    }
}

fn classify(request: &Request<'_>, said: &Said<'_>, status: u16) -> (Code, String, String) {
    let plain = |code, found: &str, hint: &str| (code, found.to_owned(), hint.to_owned());
    if status == 429 || said.code.starts_with("Throttl") || THROTTLED.contains(&said.code) {
        return plain(
            Code::Throttled,
            "too many requests from this account",
            "Spread the fleet's start-up; STS's limits are for each account and region.",
        );
    }
    if status >= 500 || EVERY_5XX.contains(&said.code) {
        return plain(
            Code::ServiceUnavailable,
            "the service has a fault of its own",
            "Nothing to do here: it is tried again.",
        );
    }
    if SKEWED.codes.contains(&said.code) || (said.off && crate::skew::is_suspect(said.code)) {
        return plain(SKEWED.code, SKEWED.found, SKEWED.hint);
    }
    // The same code for two things: without a signature it can only be the token.
    if said.code.starts_with("ExpiredToken") && request.action == "AssumeRoleWithWebIdentity" {
        return plain(
            Code::IdentityTokenExpired,
            "the web identity token is over",
            "Whoever writes it must renew it in time; it is read anew at the next attempt.",
        );
    }
    let message = said.message.to_lowercase();
    let fits = |row: &&table::Row| row.codes.contains(&said.code) && message.contains(row.message);
    if let Some(row) = TABLE.iter().find(fits) {
        return plain(row.code, row.found, row.hint);
    }
    match said.code {
        "AccessDenied" | "AccessDeniedException" => denied(request, said.message),
        _ if (300..400).contains(&status) => plain(
            Code::UnexpectedStatus,
            "it redirects elsewhere, and a redirect is never followed",
            "Check `stsClientConfig.endpoint`; a portal or proxy may be answering.",
        ),
        _ => plain(
            Code::UnexpectedStatus,
            "for a reason that is not known here",
            "Check `stsClientConfig.endpoint`, a portal or proxy may be answering; with the request id AWS support can tell more.",
        ),
    }
}

fn denied(request: &Request<'_>, message: &str) -> (Code, String, String) {
    let who = message
        .strip_prefix("User: ")
        .and_then(|rest| rest.split(' ').next())
        .filter(|arn| is_principal(arn));
    let who = who.unwrap_or("the caller");
    let (found, hint) = match request.role {
        Some(role) => (
            format!("{who} may not assume {role}"),
            "Check that the role exists, that its trust policy allows the caller (with its conditions: MFA, external id, source identity, tags), and that a policy of the caller allows sts:AssumeRole on it.",
        ),
        None => (format!("{who} may not do that"), "Check the caller's policies."),
    };
    (Code::AccessDenied, found, hint.to_owned())
}

/// An ARN of a user or role, and nothing else that somebody may have put there.
fn is_principal(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let &["arn", partition, "iam" | "sts", "", account, name] = &*parts else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@/-".contains(c);
    partition.starts_with("aws")
        && partition.len() <= 16
        && reply::is_account(account)
        && name.len() <= 200
        && name.contains('/')
        && text.split(':').flat_map(str::chars).all(plain)
}

/// AWS's code for `awsErrorType`, if it looks like one.
fn shown(code: &str) -> Option<String> {
    let plain = (1..=64).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use refresh_session_core::BootTime;
    use refresh_session_tls::http::ConnectionFacts;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/Gateway";

    fn refused(
        action: &'static str,
        status: u16,
        said: &Said<'_>,
        headers: &[(&'static str, &'static str)],
    ) -> Error {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let response = HttpResponse {
            status,
            headers: headers.collect(),
            body: Vec::new().into(),
            sent: BootTime::default(),
            received: BootTime::default(),
            connection: ConnectionFacts {
                tls_version: None,
                cipher_suite: None,
                resumed: false,
                certificate_sent: false,
                kept: false,
            },
        };
        error(&Request { action, role: Some(ROLE) }, said, &response)
    }

    fn said<'a>(code: &'a str, message: &'a str) -> Said<'a> {
        Said { code, message, off: false }
    }

    #[test]
    fn every_known_refusal_has_its_code() {
        let mfa = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
        let other_mfa = "MultiFactorAuthentication failed, unable to validate MFA code.";
        let too_long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        let chained = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        for (status, code, message, expected, retryable) in [
            (403, "AccessDenied", mfa, Code::MfaCodeRefused, true),
            (403, "AccessDenied", other_mfa, Code::MfaCodeRefused, true),
            (403, "AccessDenied", "User: x is not authorized", Code::AccessDenied, false),
            (403, "ExpiredToken", "", Code::SourceCredentialsExpired, true),
            (403, "InvalidClientTokenId", "", Code::SourceCredentialsRefused, false),
            (403, "SignatureDoesNotMatch", "", Code::SourceCredentialsRefused, false),
            (403, "MissingAuthenticationToken", "", Code::SourceCredentialsRefused, false),
            (400, "InvalidIdentityToken", "", Code::IdentityTokenRefused, false),
            (403, "IDPRejectedClaim", "", Code::IdentityTokenRefused, false),
            (400, "IDPCommunicationError", "", Code::ServiceUnavailable, true),
            (400, "MalformedPolicyDocument", "", Code::PolicyRefused, false),
            (400, "PackedPolicyTooLarge", "", Code::PolicyRefused, false),
            (403, "RegionDisabledException", "", Code::RegionDisabled, false),
            (400, "ValidationError", too_long, Code::DurationTooLong, false),
            (400, "ValidationError", chained, Code::DurationTooLong, false),
            (400, "ValidationError", "1 validation error detected", Code::RequestRefused, false),
            (400, "RequestTimeTooSkewed", "", Code::ClockSkew, true),
            (400, "Throttling", "Rate exceeded", Code::Throttled, true),
            (400, "RequestLimitExceeded", "", Code::Throttled, true),
            (429, "", "", Code::Throttled, true),
            (500, "InternalFailure", "", Code::ServiceUnavailable, true),
            (503, "", "", Code::ServiceUnavailable, true),
            (302, "", "", Code::UnexpectedStatus, false),
            (400, "SomethingNew", "", Code::UnexpectedStatus, false),
            (200, "", "", Code::BadReply, true),
        ] {
            let error = refused("AssumeRole", status, &said(code, message), &[]);
            assert_eq!((error.code(), error.retryable()), (expected, retryable), "{code} {message}");
            assert_eq!(error.status_code(), Some(status));
            assert!(error.hint().is_some(), "{error}");
            if status >= 300 {
                assert_eq!(error.aws_error_type().unwrap_or_default(), code);
            }
        }
    }

    #[test]
    fn credentials_that_sign_are_an_option_of_one_action() {
        for (code, action, param) in [
            ("ExpiredToken", "AssumeRole", Some("sourceCredentials")),
            ("InvalidClientTokenId", "AssumeRole", Some("sourceCredentials")),
            ("ExpiredToken", "GetCallerIdentity", None),
            ("AccessDenied", "AssumeRole", None),
        ] {
            assert_eq!(refused(action, 403, &said(code, ""), &[]).param(), param, "{code}");
        }
    }

    #[test]
    fn one_code_of_aws_may_mean_two_things() {
        let expired = said("ExpiredTokenException", "Token expired");
        let web = refused("AssumeRoleWithWebIdentity", 400, &expired, &[]);
        assert_eq!(web.code(), Code::IdentityTokenExpired);
        let skewed = Said { code: "SignatureDoesNotMatch", message: "Signature expired", off: true };
        assert_eq!(refused("AssumeRole", 403, &skewed, &[]).code(), Code::ClockSkew);
    }

    #[test]
    fn who_was_denied_is_told_if_it_is_an_arn() {
        let denied = |message: &str| {
            refused("AssumeRole", 403, &said("AccessDenied", message), &[]).message().to_owned()
        };
        let arn = "arn:aws:sts::123456789012:assumed-role/Base/gw-0042";
        let message =
            denied(&format!("User: {arn} is not authorized to perform: sts:AssumeRole on resource: x"));
        assert!(message.ends_with(&format!("{arn} may not assume {ROLE}")), "{message}");
        for who in [
            "canary",
            "arn:aws:iam::123456789012:root\ncanary",
            "arn:aws:iam::123456789012:user/canary\u{1b}[1m",
            "arn:aws:iam::canary:user/x",
            "arn:canary:iam::123456789012:user/x",
            &format!("arn:aws:iam::123456789012:user/canary{}", "x".repeat(200)),
        ] {
            let message = denied(&format!("User: {who} is not authorized"));
            assert!(
                message.contains("the caller may not assume") && !message.contains("canary"),
                "{message}"
            );
        }
    }

    #[test]
    fn nothing_else_is_passed_on() {
        let headers = [("x-amzn-requestid", "id-1"), ("retry-after", "7")];
        let error = refused("AssumeRole", 403, &said("SignatureDoesNotMatch", "canary"), &headers);
        assert_eq!((error.request_id(), error.retry_after().unwrap().as_secs()), (Some("id-1"), 7));
        let odd = refused("AssumeRole", 400, &said("<canary>", "canary"), &[("x-amzn-requestid", "a b")]);
        assert_eq!((odd.request_id(), odd.aws_error_type()), (None, None));
        assert!(!format!("{error:?}{odd:?}").contains("canary"));
    }
}
