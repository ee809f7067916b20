//! What STS and S3 have in common: they accept exactly the keys the testbed has issued, for as long as those are good,
//! and can be told to say otherwise.
//!
//! A request is looked at in this order: is it one the service knows at all ([`Api::admit`]); is it signed, and can
//! the signature be read; did the testbed issue the key, and is the token its own; is the signature right; have the
//! keys neither expired nor been revoked. Which status and code each answer has is the table of the service.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{
    sigv4::{Authorization, Mismatch, Problem, Scheme},
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

const TOKEN_HEADER: &str = "x-amz-security-token";

/// A service whose requests are signed.
pub(crate) trait Api: Send + Sync + 'static {
    /// How its requests are signed.
    const SCHEME: Scheme;

    /// Its faults.
    fn faults(world: &World) -> &Mutex<Schedule>;

    /// The name of what is asked for, if it has one.
    fn action(request: &Request) -> Option<String>;

    /// The parameters it came with, as the log may show them.
    fn parameters(_request: &Request) -> Value {
        Value::Null
    }

    /// What can be said before the signature is looked at.
    fn admit(request: &Request) -> Result<(), Refusal>;

    /// Why these keys are refused, in the service's own code.
    fn refusal(denial: Denial) -> Refusal;

    /// The status that goes with an error code.
    fn status(code: &str) -> u16;

    /// Does what anybody may ask for, whether it is signed or not; `None` if it is not for anybody.
    fn perform_unsigned(
        _world: &World,
        _request: &Request,
        _request_id: &str,
    ) -> Option<Result<Answer, Refusal>> {
        None
    }

    /// Does what a caller with good keys asks for.
    fn perform(
        world: &World,
        caller: &Issued,
        request: &Request,
        request_id: &str,
    ) -> Result<Answer, Refusal>;

    /// The answer that says no.
    fn refuse(request: &Request, refusal: &Refusal, request_id: &str) -> Answer;

    /// The headers of every answer.
    fn stamp(answer: Answer, request_id: &str) -> Answer;
}

/// An error of a service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status that goes with the code.
    pub(crate) status: u16,
    /// The error code.
    pub(crate) code: String,
    /// The message.
    pub(crate) message: String,
}

impl Refusal {
    /// An error with this code.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }
}

/// Why keys are refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Nobody issued them.
    UnknownKey,
    /// The token is missing, or belongs to other keys.
    WrongToken,
    /// The signature is not accepted.
    Signature(Mismatch),
    /// They were good once.
    Expired,
}

impl From<Mismatch> for Denial {
    fn from(mismatch: Mismatch) -> Self {
        Self::Signature(mismatch)
    }
}

impl Denial {
    /// What is wrong with the signature, if that is it.
    pub(crate) fn problem(&self) -> Option<Problem> {
        match self {
            Self::Signature(mismatch) => Some(mismatch.problem),
            _ => None,
        }
    }
}

/// A service as one connection sees it.
pub(crate) struct Signed<A> {
    world: Arc<World>,
    connection: u64,
    api: std::marker::PhantomData<A>,
}

impl<A: Api> Signed<A> {
    /// The service for the connection with this number.
    pub(crate) fn new(world: Arc<World>, connection: u64) -> Self {
        Self { world, connection, api: std::marker::PhantomData }
    }

    /// The proper answer.
    fn respond(&self, request: &Request, request_id: &str) -> Result<Answer, Refusal> {
        A::admit(request)?;
        if let Some(done) = A::perform_unsigned(&self.world, request, request_id) {
            return done;
        }
        let caller = authenticate(&self.world, request, &A::SCHEME).map_err(A::refusal)?;
        A::perform(&self.world, &caller, request, request_id)
    }
}

/// Who signed the request.
fn authenticate(world: &World, request: &Request, scheme: &Scheme) -> Result<Arc<Issued>, Denial> {
    let authorization = Authorization::of(request)?;
    let issued = world.keys(&authorization.access_key_id).ok_or(Denial::UnknownKey)?;
    let token = request.header(TOKEN_HEADER);
    if !issued.has_token(token) {
        return Err(Denial::WrongToken);
    }
    if token.is_some() && !authorization.signs(TOKEN_HEADER) {
        let message = "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(Mismatch::wrong(message).into());
    }
    let now = world.now();
    authorization.verify(request, &issued.secret_access_key, scheme, now)?;
    if issued.is_good(now) { Ok(issued) } else { Err(Denial::Expired) }
}

impl<A: Api> Handler for Signed<A> {
    async fn answer(&mut self, number: u64, request: Request) -> Plan {
        let request_id = random::uuid();
        let fault = lock(A::faults(&self.world)).take();
        let done = match &fault {
            Some(Fault::Error { code, status, message }) => {
                let message = message.as_deref().unwrap_or("The testbed was told to say this");
                Err(Refusal::new(status.unwrap_or_else(|| A::status(code)), code, message))
            }
            _ => self.respond(&request, &request_id),
        };
        let error = done.as_ref().err().map(|refusal| refusal.code.clone());
        let answer = done.unwrap_or_else(|refusal| A::refuse(&request, &refusal, &request_id));
        let now = self.world.now();
        let answer = A::stamp(answer.with("Date", clock::http(now)), &request_id);
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
                "service": A::SCHEME.service,
                "method": request.method,
                "path": request.path,
                "action": A::action(&request),
                "parameters": A::parameters(&request),
                "accessKeyId": Authorization::of(&request).ok().map(|read| read.access_key_id),
                "headers": log::headers(&request),
                "status": status,
                "error": error,
                "fault": fault.as_ref().map(Fault::mode),
                "requestId": request_id,
            }),
        );
        plan
    }
}
