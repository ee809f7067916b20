//! Device Shadow: `$aws/things/{thing}/shadow/(name/{name}/)?(get|update|delete)`, answered on `…/accepted` or
//! `…/rejected`; an update also on `…/update/delta` and `…/update/documents`.
//!
//! Desired and reported state are merged, `null` removes. A `version` that is not the current one is a conflict (409).
//! The version goes on counting when a shadow is deleted and made again, as at AWS.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Reply, rejected, request, with_token};

/// The shadows by thing and name.
#[derive(Default)]
pub(crate) struct Shadows {
    kept: BTreeMap<(String, Option<String>), Shadow>,
}

#[derive(Clone, Default)]
struct Shadow {
    /// `desired` and `reported`.
    state: Map<String, Value>,
    /// When each of it was set.
    metadata: Map<String, Value>,
    version: u64,
    deleted: bool,
}

impl Shadows {
    /// As the control port shows one.
    pub(crate) fn to_json(&self, thing: &str, name: Option<&str>) -> Option<Value> {
        let shadow = self.kept.get(&(thing.to_owned(), name.map(str::to_owned)))?;
        (!shadow.deleted).then(|| json!({"state": shadow.state, "version": shadow.version}))
    }

    pub(super) fn answer(
        &mut self,
        thing: &str,
        name: Option<&str>,
        action: &str,
        payload: &[u8],
        timestamp: i64,
    ) -> Vec<Reply> {
        let named = name.map(|name| format!("/name/{name}")).unwrap_or_default();
        let topic = format!("$aws/things/{thing}/shadow{named}/{action}");
        if !matches!(action, "get" | "update" | "delete") {
            return Vec::new();
        }
        let Some(request) = request(payload) else {
            return rejected(&topic, 400, "Payload contains invalid json", timestamp);
        };
        let key = (thing.to_owned(), name.map(str::to_owned));
        let current = self.kept.get(&key).cloned().unwrap_or(Shadow { deleted: true, ..Shadow::default() });
        let missing = format!("No shadow exists with name: '{}'", name.unwrap_or(thing));
        let mut replies = match action {
            "update" => match update(&current, &request, timestamp) {
                Ok(updated) => {
                    let replies = updates(&topic, &current, &updated, &request, timestamp);
                    self.kept.insert(key, updated);
                    replies
                }
                Err((code, message)) => rejected(&topic, code, message, timestamp),
            },
            _ if current.deleted => rejected(&topic, 404, &missing, timestamp),
            "get" => vec![(format!("{topic}/accepted"), document(&current, timestamp))],
            _ => {
                if let Some((code, message)) = conflict(&current, &request) {
                    rejected(&topic, code, message, timestamp)
                } else {
                    let version = current.version;
                    self.kept.insert(key, Shadow { version, deleted: true, ..Shadow::default() });
                    vec![(format!("{topic}/accepted"), json!({"version": version, "timestamp": timestamp}))]
                }
            }
        };
        for (_, body) in &mut replies {
            *body = with_token(body.take(), &request);
        }
        replies
    }
}

type Refusal = (u16, &'static str);

fn conflict(current: &Shadow, request: &Map<String, Value>) -> Option<Refusal> {
    match request.get("version") {
        None | Some(Value::Null) => None,
        Some(version) if version.as_u64() == Some(current.version) => None,
        Some(version) if version.is_u64() => Some((409, "Version conflict")),
        Some(_) => Some((400, "Invalid version")),
    }
}

/// The shadow after an update.
fn update(current: &Shadow, request: &Map<String, Value>, timestamp: i64) -> Result<Shadow, Refusal> {
    let state = match request.get("state") {
        Some(Value::Object(state)) => state,
        None => return Err((400, "Missing required node: state")),
        Some(_) => return Err((400, "State node must be an object")),
    };
    if let Some(refusal) = conflict(current, request) {
        return Err(refusal);
    }
    let mut updated = current.clone();
    for (section, wanted) in state {
        if !matches!(section.as_str(), "desired" | "reported") || !(wanted.is_object() || wanted.is_null()) {
            return Err((400, "State contains an invalid node"));
        }
        merge(&mut updated.state, section, wanted);
        merge(&mut updated.metadata, section, &stamped(wanted, timestamp));
    }
    updated.version += 1;
    updated.deleted = false;
    Ok(updated)
}

/// What is said of an update.
fn updates(
    topic: &str,
    before: &Shadow,
    after: &Shadow,
    request: &Map<String, Value>,
    timestamp: i64,
) -> Vec<Reply> {
    let state = request.get("state").cloned().unwrap_or_default();
    let metadata = stamped(&state, timestamp);
    let version = after.version;
    let mut replies = vec![(
        format!("{topic}/accepted"),
        json!({"state": state, "metadata": metadata, "version": version, "timestamp": timestamp}),
    )];
    if let Some(delta) = delta(after) {
        let metadata = stamped(&delta, timestamp);
        let body = json!({"version": version, "timestamp": timestamp, "state": delta, "metadata": metadata});
        replies.push((format!("{topic}/delta"), body));
    }
    let shown = |shadow: &Shadow| json!({"state": shadow.state, "metadata": shadow.metadata, "version": shadow.version});
    let body = json!({"previous": shown(before), "current": shown(after), "timestamp": timestamp});
    replies.push((format!("{topic}/documents"), body));
    replies
}

fn document(shadow: &Shadow, timestamp: i64) -> Value {
    let mut state = Value::Object(shadow.state.clone());
    if let Some(delta) = delta(shadow) {
        state["delta"] = delta;
    }
    json!({"state": state, "metadata": shadow.metadata, "version": shadow.version, "timestamp": timestamp})
}

/// What is desired and not reported.
fn delta(shadow: &Shadow) -> Option<Value> {
    let desired = shadow.state.get("desired")?;
    difference(desired, shadow.state.get("reported").unwrap_or(&Value::Null))
}

fn difference(desired: &Value, reported: &Value) -> Option<Value> {
    match (desired, reported) {
        (Value::Object(desired), Value::Object(reported)) => {
            let left: Map<String, Value> = desired
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.clone(), difference(value, reported.get(name).unwrap_or(&Value::Null))?))
                })
                .collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        (desired, reported) => (desired != reported).then(|| desired.clone()),
    }
}

