//! The services of AWS IoT that speak over reserved topics: shadows and jobs of a thing.
//!
//! They answer what anybody publishes to their topics; the answers go to whoever has subscribed.

mod jobs;
mod shadow;

use serde_json::{Map, Value, json};

use self::{jobs::Jobs, shadow::Shadows};
use super::message::Message;
use crate::clock;

/// What the services keep.
#[derive(Default)]
pub(crate) struct Services {
    pub(crate) shadows: Shadows,
    pub(crate) jobs: Jobs,
}

/// A topic and what is published to it.
pub(crate) type Reply = (String, Value);

impl Services {
    /// The answers to a message, if it is for one of the services.
    pub(crate) fn answer(&mut self, topic: &str, payload: &[u8]) -> Vec<Message> {
        let Some(rest) = topic.strip_prefix("$aws/things/") else { return Vec::new() };
        let levels: Vec<&str> = rest.split('/').collect();
        let timestamp = clock::now(0).unix_timestamp();
        let replies = match levels.as_slice() {
            [thing, "shadow", action] => self.shadows.answer(thing, None, action, payload, timestamp),
            [thing, "shadow", "name", name, action] => {
                self.shadows.answer(thing, Some(name), action, payload, timestamp)
            }
            [thing, "jobs", action] => self.jobs.answer(thing, action, payload, timestamp),
            [thing, "jobs", job, action] => self.jobs.answer_of(thing, job, action, payload, timestamp),
            _ => Vec::new(),
        };
        messages(replies)
    }
}

/// Replies as messages.
pub(crate) fn messages(replies: Vec<Reply>) -> Vec<Message> {
    replies.into_iter().map(|(topic, body)| Message::of_broker(topic, body.to_string())).collect()
}

/// The JSON object of a request; an empty payload is an empty one.
fn request(payload: &[u8]) -> Option<Map<String, Value>> {
    if payload.is_empty() {
        return Some(Map::new());
    }
    match serde_json::from_slice(payload) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// The body with the request's client token, if it had one.
fn with_token(mut body: Value, request: &Map<String, Value>) -> Value {
    if let Some(token) = request.get("clientToken") {
        body["clientToken"] = token.clone();
    }
    body
}

/// The answer of a service that says no.
fn rejected(topic: &str, code: impl Into<Value>, message: &str, timestamp: i64) -> Vec<Reply> {
    let body = json!({"code": code.into(), "message": message, "timestamp": timestamp});
    vec![(format!("{topic}/rejected"), body)]
}
