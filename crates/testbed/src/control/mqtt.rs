//! Control requests for the broker ([`crate::mqtt`]).
//!
//! | Request                            | Does                                                                         |
//! |------------------------------------|------------------------------------------------------------------------------|
//! | `GET /mqtt/rules`, `PUT`           | shows or changes the limits ([`crate::mqtt::rules`])                         |
//! | `GET /mqtt/policy`, `PUT`          | the policy ([`crate::mqtt::policy`])                                         |
//! | `PUT /mqtt/authorizers/{name}`     | makes or changes an authorizer ([`crate::mqtt::authorizer`])                 |
//! | `GET /mqtt/faults`, `PUT`, `DELETE` | the faults ([`crate::mqtt::faults`])                                        |
//! | `PUT /mqtt/upgrades`               | the faults of requests for a WebSocket ([`crate::mqtt::upgrade`])            |
//! | `POST /mqtt/advance`               | puts `seconds` on top of the broker's clock; with `keepAlive`, also for the  |
//! |                                    | keep-alive of idle connections                                               |
//! | `GET /mqtt/clients`                | the sessions with their subscriptions and what waits; `connection` is `null` |
//! |                                    | for those who are away                                                       |
//! | `POST /mqtt/clients/{id}/kick`     | ends a connection: DISCONNECT with `reason`, or without one a bare end       |
//! | `POST /mqtt/clients/{id}/fault`    | has an open connection misbehave: one fault, its `after` being over if 0     |
//! | `POST /mqtt/clients/{id}/redeliver` | sends everything again that has not been acknowledged                       |
//! | `DELETE /mqtt/clients/{id}`        | forgets a session whose client is away                                       |
//! | `POST /mqtt/publish`               | publishes: `topic`, `payload` (text), `payloadHex` or `bytes` (so many),     |
//! |                                    | `qos` (1), `retain`, `expirySeconds`, `count` (1; `payload` then ends in its |
//! |                                    | number), `clientId` (to that client, whatever it has subscribed to)          |
//! | `POST /mqtt/jobs`                  | makes a job ([`crate::mqtt::services`]): `thing`, `jobId`, `document`        |
//! | `GET /mqtt/jobs/{thing}`           | its jobs                                                                     |
//! | `GET /mqtt/shadows/{thing}`, `…/{name}` | its shadow: `state`, `version`                                          |
//! | `GET /mqtt/received`               | what clients have published, in order; `?clientId=`, `?topic=` (a filter),   |
//! |                                    | `?brief=true` (no payloads), `?atLeast=N&waitMs=M`; `DELETE` forgets it      |

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time};

use super::{Error, LONGEST_WAIT_MS, body};
use crate::{
    clock,
    http::request::Request,
    mqtt::{
        faults::{Fault, Faults},
        message::Message,
        order::Order,
        policy::Policy,
        received::Wanted,
        services,
    },
    random,
    script::Script,
    sync::lock,
    world::World,
};

/// More messages at once are a mistake.
const LARGEST_BURST: u32 = 100_000;

/// Carries out a request if it is one of these.
pub(super) async fn route(
    world: &Arc<World>,
    request: &Request,
    segments: &[&str],
) -> Option<Result<Value, Error>> {
    let ["mqtt", what @ ..] = segments else { return None };
    Some(match (request.method.as_str(), what) {
        ("GET", ["received"]) => received(world, request).await,
        ("POST", ["clients", id, "fault"]) => strike(world, id, request).await,
        (method, what) => carry_out(world, method, what, request)?,
    })
}

