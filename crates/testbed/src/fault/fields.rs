//! Changes to single fields of an answer with keys, in JSON or in XML.
//!
//! Every source spells the fields its own way (`accessKeyId`, `AccessKeyId`; `sessionToken`, `Token`), and some put
//! them into an object of their own. An answer without the field stays as it is.

use serde_json::{Map, Value, json};

use super::Field;

/// The objects that keys come in.
const WRAPPERS: [&str; 2] = ["credentials", "roleCredentials"];

impl Field {
    /// Its names, in JSON and in XML.
    fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Credentials => &["credentials", "roleCredentials", "Credentials"],
            Self::AccessKeyId => &["accessKeyId", "AccessKeyId"],
            Self::SecretAccessKey => &["secretAccessKey", "SecretAccessKey"],
            Self::SessionToken => &["sessionToken", "SessionToken", "Token"],
            Self::Expiration => &["expiration", "Expiration"],
        }
    }
}

/// Gives a field another value, or takes it away.
pub(super) fn set(body: &mut Vec<u8>, field: Field, value: Option<&Value>) {
    if is_xml(body) {
        return set_xml(body, field, value);
    }
    let change = |fields: &mut Map<String, Value>| {
        let Some(name) = field.spellings().iter().find(|name| fields.contains_key(**name)) else { return };
        match value {
            Some(value) => drop(fields.insert((*name).to_owned(), value.clone())),
            None => drop(fields.shift_remove(*name)),
        }
    };
    edit(body, |fields| if field == Field::Credentials { change(fields) } else { in_keys(fields, change) });
}

/// Adds so many bytes that mean nothing.
pub(super) fn pad(body: &mut Vec<u8>, bytes: usize) {
    let padding = "x".repeat(bytes);
    if is_xml(body) {
        body.extend(format!("<!--{padding}-->").into_bytes());
    } else {
        edit(body, |fields| drop(fields.insert("padding".to_owned(), padding.into())));
    }
}

/// Adds fields that nobody has heard of.
pub(super) fn add_unknown(body: &mut Vec<u8>) {
    if is_xml(body) {
        let text = String::from_utf8_lossy(body);
        *body = text.replace("</Credentials>", "<Future><Deep>1</Deep></Future></Credentials>").into_bytes();
        return;
    }
    edit(body, |fields| {
        in_keys(fields, |keys| {
            keys.insert("accountId".to_owned(), "123456789012".into());
            keys.insert("nested".to_owned(), json!({"list": [1, null, {"deep": true}]}));
        });
        fields.insert("futureField".to_owned(), json!([{"a": 1}]));
    });
}

/// Adds the access key id a second time, with another value.
pub(super) fn duplicate_access_key_id(body: &mut Vec<u8>) {
    // A JSON value cannot hold a key twice; text can.
    let text = String::from_utf8_lossy(body).into_owned();
    let spellings = Field::AccessKeyId.spellings();
    let Some(name) = spellings.iter().find(|name| text.contains(&format!("\"{name}\":"))) else { return };
    let open = text.trim_end_matches('}');
    *body = format!("{open},\"{name}\":\"ASIADUPLICATEDUPLICA\"{}", &text[open.len()..]).into_bytes();
}

fn is_xml(body: &[u8]) -> bool {
    body.starts_with(b"<")
}

/// Changes the object that the keys are in: one of their own, or the whole answer.
fn in_keys(fields: &mut Map<String, Value>, change: impl FnOnce(&mut Map<String, Value>)) {
    let wrapper = WRAPPERS.into_iter().find(|name| fields.contains_key(*name));
    match wrapper.map(|name| &mut fields[name]) {
        Some(Value::Object(keys)) => change(keys),
        _ => change(fields),
    }
}

fn set_xml(body: &mut Vec<u8>, field: Field, value: Option<&Value>) {
    let text = String::from_utf8_lossy(body).into_owned();
    for name in field.spellings() {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some((before, rest)) = text.split_once(&open) else { continue };
        let Some((_, after)) = rest.split_once(&close) else { continue };
        let value = value.map(|value| match value {
            Value::String(text) => format!("{open}{text}{close}"),
            value => format!("{open}{value}{close}"),
        });
        *body = format!("{before}{}{after}", value.unwrap_or_default()).into_bytes();
        return;
    }
}

fn edit(body: &mut Vec<u8>, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) {
        change(&mut fields);
        *body = Value::Object(fields).to_string().into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(body: &str, field: Field, value: Option<&str>) -> String {
        let mut body = body.as_bytes().to_vec();
        set(&mut body, field, value.map(Value::from).as_ref());
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn fields_are_found_in_every_spelling() {
        for (body, without) in [
            (r#"{"credentials":{"sessionToken":"t","a":1}}"#, r#"{"credentials":{"a":1}}"#),
            (r#"{"roleCredentials":{"sessionToken":"t","a":1}}"#, r#"{"roleCredentials":{"a":1}}"#),
            (r#"{"Token":"t","a":1}"#, r#"{"a":1}"#),
            ("<R><SessionToken>t</SessionToken><A>1</A></R>", "<R><A>1</A></R>"),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("<R/>", "<R/>"),
        ] {
            assert_eq!(changed(body, Field::SessionToken, None), without);
        }
        let xml = "<R><Expiration>e</Expiration></R>";
        assert_eq!(changed(xml, Field::Expiration, Some("42")), "<R><Expiration>42</Expiration></R>");
        assert_eq!(changed(xml, Field::Expiration, Some("")), "<R><Expiration></Expiration></R>");
        assert_eq!(changed(r#"{"roleCredentials":{}}"#, Field::Credentials, None), "{}");
    }

    #[test]
    fn a_key_comes_twice_where_it_was() {
        for (body, twice) in [
            (
                r#"{"c":{"accessKeyId":"A"}}"#,
                r#"{"c":{"accessKeyId":"A","accessKeyId":"ASIADUPLICATEDUPLICA"}}"#,
            ),
            (r#"{"AccessKeyId":"A"}"#, r#"{"AccessKeyId":"A","AccessKeyId":"ASIADUPLICATEDUPLICA"}"#),
            ("{}", "{}"),
        ] {
            let mut body = body.as_bytes().to_vec();
            duplicate_access_key_id(&mut body);
            assert_eq!(String::from_utf8_lossy(&body), twice);
        }
    }
}
