//! What goes wrong comes out as one typed error.

use std::sync::Arc;

use refresh_session_core::{Code, Error};

use crate::support::{ROLE, Server, TestClock, base, client, error, issued, reply, role};

const DATE: &str = "Fri, 04 Jul 2031 10:00:00 GMT";

fn clock() -> Arc<TestClock> {
    TestClock::at("2031-07-04T10:00:00Z")
}

async fn refused(reply: String) -> Error {
    let server = Server::start(vec![reply]).await;
    let error = server.client(&clock()).assume_role(&role(), &base(), None).await.unwrap_err();
    assert_eq!(server.asked().len(), 1, "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn a_way_that_fails_keeps_its_own_error() {
    let unresolved = client("http://does-not-resolve.invalid", &clock());
    let error = unresolved.assume_role(&role(), &base(), None).await.unwrap_err();
    assert_eq!(error.code(), Code::Dns);
    assert!(error.hint().unwrap().contains("DNS"), "{error:?}");
    let error = client("http://127.0.0.1:1", &clock()).caller_identity(&base()).await.unwrap_err();
    assert_eq!(error.code(), Code::Connect);
    assert!(error.message().contains("127.0.0.1:1 refused"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_read_from_the_reply() {
    let message = "User: arn:aws:iam::123456789012:user/gw is not authorized to perform: sts:AssumeRole";
    let denied = refused(error(403, DATE, "AccessDenied", message)).await;
    assert_eq!((denied.code(), denied.status_code()), (Code::AccessDenied, Some(403)));
    assert_eq!((denied.request_id(), denied.aws_error_type()), (Some("id-1"), Some("AccessDenied")));
    let said =
        format!("STS refused AssumeRole (HTTP 403): arn:aws:iam::123456789012:user/gw may not assume {ROLE}");
    assert_eq!(denied.message(), said);

    let mfa = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
    assert_eq!(refused(error(403, DATE, "AccessDenied", mfa)).await.code(), Code::MfaCodeRefused);
    assert_eq!(
        refused(error(403, DATE, "ExpiredToken", "canary")).await.code(),
        Code::SourceCredentialsExpired
    );
    assert_eq!(refused(error(400, DATE, "Throttling", "Rate exceeded")).await.code(), Code::Throttled);
    assert_eq!(refused(error(500, DATE, "InternalFailure", "")).await.code(), Code::ServiceUnavailable);
    // It has the request in its message, with the token.
    let wrong = error(403, DATE, "SignatureDoesNotMatch", "x-amz-security-token:canary-base-token");
    assert_eq!(refused(wrong).await.code(), Code::SourceCredentialsRefused);
}

#[tokio::test]
async fn what_is_no_answer_of_sts_is_said_to_be_none() {
    for (status, body, code) in [
        (200, "", Code::BadReply),
        (200, "<html>canary", Code::BadReply),
        (200, "<AssumeRoleResponse/>", Code::BadReply),
        (200, &issued("AssumeRole")[..400], Code::BadReply),
        (200, &issued("AssumeRole").replace("canary/secret", ""), Code::BadReply),
        (
            200,
            &issued("AssumeRole").replace("<Expiration>2031-07-04T11:00:00Z</Expiration>", ""),
            Code::BadReply,
        ),
        (200, &issued("AssumeRole").replace("2031-07-04T11", "soon"), Code::BadReply),
        (200, &issued("AssumeRole").replace("123456789012", "canary"), Code::BadReply),
        (200, &issued("AssumeRole").replace("2031-07-04T11", "2031-07-04T10"), Code::ExpiredReply),
        (302, "", Code::UnexpectedStatus),
        (403, "<html>log in, canary</html>", Code::UnexpectedStatus),
        (503, "canary", Code::ServiceUnavailable),
        (429, "", Code::Throttled),
    ] {
        let error = refused(reply(status, DATE, body)).await;
        assert_eq!((error.code(), error.status_code()), (code, Some(status)), "{status} {body} {error:?}");
        assert_eq!(error.request_id(), Some("id-1"), "{error}");
    }
}

#[tokio::test]
async fn a_caller_is_read_strictly_too() {
    let caller = |account: &str| {
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::123456789012:user/gw</Arn><UserId>AIDAEXAMPLE</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
    };
    let server =
        Server::start(vec![reply(200, DATE, &caller("123456789012")), reply(200, DATE, &caller("x"))]).await;
    let client = server.client(&clock());
    let found = client.caller_identity(&base()).await.unwrap();
    assert_eq!((&*found.account, &*found.user_id), ("123456789012", "AIDAEXAMPLE"));
    assert_eq!(client.caller_identity(&base()).await.unwrap_err().code(), Code::BadReply);
}
