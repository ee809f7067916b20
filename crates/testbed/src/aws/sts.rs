//! STS: `POST /` with a form, signed with Signature Version 4 for the service `sts` in any region.
//!
//! | Refused because                                    | Status | `Code`                       |
//! |----------------------------------------------------|--------|------------------------------|
//! | it is not a POST to `/`                            | 400    | `InvalidAction`              |
//! | it is not signed                                   | 403    | `MissingAuthenticationToken` |
//! | the `Authorization` cannot be read                 | 400    | `IncompleteSignature`        |
//! | nobody issued the key, or the token is not its own | 403    | `InvalidClientTokenId`       |
//! | the signature, its scope or its time is wrong      | 403    | `SignatureDoesNotMatch`      |
//! | the keys have expired or been revoked              | 403    | `ExpiredToken`               |
//! | the action is another                              | 400    | `InvalidAction`              |
//!
//! They are looked at in this order. New actions go into [`perform`].

use std::sync::Mutex;

use super::{
    alias,
    signed::{Api, Denial, Refusal},
    sigv4::{Problem, Scheme},
    vault::Issued,
    xml::escape,
};
use crate::{
    fault::Schedule,
    http::{
        answer::Answer,
        request::{Request, form},
    },
    world::World,
};

/// The account everything belongs to.
const ACCOUNT: &str = "123456789012";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// STS.
pub(crate) struct Sts;

/// The parameters of an action.
type Parameters = [(String, String)];

impl Api for Sts {
    const SCHEME: Scheme = Scheme { service: "sts", encodes_path_again: true, declares_payload: false };

    fn faults(world: &World) -> &Mutex<Schedule> {
        &world.sts_faults
    }

    fn action(request: &Request) -> Option<String> {
        parameter(&parameters(request), "Action").map(str::to_owned)
    }

    fn admit(request: &Request) -> Result<(), Refusal> {
        if request.method == "POST" && request.path == "/" {
            return Ok(());
        }
        Err(invalid_action(format!("Could not find operation {} {}", request.method, request.path)))
    }

    fn refusal(denial: Denial) -> Refusal {
        let code = match denial.problem() {
            Some(Problem::Missing) => "MissingAuthenticationToken",
            Some(Problem::Incomplete) => "IncompleteSignature",
            Some(Problem::Wrong | Problem::Time | Problem::Payload) => "SignatureDoesNotMatch",
            None if denial == Denial::Expired => "ExpiredToken",
            None => "InvalidClientTokenId",
        };
        let message = match denial {
            Denial::Signature(mismatch) => mismatch.message,
            Denial::Expired => "The security token included in the request is expired".to_owned(),
            Denial::UnknownKey | Denial::WrongToken => {
                "The security token included in the request is invalid.".to_owned()
            }
        };
        Refusal::new(Self::status(code), code, message)
    }

    fn status(code: &str) -> u16 {
        match code {
            "AccessDenied"
            | "ExpiredToken"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "SignatureDoesNotMatch" => 403,
            "InternalFailure" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        }
    }

    fn perform(
        _world: &World,
        caller: &Issued,
        request: &Request,
        request_id: &str,
    ) -> Result<Answer, Refusal> {
        perform(caller, &parameters(request), request_id)
            .map(|body| Answer::new(200, "text/xml", body.into_bytes()))
    }

    fn refuse(_request: &Request, refusal: &Refusal, request_id: &str) -> Answer {
        let Refusal { status, code, message } = refusal;
        let party = if *status < 500 { "Sender" } else { "Receiver" };
        let body = format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>{party}</Type>\n    \
             <Code>{}</Code>\n    <Message>{}</Message>\n  </Error>\n  \
             <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
            escape(code),
            escape(message)
        );
        Answer::new(*status, "text/xml", body.into_bytes())
    }

    fn stamp(answer: Answer, request_id: &str) -> Answer {
        answer.with("x-amzn-RequestId", request_id)
    }
}

/// The actions there are: the body of the answer, or an error.
fn perform(caller: &Issued, parameters: &Parameters, request_id: &str) -> Result<String, Refusal> {
    match parameter(parameters, "Action") {
        Some("GetCallerIdentity") => Ok(get_caller_identity(caller, request_id)),
        Some(action) => {
            let version = parameter(parameters, "Version").unwrap_or("NO_VERSION_SPECIFIED");
            Err(invalid_action(format!("Could not find operation {action} for version {version}")))
        }
        None => Err(invalid_action("Could not find operation".to_owned())),
    }
}

fn get_caller_identity(caller: &Issued, request_id: &str) -> String {
    let role = alias::role_name(&caller.role_arn).unwrap_or("unknown");
    let session = &caller.session_name;
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    \
         <Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{}/{session}</Arn>\n    \
         <UserId>AROATESTBEDROLEID0001:{session}</UserId>\n    <Account>{ACCOUNT}</Account>\n  \
         </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  \
         </ResponseMetadata>\n</GetCallerIdentityResponse>\n",
        escape(role)
    )
}

fn invalid_action(message: String) -> Refusal {
    Refusal::new(400, "InvalidAction", message)
}

fn parameters(request: &Request) -> Vec<(String, String)> {
    form(&String::from_utf8_lossy(&request.body))
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}
