//! JSON in replies, read strictly: half a reply must never become credentials. What is wrong is named; what was found
//! is not shown, since it may be a key.

use std::fmt;

use refresh_session_core::Secret;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Reads `body`, or says what is wrong with it: a phrase that goes on from "the reply cannot be used". `object`: what should
/// be one.
///
/// # Errors
/// The phrase.
pub fn parse<T: for<'de> Deserialize<'de>>(body: &[u8], object: &str) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| not_json(body, object, &error))
}

/// A field that should be a text, whatever it is, so that the error can name it.
#[derive(Default)]
pub enum Field {
    /// It is not there.
    #[default]
    Missing,
    /// A text.
    Text(Secret),
    /// Something else, in words.
    Other(&'static str),
}

impl Field {
    /// The text, if it is one and not empty; `name` is for the phrase.
    ///
    /// # Errors
    /// What is wrong with it: a phrase that goes on from "the reply cannot be used".
    pub fn text(self, name: &str) -> Result<Secret, String> {
        match self {
            Self::Text(text) if !text.is_empty() => Ok(text),
            Self::Text(_) => Err(format!("its field `{name}` is empty")),
            Self::Missing => Err(format!("its field `{name}` is missing")),
            Self::Other(found) => Err(format!("its field `{name}` is {found}, not a text")),
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
fn not_json(body: &[u8], object: &str, error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    if body.is_empty() {
        return "it is empty".into();
    }
    if body.trim_ascii_start().starts_with(b"<") {
        return "it is HTML, such as a proxy's or a portal's page".into();
    }
    match error.classify() {
        Category::Eof => "it ends in the middle of the JSON".into(),
        Category::Syntax | Category::Io => {
            format!("it is not JSON (line {}, column {})", error.line(), error.column())
        }
        Category::Data => format!(
            "it is not of the documented shape: a field stands twice or {object} is no object (column {})",
            error.column()
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reply {
        #[serde(default)]
        a: Field,
    }

    fn said(body: &str) -> String {
        match parse::<Reply>(body.as_bytes(), "it").and_then(|reply| reply.a.text("a")) {
            Ok(text) => text.expose_str().unwrap_or_default().to_owned(),
            Err(phrase) => phrase,
        }
    }

    #[test]
    fn each_fault_is_named_and_no_value_shown() {
        for (body, wanted) in [
            (r#"{"a":"x","b":[{}]}"#, "x"),
            ("", "empty"),
            (" <html>canary", "HTML"),
            (r#"{"a":"canary"#, "ends in the middle"),
            (r#"{"a":canary}"#, "line 1"),
            (r#"{"a":"canary","a":"x"}"#, "stands twice"),
            (r#""canary""#, "documented shape"),
            ("{}", "`a` is missing"),
            (r#"{"a":""}"#, "`a` is empty"),
            (r#"{"a":17}"#, "a number"),
            (r#"{"a":-1.5}"#, "a number"),
            (r#"{"a":true}"#, "a boolean"),
            (r#"{"a":null}"#, "null"),
            (r#"{"a":["canary"]}"#, "a list"),
            (r#"{"a":{"canary":1}}"#, "an object"),
        ] {
            let said = said(body);
            assert!(said.contains(wanted) && !said.contains("canary"), "{body}: {said}");
        }
    }
}
