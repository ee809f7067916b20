//! Reading a 200 strictly.
//!
//! Half a reply must never become credentials. Each of the four fields must be there once, be a non-empty text, and
//! the date must be a point in the future by the *server's* clock. What is wrong is named; what was found is not
//! shown, since it may be a key.

use std::fmt;

use refresh_session_core::{Code, Error, Identity, Result, Secret, Timestamp};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

const HINT: &str =
    "Check that `endpoint` is the IoT credentials endpoint and that nothing on the way rewrites replies.";

/// Reads the body; `now` is the server's `Date`, or the best guess at it.
pub(crate) fn parse(body: &[u8], now: Timestamp) -> Result<Identity> {
    let reply: Reply = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let Some(credentials) = reply.credentials else { return Err(bad("it has no field `credentials`")) };
    let access_key_id = credentials.access_key_id.text("accessKeyId")?;
    let secret_access_key = credentials.secret_access_key.text("secretAccessKey")?;
    let session_token = credentials.session_token.text("sessionToken")?;
    let expiration = credentials.expiration.text("expiration")?;

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

/// A field that should be a text, whatever it is, so that the error can name it.
#[derive(Default)]
enum Field {
    #[default]
    Missing,
    Text(Secret),
    Other(&'static str),
}

impl Field {
    fn text(self, name: &str) -> Result<Secret> {
        match self {
            Self::Text(text) if !text.is_empty() => Ok(text),
            Self::Text(_) => Err(bad(&format!("its field `{name}` is empty"))),
            Self::Missing => Err(bad(&format!("its field `{name}` is missing"))),
            Self::Other(found) => Err(bad(&format!("its field `{name}` is {found}, not a text"))),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(Secret::from(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Field, E> {
        Ok(Field::Text(Secret::from(text)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}

/// serde's own text may quote what it found, so only its category and place are used.
fn not_json(body: &[u8], error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    if body.is_empty() {
        return bad("it is empty");
    }
    if body.trim_ascii_start().starts_with(b"<") {
        return bad("it is HTML, such as a proxy's or a portal's page");
    }
    match error.classify() {
        Category::Eof => bad("it ends in the middle of the JSON"),
        Category::Syntax | Category::Io => {
            bad(&format!("it is not JSON (line {}, column {})", error.line(), error.column()))
        }
        Category::Data => bad(&format!(
            "it is not of the documented shape: a field stands twice or `credentials` is no object (column {})",
            error.column()
        )),
    }
}

fn bad(what: &str) -> Error {
    Error::new(Code::BadReply, format!("the endpoint's reply cannot be used: {what}")).with_hint(HINT)
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
