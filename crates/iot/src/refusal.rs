//! Everything that is not a 200: which status and message means what, and what a technician does about it.
//!
//! The messages are those that awslabs' `aws-iot-core-credential-provider-session-helper` observed. The body's text
//! is only ever compared, never passed on.

use refresh_session_core::{Code, Error};
use refresh_session_tls::HttpResponse;
use refresh_session_tls::http::headers::{REQUEST_ID, identifier, retry_after};
use serde::Deserialize;

use crate::IotRequest;

/// One known refusal.
struct Row {
    status: u16,
    /// Start of the body's `message`, lower case.
    message: &'static str,
    code: Code,
    found: fn(&IotRequest) -> String,
    hint: &'static str,
}

const TABLE: &[Row] = &[
    Row {
        status: 403,
        message: "invalid thing name",
        code: Code::ThingNotAttached,
        found: |request| {
            format!(
                "the thing \"{}\" is not attached to this certificate",
                request.thing_name().unwrap_or("")
            )
        },
        hint: "Check `thingName`, or attach it: aws iot attach-thing-principal --thing-name NAME --principal CERTIFICATE_ARN.",
    },
    Row {
        status: 403,
        message: "certificate is invalid",
        code: Code::CertificateNotAccepted,
        found: |_| "the certificate is not known at this endpoint".into(),
        hint: "Check that `endpoint` is of the account and region where the certificate is registered, and that it is ACTIVE.",
    },
    Row {
        status: 403,
        message: "",
        code: Code::AccessDenied,
        found: |request| format!("the certificate may not use the role alias \"{}\"", request.role_alias()),
        hint: "Attach an IoT policy to the certificate that allows iot:AssumeRoleWithCertificate on the role alias.",
    },
    Row {
        status: 404,
        message: "",
        code: Code::RoleAliasNotFound,
        found: |request| {
            format!("there is no role alias \"{}\" in this account and region", request.role_alias())
        },
        hint: "Check `roleAlias` (it is not the role's name), or make it: aws iot create-role-alias.",
    },
    Row {
        status: 400,
        message: "unable to assume the role",
        code: Code::RoleNotAssumable,
        found: |request| format!("the role behind \"{}\" cannot be assumed", request.role_alias()),
        hint: "Check that the role exists and that its trust policy allows sts:AssumeRole to credentials.iot.amazonaws.com.",
    },
    Row {
        status: 400,
        message: "the requested credentialdurationseconds exceeds",
        code: Code::DurationTooLong,
        found: |request| {
            format!("the role alias \"{}\" asks for a longer life than its role allows", request.role_alias())
        },
        hint: "Lower credentialDurationSeconds of the alias (or `durationSeconds`), or raise the role's MaxSessionDuration.",
    },
];

/// The error for a reply that is not a 200.
pub(crate) fn error(request: &IotRequest, response: &HttpResponse) -> Error {
    let status = response.status;
    let aws_error_type = identifier(&response.headers, "x-amzn-errortype");
    let (code, found, hint) = classify(request, response, aws_error_type.as_deref());
    let asked = if response.connection.certificate_sent || response.connection.resumed {
        ""
    } else {
        "; the server never asked for a certificate, so it may not be the IoT endpoint, or something inspects TLS"
    };
    Error::new(code, format!("the credentials endpoint refused (HTTP {status}): {found}{asked}"))
        .with_hint(hint)
        .with_response(status, identifier(&response.headers, REQUEST_ID), aws_error_type)
        .with_retry_after(retry_after(&response.headers))
}

