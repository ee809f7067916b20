//! What the unsigned sources of keys have in common: the container endpoint, IMDS and SSO.
//!
//! Plain HTTP, faults of the kinds that the credentials endpoint has ([`crate::fault`]), keys from the vault, and an
//! entry in the log for every request. A fault is for the next request to come, whichever that is.

use std::sync::{Arc, Mutex};

use serde_json::json;
use time::Duration;

use super::{
    principal::{Attributes, Principal},
    vault::Issued,
};
use crate::{
    clock,
    fault::{Fault, Schedule},
    http::{answer::Answer, plan::Plan, request::Request, serve::Handler},
    log, random,
    sync::lock,
    world::World,
};

/// A server that hands out keys to whoever can reach it, or has a token.
pub(crate) trait Source: Send + Sync + 'static {
    /// The part of it that the request is for: what the log calls it.
    fn service(request: &Request) -> &'static str;

    /// The faults of that part.
    fn faults<'a>(world: &'a World, request: &Request) -> &'a Mutex<Schedule>;

    /// The proper answer.
    fn respond(world: &World, request: &Request, life: Life) -> Answer;
}

/// How long the keys of an answer last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life(Option<i64>);

impl Life {
    /// Issues keys of a role that last for `usual_seconds`, unless something else was said.
    pub(crate) fn issue(
        self,
        world: &World,
        role_arn: String,
        name: &str,
        usual_seconds: i64,
    ) -> Arc<Issued> {
        let expires = world.now() + Duration::seconds(self.0.unwrap_or(usual_seconds));
        let principal = Principal::Session { role_arn, name: name.to_owned() };
        lock(&world.vault).issue(expires, principal, Attributes::default())
    }
}

/// A source as one connection sees it.
pub(crate) struct Unsigned<S> {
    world: Arc<World>,
    connection: u64,
    source: std::marker::PhantomData<S>,
}

impl<S: Source> Unsigned<S> {
    /// The source for the connection with this number.
    pub(crate) fn new(world: Arc<World>, connection: u64) -> Self {
        Self { world, connection, source: std::marker::PhantomData }
    }
}

impl<S: Source> Handler for Unsigned<S> {
    async fn answer(&mut self, number: u64, request: Request) -> Plan {
        let fault = lock(S::faults(&self.world, &request)).take();
        let life = match &fault {
            Some(Fault::Expired { seconds_ago }) => Some(-seconds_ago),
            _ => self.world.settings().life_seconds,
        };
        let now = self.world.now();
        let request_id = random::uuid();
        let answer = S::respond(&self.world, &request, Life(life)).with("Date", clock::http(now));
        let answer = answer.with("x-amzn-RequestId", &request_id);
        let keep_alive = request.keep_alive;
        let (status, plan) = match &fault {
            Some(fault) => fault.apply(answer, now, keep_alive),
            None => (Some(answer.status), answer.into_plan(keep_alive)),
        };
        self.world.log.record(
            "request",
            json!({
                "connection": self.connection,
                "number": number,
                "service": S::service(&request),
                "method": request.method,
                "path": request.path,
                "headers": log::headers(&request),
                "status": status,
                "fault": fault.as_ref().map(Fault::mode),
                "requestId": request_id,
            }),
        );
        plan
    }
}

/// A refusal as the JSON services of AWS have it.
pub(crate) fn refusal(status: u16, error_type: &'static str, message: &str) -> Answer {
    Answer::json(status, &json!({"message": message})).with("x-amzn-ErrorType", error_type)
}
