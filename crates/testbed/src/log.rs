//! The log: one JSON object per event, in memory for `GET /log` and appended to `DIR/requests.jsonl`.
//!
//! | Event              | When                                                                                 |
//! |--------------------|--------------------------------------------------------------------------------------|
//! | `connection`       | a connection to the endpoint, STS, S3 or so is ready: `connection`, `service`, and over   |
//! |                    | TLS `sni`, `tlsVersion`, `cipher`, `handshake` (`full`, `resumed`),                   |
//! |                    | `clientCertificate`, `clientKey`, `signatureScheme` (`null` if resumed)               |
//! | `handshake-failed` | it did not get that far: `connection`, `service`, `sni`, `error`                      |
//! | `link`, `proxy`    | a connection to the relay, a request to the proxy: [`crate::link`], [`crate::proxy`]  |
//! | `mqtt.connect`     | a CONNECT: `clientId`, `protocolVersion`, `port`, `transport` (`tcp`, `websocket`),   |
//! |                    | `tlsVersion`, `alpn`, `clientCertificate`, `accessKeyId`, `keepAlive`, `cleanStart`,  |
//! |                    | `sessionExpiry`, `will` (its topic), `userName` (its length, and what its parameters  |
//! |                    | are called), `authorizer`, `sessionPresent`, `reason` (`null` if there was no         |
//! |                    | CONNACK), `error`, `fault`                                                            |
//! | `mqtt.publish`     | of a client: `topic`, `qos`, `retain`, `dup`, `packetId`, `bytes`, `sha256`,          |
//! |                    | `outcome` (`accepted`, `denied`, `discarded`, `qos-2`, `told-to-refuse`), `rule`      |
//! | `mqtt.…`           | `puback`, `subscribe`, `unsubscribe`, `ping`, `qos2`: the packets of these names;     |
//! |                    | `refused`: one that cannot be, with `reason` and `error`; `disconnect`: `by`,         |
//! |                    | `reason`, `why`; `upgrade`: a request for a WebSocket, with `status` and `error`.     |
//! |                    | All have `connection` and `clientId`                                                  |
//! | `request`          | `connection`, `number` on it, `service`, `method`, `path`, `headers`, `status`        |
//! |                    | (`null` if none was sent), `fault` (or `null`), `requestId`; for STS and S3 also      |
//! |                    | `action`, `parameters` (of STS), `accessKeyId` (whose signature it bears, good or     |
//! |                    | not) and `error` (the code), each `null` if there is none                             |
//!
//! Every event has `event` and `time` (this machine's, whatever the servers' clock says). No secret key, session token, signature or PIN is ever written: of
//! `authorization` only `Credential` and `SignedHeaders` are kept, of a security token and any other
//! token in a header its length, and so of MFA codes, identity tokens and context assertions among the parameters. Query strings and other bodies are not
//! kept at all.