fn classify(
    request: &IotRequest,
    response: &HttpResponse,
    error_type: Option<&str>,
) -> (Code, String, &'static str) {
    let status = response.status;
    if status == 429 || error_type.is_some_and(|name| name.starts_with("Throttl")) {
        return (
            Code::Throttled,
            "too many requests from this account".into(),
            "Spread the fleet's start-up, or raise the quota \"AssumeRoleWithCertificate API TPS\".",
        );
    }
    if status >= 500 {
        let found = "the service has a fault of its own".into();
        return (Code::ServiceUnavailable, found, "Nothing to do here: it is tried again.");
    }
    if (300..400).contains(&status) {
        let found = "it redirects elsewhere, and a redirect is never followed".into();
        return (Code::UnexpectedStatus, found, "Check `endpoint`; a portal or proxy may be answering.");
    }
    let said = message(&response.body);
    let fits =
        |row: &&Row| row.status == status && said.as_ref().is_some_and(|said| said.starts_with(row.message));
    match TABLE.iter().find(fits) {
        Some(row) => (row.code, (row.found)(request), row.hint),
        None => (
            Code::UnexpectedStatus,
            "for a reason that is not known here".into(),
            "Check `endpoint`, a portal or proxy may be answering; with the request id AWS support can tell more.",
        ),
    }
}

/// The body's `message`, lower case; `None` when the body is something else, such as a portal's page.
fn message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(alias = "Message")]
        message: String,
    }
    serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.message.to_lowercase())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use refresh_session_core::BootTime;
    use refresh_session_tls::http::ConnectionFacts;

    use super::*;

    fn refused(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Error {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        let response = HttpResponse {
            status,
            headers: headers.collect(),
            body: body.as_bytes().to_vec().into(),
            sent: BootTime::default(),
            received: BootTime::default(),
            connection: ConnectionFacts {
                tls_version: Some("TLSv1.3"),
                cipher_suite: None,
                resumed: false,
                certificate_sent: true,
                kept: false,
            },
        };
        let request = IotRequest::new("gateway-role".into(), Some("gw-0042".into()), None).unwrap();
        error(&request, &response)
    }

    #[test]
    fn every_known_refusal_has_its_code() {
        for (status, message, code, names) in [
            (403, "Invalid thing name passed", Code::ThingNotAttached, "gw-0042"),
            (403, "Access Denied", Code::AccessDenied, "gateway-role"),
            (403, "Certificate is invalid on this endpoint", Code::CertificateNotAccepted, "certificate"),
            (404, "Role alias does not exist", Code::RoleAliasNotFound, "gateway-role"),
            (
                400,
                "Unable to assume the role, or the role to assume does not exist",
                Code::RoleNotAssumable,
                "role",
            ),
            (
                400,
                "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role",
                Code::DurationTooLong,
                "longer",
            ),
            (400, "Something new", Code::UnexpectedStatus, "not known"),
            (429, "Too many", Code::Throttled, "too many"),
            (500, "", Code::ServiceUnavailable, "fault"),
            (503, "", Code::ServiceUnavailable, "fault"),
            (302, "", Code::UnexpectedStatus, "redirect"),
            (418, "", Code::UnexpectedStatus, "not known"),
        ] {
            let error = refused(status, &format!(r#"{{"message":"{message}"}}"#), &[]);
            assert_eq!((error.code(), error.status_code()), (code, Some(status)), "{status} {message}");
            assert!(error.message().contains(names), "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn the_body_and_odd_headers_are_never_passed_on() {
        let error = refused(
            403,
            r#"{"message":"canary"}"#,
            &[("x-amzn-requestid", "id-1"), ("x-amzn-errortype", "AccessDeniedException:http://x/")],
        );
        assert_eq!(
            (error.request_id(), error.aws_error_type()),
            (Some("id-1"), Some("AccessDeniedException"))
        );
        let odd = refused(400, "canary", &[("x-amzn-requestid", "a b<script>")]);
        assert_eq!(odd.request_id(), None);
        assert!(!format!("{error:?}{odd:?}").contains("canary"));
    }

    #[test]
    fn a_portals_page_is_no_refusal_of_aws() {
        for status in [400, 403, 404] {
            assert_eq!(refused(status, "<html>log in</html>", &[]).code(), Code::UnexpectedStatus);
        }
    }

    #[test]
    fn a_throttling_type_counts_whatever_the_status() {
        let headers = [("x-amzn-errortype", "ThrottlingException"), ("retry-after", "7")];
        let error = refused(400, "", &headers);
        assert_eq!((error.code(), error.retryable()), (Code::Throttled, true));
        assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)));
    }
}
