//! The IoT credentials endpoint: `GET /role-aliases/{alias}/credentials` over mutual TLS.
//!
//! | Refused because                        | Status | `x-amzn-ErrorType`                | `message`                        |
//! |----------------------------------------|--------|-----------------------------------|----------------------------------|
//! | the method is not GET                  | 405    | `MethodNotAllowedException`       | `Method not allowed`             |
//! | the path is another                    | 404    | `ResourceNotFoundException`       | `Not found`                      |
//! | the alias cannot be a name             | 400    | `InvalidRequestException`         | `Invalid role alias`             |
//! | the certificate is not good            | 403    | `AccessDeniedException`           | `Certificate is invalid on this endpoint` |
//! | the thing is not attached              | 403    | `AccessDeniedException`           | `Invalid thing name passed`      |
//! | the alias is missing                   | 404    | `ResourceNotFoundException`       | `Role alias does not exist`      |
//! | the policy does not allow it           | 403    | `AccessDeniedException`           | `Access Denied`                  |
//! | the role cannot be assumed             | 400    | `InvalidRequestException`         | `Unable to assume the role, or the role to assume does not exist` |
//! | the alias lasts longer than the role   | 400    | `InvalidRequestException`         | `The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role` |
//!
//! They are looked at in this order. The statuses and messages are those of the real endpoint; of the error types
//! only the one for a bad certificate is known, the others are our choice.

use std::sync::{Arc, OnceLock};

use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::json;
use time::Duration;

use super::{
    alias::{self, Alias, Outcome},
    certificates,
    judge::{ChainVerdict, judge, verify_chain},
    principal::{Attributes, Principal},
    vault::Issued,
};
use crate::{
    clock,
    fault::Fault,
    http::{answer::Answer, plan::Plan, request::Request, serve::Handler},
    log, random,
    sync::lock,
    world::World,
};

const THING_HEADER: &str = "x-amzn-iot-thingname";
const DURATION_HEADER: &str = "x-amzn-iot-credential-duration-seconds";

/// The endpoint as one connection sees it.
pub(crate) struct Endpoint {
    world: Arc<World>,
    chain: Arc<dyn ClientCertVerifier>,
    connection: u64,
    presented: Vec<CertificateDer<'static>>,
    verified: OnceLock<ChainVerdict>,
}

/// A row of the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusal(u16, &'static str, &'static str);

const METHOD: Refusal = Refusal(405, "MethodNotAllowedException", "Method not allowed");
const PATH: Refusal = Refusal(404, "ResourceNotFoundException", "Not found");
const ALIAS_NAME: Refusal = Refusal(400, "InvalidRequestException", "Invalid role alias");
const CERTIFICATE: Refusal = Refusal(403, "AccessDeniedException", "Certificate is invalid on this endpoint");
const THING: Refusal = Refusal(403, "AccessDeniedException", "Invalid thing name passed");
const NO_ALIAS: Refusal = Refusal(404, "ResourceNotFoundException", "Role alias does not exist");
const POLICY: Refusal = Refusal(403, "AccessDeniedException", "Access Denied");
const DURATION: Refusal = Refusal(400, "InvalidRequestException", "Invalid credential duration");
const NOT_ASSUMABLE: Refusal = Refusal(
    400,
    "InvalidRequestException",
    "Unable to assume the role, or the role to assume does not exist",
);
const TOO_LONG: Refusal = Refusal(
    400,
    "InvalidRequestException",
    "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role",
);

impl Endpoint {
    /// The endpoint for a client that has presented these certificates.
    pub(crate) fn new(
        world: Arc<World>,
        chain: Arc<dyn ClientCertVerifier>,
        connection: u64,
        presented: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { world, chain, connection, presented, verified: OnceLock::new() }
    }

    /// The alias to issue keys for and how long they last, unless a row of the table applies.
    fn decide(&self, request: &Request) -> Result<(Alias, i64), Refusal> {
        if request.method != "GET" {
            return Err(METHOD);
        }
        let segments = request.segments().ok_or(PATH)?;
        let [collection, name, what] = segments.as_slice() else { return Err(PATH) };
        if collection != "role-aliases" || what != "credentials" {
            return Err(PATH);
        }
        if !alias::is_name(name) {
            return Err(ALIAS_NAME);
        }
        self.check_certificate(request.header(THING_HEADER))?;
        let alias = lock(&self.world.aliases).get(name).cloned().ok_or(NO_ALIAS)?;
        match alias.outcome {
            Outcome::Issue => {}
            Outcome::Denied => return Err(POLICY),
            Outcome::NotAssumable => return Err(NOT_ASSUMABLE),
            Outcome::TooLong => return Err(TOO_LONG),
        }
        let seconds = match request.header(DURATION_HEADER) {
            Some(wanted) if self.world.settings().honour_duration => {
                wanted.parse().ok().filter(|seconds| (900..=43_200).contains(seconds)).ok_or(DURATION)?
            }
            _ => alias.duration_seconds,
        };
        Ok((alias, seconds))
    }

    fn check_certificate(&self, thing: Option<&str>) -> Result<(), Refusal> {
        let certificates = lock(&self.world.certificates);
        let now = UnixTime::now();
        let verified = self.verified.get_or_init(|| verify_chain(&self.chain, &self.presented, now));
        judge(verified.clone(), &certificates, &self.presented, now).map_err(|_| CERTIFICATE)?;
        let registration = self.presented.first().and_then(|leaf| certificates.registration(leaf));
        match thing {
            Some(thing) if !registration.is_some_and(|registration| registration.things.contains(thing)) => {
                Err(THING)
            }
            _ => Ok(()),
        }
    }

    fn issue(&self, alias: Alias, seconds: i64) -> Arc<Issued> {
        // The real endpoint uses the certificate id as the session name.
        let name = self.presented.first().map(|leaf| certificates::id(leaf)).unwrap_or_default();
        let expires = self.world.now() + Duration::seconds(seconds);
        let principal = Principal::Session { role_arn: alias.role_arn, name };
        lock(&self.world.vault).issue(expires, principal, Attributes::default())
    }
}

impl Handler for Endpoint {
    async fn answer(&mut self, number: u64, request: Request) -> Plan {
        let request_id = random::uuid();
        let fault = lock(&self.world.faults).take();
        let now = self.world.now();
        let answer = match self.decide(&request) {
            Ok((alias, seconds)) => {
                let seconds = match &fault {
                    Some(Fault::Expired { seconds_ago }) => -seconds_ago,
                    _ => seconds,
                };
                Answer::json(200, &self.issue(alias, seconds).to_json())
            }
            Err(Refusal(status, error_type, message)) => {
                Answer::json(status, &json!({"message": message})).with("x-amzn-ErrorType", error_type)
            }
        };
        let answer = answer.with("Date", clock::http(now)).with("x-amzn-RequestId", &request_id);
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
                "service": "iot",
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
