//! The control port: plain HTTP, JSON in and out. Every error is `{"error": "a sentence"}`.
//!
//! | Request                    | Does                                                                             |
//! |----------------------------|----------------------------------------------------------------------------------|
//! | `GET /state`               | shows settings, faults, aliases, users, roles, certificates and counts           |
//! | `PUT /config`              | changes the settings it names ([`crate::settings`])                              |
//! | `PUT /faults`              | replaces the faults by one, or by a list of them ([`crate::fault`])              |
//! | `DELETE /faults`           | clears them                                                                      |
//! | `PUT /faults/{service}`    | the same for `sts`, `s3`, `container`, `imds`, `sso` or `sso-oidc`               |
//! | `DELETE /faults/{service}` | clears those                                                                     |
//! | `PUT /link`, `PUT /proxy`  | the same for connections to the relay ([`crate::link`]), and to the proxy        |
//! |                            | ([`crate::proxy`]); `DELETE` clears them                                         |
//! | `POST /keys/revoke`        | makes all keys issued so far be taken for expired, or with `accessKeyId` those;  |
//! |                            | answers how many that is, as `revoked`                                           |
//! | `PUT /aliases/{name}`      | makes or changes an alias: `durationSeconds`, `roleArn`, `outcome` (`issue`,     |
//! |                            | `denied`, `not-assumable`, `too-long`)                                           |
//! | `DELETE /aliases/{name}`   | removes it                                                                       |
//! | `PUT /users/{name}`        | makes a user of IAM, or new keys for one: answers `name`, `arn`, `accessKeyId`,  |
//! |                            | `secretAccessKey`, `mfaSerial`, `mfaSeed`; `DELETE` removes it and its keys      |
//! | `GET /users/{name}/mfa-code` | a code of its MFA device that is good now and has not been used, as `code`; with |
//! |                            | `?steps=N` the one of so many half minutes from now, used or not                 |
//! | `PUT /roles/{account}/{name}` | makes or changes a role ([`crate::aws::iam`]): `trusted`, `webIdentity`       |
//! |                            | (`audience`, `subject`), `externalId`, `requireMfa`, `maxSessionSeconds`,        |
//! |                            | `lifeSeconds`; `DELETE` removes it                                               |
//! | `POST /identity-token`     | makes an identity token ([`crate::aws::identity_tokens`]), as `token`: `sub`,    |
//! |                            | `aud`, `iss`, `lifeSeconds`, `forged`                                            |
//! | `POST /sso/login`          | signs in to SSO: answers what `aws sso login` keeps in its cache; `lifeSeconds`  |
//! |                            | is how long the access token lasts                                               |
//! | `POST /sso/logout`         | ends every sign-in: no access token and no refresh token is good any more        |
//! | `POST /imds/forget-tokens` | does so with the tokens of IMDS                                                  |
//! | `PUT /certificates/{name}` | changes `status` (`active`, `revoked`, `unknown`) and `things`; `pem` registers   |
//! | `POST /connections/drop`   | ends all connections but those to the control port                               |
//! | `GET /log`                 | shows the log ([`crate::log`]); `?event=` picks a kind, `?service=` a service    |
//! |                            | (`iot`, `link`, `proxy`, or one of those above); `?atLeast=N&waitMs=M` waits     |
//! |                            | until there are so many, no longer than that                                     |
//! | `DELETE /log`              | forgets it                                                                       |
//! | `POST /reset`              | makes everything as it was at the start, ends all connections, forgets the log   |
//! | `… /mqtt/…`                | the broker: [`self::mqtt`]                                                       |
//! | `POST /shutdown`           | answers, then stops the testbed                                                  |
//!
//! Changes answer 200 with what they changed, the others with `{}`.

mod iam;
mod mqtt;
mod sso;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    aws::alias::{self, Alias},
    fault::{Schedule, Victim},
    http::{answer::Answer, plan::Plan, request::Request, serve::Handler},
    log::{EVENTS, Filter},
    script::Script,
    sync::lock,
    world::World,
};

/// A wait longer than this is a mistake.
const LONGEST_WAIT_MS: u64 = 600_000;

/// The control port as one connection sees it.
pub(crate) struct Control {
    world: Arc<World>,
    /// Set by `POST /shutdown`.
    stop: bool,
}

impl Drop for Control {
    /// The connection is over and the answer sent: now the testbed may stop.
    fn drop(&mut self) {
        if self.stop {
            self.world.stop.notify_one();
        }
    }
}

/// Why a request is not carried out: a status and a sentence.
struct Error(u16, String);

/// What is wrong with a request is the fault of its body, unless something else is said.
impl From<String> for Error {
    fn from(sentence: String) -> Self {
        Self(400, sentence)
    }
}

impl Handler for Control {
    async fn answer(&mut self, _number: u64, request: Request) -> Plan {
        let answer = match self.route(&request).await {
            Ok(body) => Answer::json(200, &body),
            Err(Error(status, sentence)) => Answer::json(status, &json!({"error": sentence})),
        };
        answer.into_plan(request.keep_alive && !self.stop)
    }
}

