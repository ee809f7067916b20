//! Reading a 200 strictly.
//!
//! Half a reply must never become credentials. Each of the four fields must be there once, be a non-empty text, and
//! the date must be a point in the future by the *server's* clock. What is wrong is named; what was found is not
//! shown, since it may be a key.

use refresh_session_core::{Code, Error, Identity, Result, Timestamp};
use refresh_session_tls::http::json::{self, Field};
use serde::Deserialize;

const HINT: &str =
    "Check that `endpoint` is the IoT credentials endpoint and that nothing on the way rewrites replies.";

/// Reads the body; `now` is the server's `Date`, or the best guess at it.
pub(crate) fn parse(body: &[u8], now: Timestamp) -> Result<Identity> {
    let reply: Reply = json::parse(body, "`credentials`").map_err(bad)?;
    let Some(credentials) = reply.credentials else { return Err(bad("it has no field `credentials`")) };
    let access_key_id = credentials.access_key_id.text("accessKeyId").map_err(bad)?;
    let secret_access_key = credentials.secret_access_key.text("secretAccessKey").map_err(bad)?;
    let session_token = credentials.session_token.text("sessionToken").map_err(bad)?;
    let expiration = credentials.expiration.text("expiration").map_err(bad)?;

    let access_key_id = access_key_id
        .expose_str()
        .filter(|id| id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(|| bad("its `accessKeyId` is not of letters and digits"))?
        .to_owned();
    let expiration = expiration
        .expose_str()
        .and_then(Timestamp::parse_rfc3339)
        .ok_or_else(|| bad("its `expiration` is not an RFC 3339 date with a time zone"))?;
    if expiration <= now {
        return Err(Error::new(
            Code::ExpiredReply,
            format!("the endpoint's reply holds keys that ended at {expiration}; its clock says {now}"),
        )
        .with_hint("The keys held are kept. If it goes on, something on the way caches replies."));
    }
    Ok(Identity::new(access_key_id, secret_access_key, Some(session_token), Some(expiration)))
}

#[derive(Deserialize)]
struct Reply {
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    #[serde(default)]
    access_key_id: Field,
    #[serde(default)]
    secret_access_key: Field,
    #[serde(default)]
    session_token: Field,
    #[serde(default)]
    expiration: Field,
}

/// `what`: a phrase such as "it is empty".
fn bad(what: impl AsRef<str>) -> Error {
    Error::new(Code::BadReply, format!("the endpoint's reply cannot be used: {}", what.as_ref()))
        .with_hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"credentials":{"accessKeyId":"ASIAX","secretAccessKey":"canary-s","sessionToken":"canary-t","expiration":"2026-01-01T01:00:00Z"}}"#;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap()
    }

    #[test]
    fn reads_a_good_reply_and_passes_over_what_it_does_not_know() {
        let grown = GOOD.replace("{\"accessKeyId\"", "{\"new\":{\"a\":[1,null]},\"accessKeyId\"");
        for body in [GOOD, &grown] {
            let identity = parse(body.as_bytes(), now()).unwrap();
            assert_eq!(identity.access_key_id, "ASIAX");
            assert_eq!(identity.secret_access_key.expose(), b"canary-s");
            assert_eq!(identity.session_token.unwrap().expose(), b"canary-t");
            assert_eq!(identity.expiration.unwrap().millis_since(now()), 3_600_000);
        }
    }

    #[test]
    fn refuses_each_fault_and_never_shows_a_value() {
        let cases = [
            (String::new(), "empty"),
            ("<html>login</html>".into(), "HTML"),
            (GOOD[..80].into(), "ends in the middle"),
            ("not json".into(), "not JSON"),
            ("{}".into(), "no field `credentials`"),
            (r#"{"credentials":null}"#.into(), "no field `credentials`"),
            (r#"{"credentials":"canary"}"#.into(), "documented shape"),
            (GOOD.replace(r#""secretAccessKey":"canary-s","#, ""), "`secretAccessKey` is missing"),
            (GOOD.replace("canary-s", ""), "`secretAccessKey` is empty"),
            (GOOD.replace(r#""canary-t""#, "17"), "`sessionToken` is a number"),
            (GOOD.replace(r#""canary-t""#, "null"), "`sessionToken` is null"),
            (GOOD.replace(r#""canary-t""#, r#"{"x":["canary"]}"#), "`sessionToken` is an object"),
            (GOOD.replace("ASIAX", "AS IAX"), "accessKeyId"),
            (GOOD.replace("2026-01-01T01:00:00Z", "2026-01-01T01:00:00"), "RFC 3339"),
            (GOOD.replace("2026-01-01T01:00:00Z", "soon"), "RFC 3339"),
            (
                GOOD.replace(r#"{"accessKeyId":"ASIAX""#, r#"{"accessKeyId":"A","accessKeyId":"ASIAX""#),
                "stands twice",
            ),
        ];
        for (body, wanted) in cases {
            let error = parse(body.as_bytes(), now()).unwrap_err();
            assert_eq!(error.code(), Code::BadReply, "{body}");
            assert!(error.message().contains(wanted), "{body}: {error}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn keys_that_are_over_are_refused() {
        for expiration in ["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "1970-01-01T00:00:00Z"] {
            let error =
                parse(GOOD.replace("2026-01-01T01:00:00Z", expiration).as_bytes(), now()).unwrap_err();
            assert_eq!(error.code(), Code::ExpiredReply);
        }
    }
}
