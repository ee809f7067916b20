//! Reading what a callback gave, strictly: half a set of credentials must never become one.
//!
//! Types were checked where JavaScript values still have them. What is wrong is named; what was found is not shown,
//! since it may be a key.

use refresh_session_core::{Code, Error, Identity, Result, Secret, Timestamp};

use super::CustomName;

/// What a callback gave.
#[derive(Debug)]
pub struct CustomKeys {
    /// The key id.
    pub access_key_id: String,
    /// The signing key.
    pub secret_access_key: Secret,
    /// The token that goes with temporary keys.
    pub session_token: Option<Secret>,
    /// Their end.
    pub expiration: CustomExpiration,
    /// The account they belong to.
    pub account_id: Option<String>,
}

/// The end of a callback's keys.
#[derive(Clone, Debug)]
pub enum CustomExpiration {
    /// None given: they do not end.
    Never,
    /// A text: RFC 3339.
    Text(String),
    /// Milliseconds since 1970, as a `Date` has them. May be no number.
    Millis(f64),
}

/// The end of the year 9999: dates after it have no RFC 3339 form.
const LAST_DATE_MILLIS: f64 = 253_402_300_799_999.0;

pub(crate) fn parse(keys: CustomKeys, name: CustomName) -> Result<Identity> {
    let bad = |what: &str| bad(name, what);
    let CustomKeys { access_key_id, secret_access_key, session_token, expiration, account_id } = keys;
    if access_key_id.is_empty() || !is_plain(access_key_id.as_bytes()) || access_key_id.len() > 128 {
        return Err(bad("its access key id is not 1 to 128 visible ASCII characters"));
    }
    if secret_access_key.is_empty() || !is_plain(secret_access_key.expose()) {
        return Err(bad("its secret key is empty, or holds spaces, line ends or other than ASCII"));
    }
    if session_token.as_ref().is_some_and(|token| token.is_empty() || !is_plain(token.expose())) {
        return Err(bad("its token is empty, or holds spaces, line ends or other than ASCII"));
    }
    if account_id.as_ref().is_some_and(|id| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(bad("its account id is not of digits"));
    }
    let expiration = match expiration {
        CustomExpiration::Never => None,
        CustomExpiration::Text(text) => Some(Timestamp::parse_rfc3339(&text).ok_or_else(|| {
            bad("its expiration is not an RFC 3339 date with a time zone, such as 2030-01-31T12:00:00Z")
        })?),
        CustomExpiration::Millis(millis) if millis.abs() <= LAST_DATE_MILLIS =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a date's milliseconds fit, as was just checked"
            )]
            Some(Timestamp::from_unix_millis(millis as i64))
        }
        CustomExpiration::Millis(millis) if millis.is_finite() => {
            return Err(bad("its expiration is after the year 9999"));
        }
        CustomExpiration::Millis(_) => return Err(bad("its expiration is an invalid Date")),
    };
    Ok(Identity::new(access_key_id, secret_access_key, session_token, expiration).with_account_id(account_id))
}

/// Goes into a header as it is.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

fn bad(name: CustomName, what: &str) -> Error {
    let param = name.param();
    Error::new(Code::BadCredentials, format!("what `{param}` gave are no credentials: {what}"))
        .with_param(param)
        .with_hint("The keys held are kept.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> CustomKeys {
        CustomKeys {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: "canary/secret+".into(),
            session_token: Some("canary-token==".into()),
            expiration: CustomExpiration::Text("2030-01-31T12:00:00+01:00".into()),
            account_id: Some("123456789012".into()),
        }
    }

    fn refusal(change: impl FnOnce(&mut CustomKeys)) -> String {
        let mut keys = keys();
        change(&mut keys);
        let error = parse(keys, CustomName::Callback).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::BadCredentials, Some("customCredentials")));
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        error.message().to_owned()
    }

    #[test]
    fn takes_temporary_and_long_term_keys() {
        let temporary = parse(keys(), CustomName::Callback).unwrap();
        assert_eq!(temporary.expiration.unwrap().to_string(), "2030-01-31T11:00:00Z");
        assert_eq!(temporary.account_id.as_deref(), Some("123456789012"));
        let long_term = CustomKeys { session_token: None, expiration: CustomExpiration::Never, ..keys() };
        assert!(parse(long_term, CustomName::Provider).unwrap().expiration.is_none());
        let date = CustomKeys { expiration: CustomExpiration::Millis(1_700_000_000_123.0), ..keys() };
        let expected = Timestamp::from_unix_millis(1_700_000_000_123);
        assert_eq!(parse(date, CustomName::Provider).unwrap().expiration, Some(expected));
    }

    #[test]
    fn refuses_half_a_set() {
        assert!(refusal(|keys| keys.access_key_id = String::new()).contains("access key id"));
        assert!(refusal(|keys| keys.access_key_id = "A\r\nX: y".into()).contains("access key id"));
        assert!(refusal(|keys| keys.secret_access_key = "".into()).contains("secret key"));
        assert!(refusal(|keys| keys.secret_access_key = "canary secret".into()).contains("secret key"));
        assert!(refusal(|keys| keys.session_token = Some("".into())).contains("token"));
        assert!(refusal(|keys| keys.account_id = Some("12a".into())).contains("account id"));
    }

    #[test]
    fn refuses_what_is_not_a_point_in_time() {
        for text in ["2030-01-31T12:00:00", "2030-01-31", "", "tomorrow"] {
            assert!(
                refusal(|keys| keys.expiration = CustomExpiration::Text(text.into())).contains("time zone"),
                "{text}"
            );
        }
        for (millis, said) in
            [(f64::NAN, "invalid Date"), (f64::INFINITY, "invalid Date"), (8.64e15, "year 9999")]
        {
            let refusal = refusal(|keys| keys.expiration = CustomExpiration::Millis(millis));
            assert!(refusal.contains(said), "{refusal}");
        }
    }
}