impl Control {
    /// The control port of this world.
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world, stop: false }
    }

    async fn route(&mut self, request: &Request) -> Result<Value, Error> {
        let segments = request.segments().ok_or_else(|| "the path is not well encoded".to_owned())?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let world = &self.world;
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["state"]) => return Ok(world.to_json()),
            ("PUT", ["config"]) => {
                let body = body(request)?;
                let mut settings = lock(&world.settings);
                *settings = settings.patched(body)?;
                return Ok(json!(*settings));
            }
            ("PUT", ["faults"]) => {
                let schedule = Schedule::parse(Victim::Endpoint, body(request)?)?;
                return Ok(put_faults(&world.faults, schedule));
            }
            ("PUT", ["faults", service]) => {
                let (faults, victim) = self.faults_of(service)?;
                return Ok(put_faults(faults, Schedule::parse(victim, body(request)?)?));
            }
            ("DELETE", ["faults"]) => *lock(&world.faults) = Schedule::default(),
            ("DELETE", ["faults", service]) => *lock(self.faults_of(service)?.0) = Schedule::default(),
            ("PUT", ["link"]) => return Ok(put_script(&world.link_faults, Script::parse(body(request)?)?)),
            ("PUT", ["proxy"]) => return Ok(put_script(&world.proxy_faults, Script::parse(body(request)?)?)),
            ("DELETE", ["link"]) => *lock(&world.link_faults) = Script::default(),
            ("DELETE", ["proxy"]) => *lock(&world.proxy_faults) = Script::default(),
            ("POST", ["keys", "revoke"]) => {
                let keys = if request.body.is_empty() { Revoke::default() } else { body(request)? };
                let revoked = lock(&world.vault).revoke(keys.access_key_id.as_deref());
                return Ok(json!({"revoked": revoked}));
            }
            ("PUT", ["aliases", name]) => return self.put_alias(name, body(request)?),
            ("DELETE", ["aliases", name]) => {
                let removed = lock(&world.aliases).remove(*name);
                removed.ok_or_else(|| Error(404, format!("there is no alias `{name}`")))?;
            }
            ("PUT", ["certificates", name]) => {
                let body = body(request)?;
                return Ok(json!(lock(&world.certificates).update(name, body)?));
            }
            ("POST", ["connections", "drop"]) => world.drop_connections(),
            ("GET", ["log"]) => return self.get_log(request).await,
            ("DELETE", ["log"]) => world.log.clear(),
            ("POST", ["reset"]) => world.reset(),
            ("POST", ["shutdown"]) => self.stop = true,
            (method, segments) => {
                let done = iam::route(world, request, segments);
                let done = done.or_else(|| sso::route(world, request, segments));
                let done = match done {
                    None => mqtt::route(world, request, segments).await,
                    done => done,
                };
                if let Some(done) = done {
                    return done;
                }
                return Err(Error(404, format!("there is no {method} {} on the control port", request.path)));
            }
        }
        Ok(json!({}))
    }

    fn faults_of(&self, service: &str) -> Result<(&Mutex<Schedule>, Victim), Error> {
        let (name, faults) =
            self.world.service_faults().into_iter().find(|(name, _)| *name == service).ok_or_else(|| {
                Error(404, format!("there is no service `{service}` with faults of its own"))
            })?;
        let victim = match name {
            "sts" => Victim::Sts,
            "s3" => Victim::S3,
            _ => Victim::Endpoint,
        };
        Ok((faults, victim))
    }

    fn put_alias(&self, name: &str, body: Value) -> Result<Value, Error> {
        if !alias::is_name(name) {
            return Err(Error(400, format!("`{name}` cannot be the name of an alias")));
        }
        let mut aliases = lock(&self.world.aliases);
        let alias = aliases.get(name).cloned().unwrap_or_else(Alias::default).patched(body)?;
        let shown = json!(alias);
        aliases.insert(name.to_owned(), alias);
        Ok(shown)
    }

    async fn get_log(&self, request: &Request) -> Result<Value, Error> {
        let (mut filter, mut at_least, mut wait_ms) = (Filter::default(), 0, 0);
        for (name, value) in request.query_parameters() {
            let number = || value.parse::<u64>().map_err(|_| format!("`{name}` must be a number"));
            match name.as_str() {
                "event" if EVENTS.contains(&value.as_str()) => filter.event = Some(value),
                "service" => {
                    let mut servers = self.world.service_faults().into_iter().map(|(name, _)| name);
                    if !matches!(value.as_str(), "iot" | "link" | "proxy" | "mqtt")
                        && !servers.any(|name| name == value)
                    {
                        return Err(format!("there is no service `{value}`").into());
                    }
                    filter.service = Some(value);
                }
                "event" => return Err(format!("there are no events `{value}`").into()),
                "atLeast" => at_least = usize::try_from(number()?).unwrap_or(usize::MAX),
                "waitMs" => wait_ms = number()?.min(LONGEST_WAIT_MS),
                _ => return Err(format!("`GET /log` has no parameter `{name}`").into()),
            }
        }
        let events = self.world.log.wait(&filter, at_least, Duration::from_millis(wait_ms)).await;
        Ok(Value::Array(events))
    }
}

/// The body of `POST /keys/revoke`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Revoke {
    access_key_id: Option<String>,
}

/// Replaces the faults and shows the new ones.
fn put_faults(faults: &Mutex<Schedule>, schedule: Schedule) -> Value {
    let shown = schedule.to_json();
    *lock(faults) = schedule;
    shown
}

/// The same for connections.
fn put_script<F: Clone + Default + Serialize + DeserializeOwned>(
    faults: &Mutex<Script<F>>,
    script: Script<F>,
) -> Value {
    let shown = script.to_json();
    *lock(faults) = script;
    shown
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    serde_json::from_slice(&request.body).map_err(|error| {
        let what = if error.is_data() { "makes no sense" } else { "is not JSON" };
        Error(400, format!("the body {what}: {error}"))
    })
}
