//! Reading what STS gave, strictly: half a set of credentials must never become one.
//!
//! The SDK puts an empty text where an element is missing. What is wrong is named; what was found is not shown.

use aws_sdk_sts::types::{AssumedRoleUser, Credentials};
use refresh_session_core::{Code, Error, Identity, Result, Secret, Timestamp};

/// The credentials of a reply. `now`: by the server's own clock, if it told.
pub(crate) fn identity(credentials: Option<Credentials>, now: Timestamp) -> Result<Identity> {
    let credentials = credentials.ok_or_else(|| bad("it has no `Credentials`"))?;
    let Credentials { access_key_id, secret_access_key, session_token, expiration, .. } = credentials;
    let (secret, token) = (Secret::from(secret_access_key), Secret::from(session_token));
    for (name, value) in [
        ("AccessKeyId", access_key_id.as_bytes()),
        ("SecretAccessKey", secret.expose()),
        ("SessionToken", token.expose()),
    ] {
        if value.is_empty() || !value.iter().all(u8::is_ascii_graphic) {
            return Err(bad(&format!("its `{name}` is missing, empty, or holds what a key cannot")));
        }
    }
    if access_key_id.len() > 128 {
        return Err(bad("its `AccessKeyId` is too long"));
    }
    let millis = expiration.to_millis().ok().filter(|millis| *millis > 0);
    let expiration =
        Timestamp::from_unix_millis(millis.ok_or_else(|| bad("its `Expiration` is missing or no date"))?);
    if expiration.remaining_at(now).is_none() {
        let message =
            format!("the reply of STS holds credentials that ended at {expiration}; it is {now} now");
        return Err(Error::new(Code::ExpiredReply, message).with_hint("The keys held are kept."));
    }
    Ok(Identity::new(access_key_id, secret, Some(token), Some(expiration)))
}

/// The account of the role that was assumed.
pub(crate) fn account_of(user: Option<&AssumedRoleUser>) -> Result<String> {
    let arn = user.map(AssumedRoleUser::arn).unwrap_or_default();
    account_in(arn).ok_or_else(|| bad("its `AssumedRoleUser` has no ARN with an account"))
}

/// The account in an ARN.
pub(crate) fn account_in(arn: &str) -> Option<String> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    is_account(account).then(|| account.to_owned())
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn bad(what: &str) -> Error {
    Error::new(Code::BadReply, format!("the reply of STS is not one: {what}"))
        .with_hint("Check what answers at `stsClientConfig.endpoint`; the keys held are kept.")
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

    fn parse(key: &str, secret: &str, token: &str, end: i64) -> Result<Identity> {
        let credentials = Credentials::builder()
            .access_key_id(key)
            .secret_access_key(secret)
            .session_token(token)
            .expiration(DateTime::from_secs(end))
            .build()
            .unwrap();
        identity(Some(credentials), NOW)
    }

    #[test]
    fn a_whole_set_is_taken_and_half_of_one_is_not() {
        let good = parse("ASIAEXAMPLE", "canary/secret+", "canary-token==", 1_800_003_600).unwrap();
        assert_eq!(good.expiration.unwrap().to_string(), "2027-01-15T09:00:00Z");
        for (key, secret, token, end, said) in [
            ("", "canary", "canary", 1_800_003_600, "AccessKeyId"),
            ("ASIA\n", "canary", "canary", 1_800_003_600, "AccessKeyId"),
            (&"A".repeat(129), "canary", "canary", 1_800_003_600, "AccessKeyId"),
            ("ASIA", "", "canary", 1_800_003_600, "SecretAccessKey"),
            ("ASIA", "canary x", "canary", 1_800_003_600, "SecretAccessKey"),
            ("ASIA", "canary", "", 1_800_003_600, "SessionToken"),
            ("ASIA", "canary", "canary", 0, "Expiration"),
        ] {
            let error = parse(key, secret, token, end).unwrap_err();
            assert_eq!(error.code(), Code::BadReply);
            assert!(error.message().contains(said) && !error.message().contains("canary"), "{error}");
        }
        assert_eq!(identity(None, NOW).unwrap_err().code(), Code::BadReply);
        assert_eq!(parse("ASIA", "s", "t", 1_800_000_000).unwrap_err().code(), Code::ExpiredReply);
    }

    #[test]
    fn an_account_is_in_its_place() {
        let arn = "arn:aws-cn:sts::123456789012:assumed-role/Role/name";
        assert_eq!(account_in(arn).as_deref(), Some("123456789012"));
        for arn in ["", "arn:aws:sts::12:assumed-role/r/n", "123456789012", "arn:aws:sts:123456789012:x"] {
            assert_eq!(account_in(arn), None, "{arn}");
        }
    }
}