fn carry_out(world: &World, method: &str, what: &[&str], request: &Request) -> Option<Result<Value, Error>> {
    let broker = || lock(&world.mqtt.broker);
    Some(match (method, what) {
        ("GET", ["rules"]) => Ok(json!(broker().rules)),
        ("PUT", ["rules"]) => body(request).and_then(|patch| {
            let mut broker = broker();
            broker.rules = broker.rules.patched(patch)?;
            Ok(json!(broker.rules))
        }),
        ("GET", ["policy"]) => Ok(json!(broker().policy)),
        ("PUT", ["policy"]) => body::<Policy>(request).map(|policy| {
            let shown = json!(policy);
            broker().policy = policy;
            shown
        }),
        ("PUT", ["authorizers", name]) => {
            body(request).and_then(|patch| Ok(json!(broker().authorizers.update(name, patch)?)))
        }
        ("GET", ["faults"]) => Ok(broker().faults.to_json()),
        ("PUT", ["faults"]) => body(request).and_then(|faults| {
            let faults = Faults::parse(faults)?;
            let shown = faults.to_json();
            broker().faults = faults;
            Ok(shown)
        }),
        ("DELETE", ["faults"]) => {
            broker().faults = Faults::default();
            Ok(json!({}))
        }
        ("PUT", ["upgrades"]) => body(request).and_then(|script| {
            let script = Script::parse(script)?;
            let shown = script.to_json();
            broker().upgrades = script;
            Ok(shown)
        }),
        ("POST", ["advance"]) => body::<Advance>(request).map(|advance| {
            world.mqtt.clock.advance(Duration::from_secs(advance.seconds), advance.keep_alive);
            world.mqtt.tick();
            json!({})
        }),
        ("GET", ["clients"]) => Ok(broker().to_json(world.mqtt.clock.now())),
        ("DELETE", ["clients", id]) => {
            if broker().forget(id) {
                Ok(json!({}))
            } else {
                Err(nobody(id))
            }
        }
        ("POST", ["clients", id, "kick"]) => body::<Kick>(request)
            .and_then(|kick| order(world, id, Order::End { reason: kick.reason, why: "kicked" })),
        ("POST", ["clients", id, "redeliver"]) => {
            let now = world.mqtt.clock.now();
            if broker().redeliver(id, now) { Ok(json!({})) } else { Err(nobody(id)) }
        }
        ("POST", ["publish"]) => body(request).and_then(|wanted| publish(world, &wanted)),
        ("GET", ["shadows", thing]) => shadow(world, thing, None),
        ("GET", ["shadows", thing, name]) => shadow(world, thing, Some(name)),
        ("GET", ["jobs", thing]) => Ok(broker().services.jobs.to_json(thing)),
        ("POST", ["jobs"]) => body(request).and_then(|job| make_job(world, job)),
        ("DELETE", ["received"]) => {
            broker().received.clear();
            Ok(json!({}))
        }
        _ => return None,
    })
}

/// The body of `POST /mqtt/advance`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    seconds: u64,
    #[serde(default)]
    keep_alive: bool,
}

/// The body of `POST /mqtt/clients/{id}/kick`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kick {
    #[serde(default)]
    reason: Option<u8>,
}

/// The body of `POST /mqtt/publish`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ToPublish {
    topic: String,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    payload_hex: Option<String>,
    #[serde(default)]
    bytes: Option<usize>,
    #[serde(default = "one")]
    qos: u8,
    #[serde(default)]
    retain: bool,
    #[serde(default)]
    expiry_seconds: Option<u32>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    client_id: Option<String>,
}

fn one() -> u8 {
    1
}