fn merge(into: &mut Map<String, Value>, name: &str, value: &Value) {
    match (into.get_mut(name), value) {
        (_, Value::Null) => drop(into.shift_remove(name)),
        (Some(Value::Object(old)), Value::Object(new)) => {
            new.iter().for_each(|(name, value)| merge(old, name, value));
        }
        (_, Value::Object(new)) => {
            let mut made = Map::new();
            new.iter().for_each(|(name, value)| merge(&mut made, name, value));
            into.insert(name.to_owned(), Value::Object(made));
        }
        (_, value) => drop(into.insert(name.to_owned(), value.clone())),
    }
}

/// The same tree with the time in place of each value.
fn stamped(value: &Value, timestamp: i64) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), stamped(value, timestamp))).collect()
        }
        Value::Array(items) => items.iter().map(|item| stamped(item, timestamp)).collect(),
        _ => json!({"timestamp": timestamp}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(shadows: &mut Shadows, action: &str, body: &Value) -> Vec<(String, Value)> {
        let payload = if body.is_null() { String::new() } else { body.to_string() };
        let replies = shadows.answer("gw", None, action, payload.as_bytes(), 7);
        let prefix = "$aws/things/gw/shadow/";
        replies
            .into_iter()
            .map(|(topic, body)| (topic.strip_prefix(prefix).unwrap().to_owned(), body))
            .collect()
    }

    #[test]
    fn a_shadow_from_its_first_update_to_its_end() {
        let mut shadows = Shadows::default();
        let (topic, body) = ask(&mut shadows, "get", &Value::Null).remove(0);
        assert_eq!((topic.as_str(), &body["code"]), ("get/rejected", &json!(404)));

        let wish = json!({"state": {"desired": {"a": 1, "b": {"c": 2}}}, "clientToken": "t"});
        let replies = ask(&mut shadows, "update", &wish);
        let topics: Vec<_> = replies.iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(topics, ["update/accepted", "update/delta", "update/documents"]);
        assert!(replies.iter().all(|(_, body)| body["clientToken"] == "t"));
        assert_eq!(replies[0].1["metadata"]["desired"]["b"]["c"], json!({"timestamp": 7}));
        assert_eq!(replies[2].1["current"]["version"], 1);

        let report = json!({"state": {"reported": {"a": 1, "x": null}}, "version": 1});
        assert_eq!(ask(&mut shadows, "update", &report)[1].1["state"], json!({"b": {"c": 2}}));
        let (topic, body) = ask(&mut shadows, "update", &report).remove(0);
        assert_eq!((topic.as_str(), &body["code"]), ("update/rejected", &json!(409)));
        let got = ask(&mut shadows, "get", &Value::Null).remove(0).1;
        assert_eq!(
            got["state"],
            json!({"desired": {"a": 1, "b": {"c": 2}}, "reported": {"a": 1}, "delta": {"b": {"c": 2}}})
        );
        assert_eq!(ask(&mut shadows, "delete", &Value::Null)[0].1["version"], 2);
        assert_eq!(ask(&mut shadows, "delete", &Value::Null)[0].1["code"], 404);
        assert_eq!(ask(&mut shadows, "update", &wish)[0].1["version"], 3);
        assert_eq!(ask(&mut shadows, "update", &json!({}))[0].1["code"], 400);
    }
}
