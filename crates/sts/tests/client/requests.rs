//! What is sent, and what a good reply becomes.

use std::time::Duration;

use refresh_session_core::Secret;
use refresh_session_sts::{
    AssumeRole, AssumeRoleFields, ProvidedContext, SessionToken, WebIdentityFields, WebIdentityRole,
};

use crate::support::{ROLE, Server, TestClock, base, issued, reply};

const DATE: &str = "Fri, 04 Jul 2031 10:00:00 GMT";
const NOW: &str = "2031-07-04T10:00:00Z";

#[tokio::test]
async fn every_parameter_of_a_role_is_sent() {
    let server = Server::start(vec![reply(200, DATE, &issued("AssumeRole"))]).await;
    let role = AssumeRole::new(AssumeRoleFields {
        role_arn: ROLE.into(),
        role_session_name: Some("gw".into()),
        policy_arns: vec!["arn:aws:iam::aws:policy/A".into(), "arn:aws:iam::aws:policy/B".into()],
        policy: Some("{}".into()),
        duration_seconds: Some(900),
        external_id: Some("external".into()),
        serial_number: Some("GAHT12345678".into()),
        tags: vec![("Site".into(), "one two".into()), ("Empty".into(), String::new())],
        transitive_tag_keys: vec!["Site".into()],
        source_identity: Some("me".into()),
        provided_contexts: vec![ProvidedContext {
            provider_arn: "arn:aws:iam::aws:contextProvider/IdentityCenter".into(),
            context_assertion: "signed".into(),
        }],
    })
    .unwrap();
    let client = server.client(&TestClock::at(NOW));
    let fetched = client.assume_role(&role, &base(), Some(&Secret::from("012345"))).await.unwrap();

    let identity = &fetched.identity;
    assert_eq!(
        (identity.access_key_id.as_str(), identity.account_id.as_deref()),
        ("ASIAEXAMPLE", Some("123456789012"))
    );
    assert_eq!(identity.secret_access_key.expose(), b"canary/secret");
    assert_eq!(identity.session_token.as_ref().unwrap().expose(), b"canary-token==");
    assert_eq!(identity.expiration.unwrap().to_string(), "2031-07-04T11:00:00Z");
    assert_eq!(fetched.server_date.unwrap().to_string(), "2031-07-04T10:00:01Z");
    assert_eq!(fetched.round_trip, Duration::ZERO);

    let asked = &server.asked()[0];
    assert!(asked.head.starts_with("POST / HTTP/1.1\r\n"), "{}", asked.head);
    assert_eq!(asked.header("x-amz-security-token"), Some("canary-base-token"));
    assert_eq!(asked.header("x-amz-date"), Some("20310704T100000Z"));
    let authorization = asked.header("authorization").unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20310704/eu-west-1/sts/aws4_request";
    assert!(authorization.starts_with(scope), "{authorization}");
    for (name, value) in [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FGateway"),
        ("RoleSessionName", "gw"),
        ("PolicyArns.member.2.arn", "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FB"),
        ("Policy", "%7B%7D"),
        ("DurationSeconds", "900"),
        ("ExternalId", "external"),
        ("SerialNumber", "GAHT12345678"),
        ("TokenCode", "012345"),
        ("Tags.member.1.Key", "Site"),
        ("Tags.member.1.Value", "one%20two"),
        ("Tags.member.2.Value", ""),
        ("TransitiveTagKeys.member.1", "Site"),
        ("SourceIdentity", "me"),
        ("ProvidedContexts.member.1.ContextAssertion", "signed"),
    ] {
        assert_eq!(asked.parameter(name), Some(value), "{name} in {}", asked.body);
    }
    assert_eq!(asked.body.split('&').count(), 19, "{}", asked.body);
}

#[tokio::test]
async fn a_web_identity_is_sent_without_a_signature() {
    let server = Server::start(vec![reply(200, DATE, &issued("AssumeRoleWithWebIdentity"))]).await;
    let role =
        WebIdentityRole::new(WebIdentityFields { role_arn: ROLE.into(), ..Default::default() }).unwrap();
    let client = server.client(&TestClock::at(NOW));
    let fetched = client.assume_role_with_web_identity(&role, &Secret::from("head.body.sig")).await.unwrap();
    assert_eq!(fetched.identity.account_id.as_deref(), Some("123456789012"));
    let asked = &server.asked()[0];
    assert_eq!((asked.header("authorization"), asked.header("x-amz-security-token")), (None, None));
    assert_eq!(asked.parameter("WebIdentityToken"), Some("head.body.sig"));
    assert_eq!(asked.parameter("RoleSessionName"), Some("refresh-session"));
}

#[tokio::test]
async fn a_session_token_is_of_the_accounts_own_user() {
    let server = Server::start(vec![reply(200, DATE, &issued("GetSessionToken"))]).await;
    let client = server.client(&TestClock::at(NOW));
    let asked_for = SessionToken::new(Some(900), Some("GAHT12345678".into())).unwrap();
    let base = base().with_account_id(Some("210987654321".into()));
    let code = Secret::from("123456");
    let fetched = client.session_token(&asked_for, &base, Some(&code)).await.unwrap();
    assert_eq!(fetched.identity.account_id.as_deref(), Some("210987654321"));
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.parameter("TokenCode"), asked.parameter("DurationSeconds")),
        (Some("123456"), Some("900"))
    );
}

#[tokio::test]
async fn a_request_with_a_code_is_never_repeated_by_the_connection() {
    let server = Server::start(vec![reply(200, DATE, &issued("AssumeRole"))]).await;
    let client = server.client(&TestClock::at(NOW));
    let role = crate::support::role();
    let code = Secret::from("123456");
    for code in [None, None, Some(&code)] {
        client.assume_role(&role, &base(), code).await.unwrap();
    }
    let connections: Vec<_> = server.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [1, 1, 2]);
    let wrong = client.assume_role(&role, &base(), Some(&Secret::from("12345x"))).await.unwrap_err();
    assert_eq!(wrong.param(), Some("mfaTokenProvider"));
    assert_eq!(server.asked().len(), 3);
}
