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
//! | a parameter is missing or cannot be                | 400    | `ValidationError`            |
//! | `Policy` is not a policy                           | 400    | `MalformedPolicyDocument`    |
//! | a tag is there twice, or is an inherited one       | 400    | `InvalidParameterValue`      |
//! | policies and tags take more room than there is     | 400    | `PackedPolicyTooLarge`       |
//! | the MFA code is wrong, old, or has been used; the  | 403    | `AccessDenied`               |
//! | device is not the caller's; one came without the   |        |                              |
//! | other                                              |        |                              |
//! | the role is missing, does not trust the caller,    | 403    | `AccessDenied`               |
//! | wants another external id, or wants MFA            |        |                              |
//! | the source identity is another than the caller's   | 403    | `AccessDenied`               |
//! | the session would last longer than the role allows | 400    | `ValidationError`            |
//! | or, with a role's keys, than an hour               |        |                              |
//!
//! They are looked at in this order. Two actions differ. `GetSessionToken` takes long-term keys alone (403
//! `AccessDenied`). `AssumeRoleWithWebIdentity` needs no signature; a signature that came is not looked at:
//!
//! | Refused because the identity token                 | Status | `Code`                       |
//! |----------------------------------------------------|--------|------------------------------|
//! | is none, is forged, or is from another issuer      | 400    | `InvalidIdentityToken`       |
//! | has expired                                        | 400    | `ExpiredTokenException`      |
//! | is for another audience                            | 400    | `InvalidIdentityToken`       |
//! | is about somebody whom the role does not trust     | 403    | `AccessDenied`               |
//!
//! Who may assume what is in [`super::iam`]; where the tokens come from in [`super::identity_tokens`]. Keys last as
//! long as was asked for, unless the role's or the `lifeSeconds` setting says otherwise. Statuses and codes are those
//! of the real service; messages are so where they are known. Which code a doubtful tag has is our choice.

mod assume_role;
mod caller_identity;
mod mfa;
mod parameters;
mod policy;
mod reply;
mod session_token;
mod web_identity;

use std::sync::Mutex;

use serde_json::Value;

use self::parameters::Parameters;
use super::{
    signed::{Api, Denial, Refusal},
    sigv4::{Problem, Scheme},
    vault::Issued,
    xml::escape,
};
use crate::{
    fault::Schedule,
    http::{answer::Answer, request::Request},
    world::World,
};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// STS.
pub(crate) struct Sts;

impl Api for Sts {
    const SCHEME: Scheme = Scheme { service: "sts", encodes_path_again: true, declares_payload: false };

    fn faults(world: &World) -> &Mutex<Schedule> {
        &world.sts_faults
    }

    fn action(request: &Request) -> Option<String> {
        Parameters::of(request).raw("Action").map(str::to_owned)
    }

    fn parameters(request: &Request) -> Value {
        Parameters::of(request).to_json()
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
            | "IDPRejectedClaim"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "SignatureDoesNotMatch" => 403,
            "InternalFailure" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        }
    }

    fn perform_unsigned(
        world: &World,
        request: &Request,
        request_id: &str,
    ) -> Option<Result<Answer, Refusal>> {
        let parameters = Parameters::of(request);
        (parameters.raw("Action") == Some(web_identity::ACTION))
            .then(|| web_identity::perform(world, &parameters, request_id).map(xml))
    }

    fn perform(
        world: &World,
        caller: &Issued,
        request: &Request,
        request_id: &str,
    ) -> Result<Answer, Refusal> {
        perform(world, caller, &Parameters::of(request), request_id).map(xml)
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
fn perform(
    world: &World,
    caller: &Issued,
    parameters: &Parameters,
    request_id: &str,
) -> Result<String, Refusal> {
    match parameters.raw("Action") {
        Some("AssumeRole") => assume_role::perform(world, caller, parameters, request_id),
        Some("GetCallerIdentity") => Ok(caller_identity::perform(&caller.principal, request_id)),
        Some("GetSessionToken") => session_token::perform(world, caller, parameters, request_id),
        Some(action) => {
            let version = parameters.raw("Version").unwrap_or("NO_VERSION_SPECIFIED");
            Err(invalid_action(format!("Could not find operation {action} for version {version}")))
        }
        None => Err(invalid_action("Could not find operation".to_owned())),
    }
}

fn xml(body: String) -> Answer {
    Answer::new(200, "text/xml", body.into_bytes())
}

fn invalid_action(message: String) -> Refusal {
    Refusal::new(400, "InvalidAction", message)
}
