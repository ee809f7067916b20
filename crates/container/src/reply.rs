//! Reading a 200 strictly.

use refresh_session_core::{Code, Error, Identity, Result, Timestamp};
use refresh_session_tls::http::json::{self, Field};
use serde::Deserialize;

/// Reads the body; `now` is the endpoint's `Date`, or the best guess at it.
pub(crate) fn parse(body: &[u8], now: Timestamp) -> Result<Identity> {
    let reply: Reply = json::parse(body, "it").map_err(bad)?;
    let access_key_id = reply.access_key_id.text("AccessKeyId").map_err(bad)?;
    let secret_access_key = reply.secret_access_key.text("SecretAccessKey").map_err(bad)?;
    let token = reply.token.text("Token").map_err(bad)?;
    let expiration = reply.expiration.text("Expiration").map_err(bad)?;
    let account_id = match reply.account_id {
        Field::Missing => None,
        given => given.text("AccountId").map_err(bad)?.expose_str().map(str::to_owned),
    };
    let access_key_id = access_key_id
        .expose_str()
        .filter(|id| id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(|| bad("its `AccessKeyId` is not of letters and digits"))?
        .to_owned();
    let expiration = expiration
        .expose_str()
        .and_then(Timestamp::parse_rfc3339)
        .ok_or_else(|| bad("its `Expiration` is not an RFC 3339 date with a time zone"))?;
    if expiration <= now {
        let found = format!(
            "the container endpoint's reply holds keys that ended at {expiration}; its clock says {now}"
        );
        return Err(Error::new(Code::ExpiredReply, found).with_hint("The keys held are kept."));
    }
    Ok(Identity::new(access_key_id, secret_access_key, Some(token), Some(expiration))
        .with_account_id(account_id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Reply {
    access_key_id: Field,
    secret_access_key: Field,
    token: Field,
    expiration: Field,
    account_id: Field,
}

/// `what`: a phrase such as "it is empty".
fn bad(what: impl AsRef<str>) -> Error {
    let found = format!("the container endpoint's reply cannot be used: {}", what.as_ref());
    Error::new(Code::BadReply, found).with_hint(
        "Check that the URL is that of a container credentials endpoint. What it sent is not shown.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"RoleArn":"r","AccessKeyId":"ASIAX","SecretAccessKey":"canary-s","Token":"canary-t","Expiration":"2026-01-01T01:00:00Z"}"#;

    fn read(body: &str) -> Result<Identity> {
        parse(body.as_bytes(), Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap())
    }

    #[test]
    fn reads_what_ecs_and_eks_send() {
        let identity = read(GOOD).unwrap();
        assert_eq!((identity.access_key_id.as_str(), identity.account_id.as_deref()), ("ASIAX", None));
        assert_eq!(identity.session_token.unwrap().expose(), b"canary-t");
        let with_account = GOOD.replace("\"RoleArn\":\"r\"", "\"AccountId\":\"123456789012\"");
        assert_eq!(read(&with_account).unwrap().account_id.as_deref(), Some("123456789012"));
    }

    #[test]
    fn refuses_each_fault_and_shows_no_value() {
        for (from, to, wanted) in [
            (r#""Token":"canary-t","#, "", "`Token` is missing"),
            (r#""Token""#, r#""SessionToken""#, "`Token` is missing"),
            ("canary-s", "", "`SecretAccessKey` is empty"),
            ("\"ASIAX\"", "null", "`AccessKeyId` is null"),
            ("ASIAX", "AS X", "letters and digits"),
            ("2026-01-01T01:00:00Z", "1767229200", "RFC 3339"),
            ("\"RoleArn\":\"r\"", "\"AccountId\":1", "`AccountId` is a number"),
        ] {
            let error = read(&GOOD.replace(from, to)).unwrap_err();
            assert_eq!(error.code(), Code::BadReply);
            assert!(error.message().contains(wanted), "{error}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        let over = read(&GOOD.replace("01:00:00Z", "00:00:00Z")).unwrap_err();
        assert_eq!(over.code(), Code::ExpiredReply);
    }
}