fn publish(world: &World, wanted: &ToPublish) -> Result<Value, Error> {
    if wanted.qos > 1 {
        return Err("`qos` must be 0 or 1".to_owned().into());
    }
    if wanted.bytes.is_some_and(|bytes| bytes > 64 << 20) {
        return Err("`bytes` must stay within 64 MiB".to_owned().into());
    }
    let count = wanted.count.unwrap_or(1);
    if !(1..=LARGEST_BURST).contains(&count) {
        return Err(format!("`count` must lie between 1 and {LARGEST_BURST}").into());
    }
    let payload = match (&wanted.payload, &wanted.payload_hex, wanted.bytes) {
        (Some(text), None, None) => text.clone().into_bytes(),
        (None, Some(hex), None) => {
            random::unhex(hex).ok_or_else(|| "`payloadHex` must be bytes in hexadecimal".to_owned())?
        }
        (None, None, Some(bytes)) => vec![b'x'; bytes],
        (None, None, None) => Vec::new(),
        _ => return Err("give one of `payload`, `payloadHex` and `bytes`".to_owned().into()),
    };
    let now = world.mqtt.clock.now();
    let mut broker = lock(&world.mqtt.broker);
    for number in 0..count {
        let mut payload = payload.clone();
        if wanted.count.is_some() {
            payload.extend(number.to_string().into_bytes());
        }
        let message = Message {
            qos: wanted.qos,
            retain: wanted.retain,
            expires: wanted.expiry_seconds.map(|seconds| now + Duration::from_secs(seconds.into())),
            ..Message::of_broker(wanted.topic.clone(), payload)
        };
        match &wanted.client_id {
            None => broker.route(message, now),
            Some(id) if broker.deliver(id, message, now) => {}
            Some(id) => return Err(nobody(id)),
        }
    }
    Ok(json!({"published": count}))
}

async fn received(world: &World, request: &Request) -> Result<Value, Error> {
    let (mut wanted, mut at_least, mut wait_ms) = (Wanted::default(), 0, 0);
    for (name, value) in request.query_parameters() {
        let number = || value.parse::<u64>().map_err(|_| format!("`{name}` must be a number"));
        match name.as_str() {
            "clientId" => wanted.client_id = Some(value),
            "topic" => wanted.topic = Some(value),
            "brief" => wanted.brief = value == "true",
            "atLeast" => at_least = usize::try_from(number()?).unwrap_or(usize::MAX),
            "waitMs" => wait_ms = number()?.min(LONGEST_WAIT_MS),
            _ => return Err(format!("`GET /mqtt/received` has no parameter `{name}`").into()),
        }
    }
    let mut arrivals = lock(&world.mqtt.broker).received.arrivals();
    let look = || lock(&world.mqtt.broker).received.to_json(&wanted);
    let enough = async {
        while look().len() < at_least {
            if arrivals.changed().await.is_err() {
                return;
            }
        }
    };
    let _ = time::timeout(Duration::from_millis(wait_ms), enough).await;
    Ok(look().into())
}

fn shadow(world: &World, thing: &str, name: Option<&str>) -> Result<Value, Error> {
    let shadow = lock(&world.mqtt.broker).services.shadows.to_json(thing, name);
    shadow.ok_or_else(|| Error(404, format!("`{thing}` has no such shadow")))
}

/// The body of `POST /mqtt/jobs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    thing: String,
    #[serde(rename = "jobId")]
    id: String,
    #[serde(default)]
    document: Value,
}

fn make_job(world: &World, job: Job) -> Result<Value, Error> {
    let now = world.mqtt.clock.now();
    let timestamp = clock::now(0).unix_timestamp();
    let mut broker = lock(&world.mqtt.broker);
    let told = broker.services.jobs.create(&job.thing, &job.id, job.document, timestamp)?;
    for message in services::messages(told) {
        broker.route(message, now);
    }
    Ok(json!({"jobId": job.id}))
}

/// Answers once the connection misbehaves, or is over.
async fn strike(world: &World, id: &str, request: &Request) -> Result<Value, Error> {
    let fault = Fault::parse(body(request)?)?;
    let (done, mut when_done) = mpsc::unbounded_channel();
    let given = order(world, id, Order::Fault(fault, done))?;
    when_done.recv().await;
    Ok(given)
}

fn order(world: &World, id: &str, order: Order) -> Result<Value, Error> {
    if lock(&world.mqtt.broker).order(id, order) { Ok(json!({})) } else { Err(nobody(id)) }
}

fn nobody(id: &str) -> Error {
    Error(404, format!("there is no client `{id}`"))
}