use std::{
    collections::VecDeque,
    fs::File,
    io::{LineWriter, Write},
    path::Path,
    sync::Mutex,
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::{sync::watch, time};

use crate::{
    clock,
    failure::{During, Failure},
    http::request::Request,
    sync::lock,
};

/// Beyond this many events the oldest are forgotten; the file keeps them all.
const CAPACITY: usize = 100_000;

/// The kinds of events.
pub(crate) const EVENTS: [&str; 15] = [
    "connection",
    "handshake-failed",
    "link",
    "proxy",
    "request",
    "mqtt.connect",
    "mqtt.publish",
    "mqtt.puback",
    "mqtt.subscribe",
    "mqtt.unsubscribe",
    "mqtt.ping",
    "mqtt.qos2",
    "mqtt.refused",
    "mqtt.disconnect",
    "mqtt.upgrade",
];

/// The log.
pub(crate) struct Log {
    events: Mutex<VecDeque<Value>>,
    file: Mutex<LineWriter<File>>,
    /// Counts the events ever recorded, for those who wait for more.
    recorded: watch::Sender<u64>,
}

impl Log {
    /// An empty log that appends to `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).during("creating the request log")?;
        Ok(Self {
            events: Mutex::default(),
            file: Mutex::new(LineWriter::new(file)),
            recorded: watch::Sender::new(0),
        })
    }

    /// Records an event with these fields.
    pub(crate) fn record(&self, event: &str, fields: Value) {
        let mut entry = Map::new();
        entry.insert("event".to_owned(), event.into());
        entry.insert("time".to_owned(), clock::iso_millis(clock::now(0)).into());
        if let Value::Object(fields) = fields {
            entry.extend(fields);
        }
        let entry = Value::Object(entry);
        // A full disk costs the file, not the testbed: the log in memory is the one that tests read.
        let _ = writeln!(lock(&self.file), "{entry}");
        let mut events = lock(&self.events);
        if events.len() == CAPACITY {
            events.pop_front();
        }
        events.push_back(entry);
        drop(events);
        self.recorded.send_modify(|recorded| *recorded += 1);
    }

    /// The events that pass.
    pub(crate) fn events(&self, filter: &Filter) -> Vec<Value> {
        lock(&self.events).iter().filter(|event| filter.passes(event)).cloned().collect()
    }

    /// The same, once there are `at_least` so many or `patience` has run out.
    pub(crate) async fn wait(&self, filter: &Filter, at_least: usize, patience: Duration) -> Vec<Value> {
        let mut recorded = self.recorded.subscribe();
        let enough = async {
            loop {
                let events = self.events(filter);
                if events.len() >= at_least {
                    return events;
                }
                if recorded.changed().await.is_err() {
                    return events;
                }
            }
        };
        match time::timeout(patience, enough).await {
            Ok(events) => events,
            Err(_) => self.events(filter),
        }
    }

    /// How many events there are in memory.
    pub(crate) fn len(&self) -> usize {
        lock(&self.events).len()
    }

    /// Forgets the events in memory.
    pub(crate) fn clear(&self) {
        lock(&self.events).clear();
    }
}

/// Which events to show.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Those of a kind.
    pub(crate) event: Option<String>,
    /// Those of a service.
    pub(crate) service: Option<String>,
}

impl Filter {
    fn passes(&self, event: &Value) -> bool {
        let matches = |wanted: &Option<String>, field| wanted.as_ref().is_none_or(|it| event[field] == *it);
        matches(&self.event, "event") && matches(&self.service, "service")
    }
}

/// The headers as they may be written down. A name that comes twice has its values joined.
pub(crate) fn headers(request: &Request) -> Value {
    let mut shown = Map::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        let value = match name.as_str() {
            "authorization" => authorization(value),
            "x-amz-security-token" | "x-aws-ec2-metadata-token" | "x-amz-sso_bearer_token" => {
                format!("({} characters)", value.len())
            }
            _ => value.clone(),
        };
        match shown.get_mut(&name) {
            Some(Value::String(earlier)) => {
                earlier.push_str(", ");
                earlier.push_str(&value);
            }
            _ => drop(shown.insert(name, json!(value))),
        }
    }
    Value::Object(shown)
}

/// What may be kept of an `authorization`: who signed what, not how. Of one that is no signature, its length.
fn authorization(value: &str) -> String {
    if !value.starts_with("AWS4-HMAC-SHA256 ") {
        return format!("({} characters)", value.len());
    }
    let parts = value.split([',', ' ']).map(str::trim);
    let kept = parts.filter(|part| part.starts_with("Credential=") || part.starts_with("SignedHeaders="));
    kept.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_picked_by_kind_and_service() {
        let event = json!({"event": "request", "service": "s3"});
        let passes = |event_kind: Option<&str>, service: Option<&str>| {
            let filter = Filter { event: event_kind.map(str::to_owned), service: service.map(str::to_owned) };
            filter.passes(&event)
        };
        assert!(passes(None, None) && passes(Some("request"), None) && passes(Some("request"), Some("s3")));
        assert!(!passes(Some("connection"), Some("s3")) && !passes(None, Some("sts")));
    }

    #[test]
    fn headers_are_kept_without_secrets() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let bearer = Request { headers: vec![header("Authorization", "Bearer x")], ..Request::default() };
        assert_eq!(headers(&bearer), json!({"authorization": "(8 characters)"}));
        let request = Request {
            headers: vec![
                header(
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=ASIA/x, SignedHeaders=a;b, Signature=feed",
                ),
                header("X-Amz-Security-Token", "canaryTOKENabc"),
                header("accept", "a"),
                header("Accept", "b"),
            ],
            ..Request::default()
        };
        assert_eq!(
            headers(&request),
            json!({
                "authorization": "Credential=ASIA/x, SignedHeaders=a;b",
                "x-amz-security-token": "(14 characters)",
                "accept": "a, b",
            })
        );
    }
}
