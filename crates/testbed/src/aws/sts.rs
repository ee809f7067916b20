//! STS: accepts exactly the keys the credentials endpoint has issued, for as long as they are good.
//!
//! Requests are `POST /` with a form, signed with Signature Version 4 for the service `sts` in any region.
//!
//! | Refused because                                   | Status | `Code`                       |
//! |---------------------------------------------------|--------|------------------------------|
//! | it is not a POST to `/`                            | 400    | `InvalidAction`              |
//! | it is not signed                                   | 403    | `MissingAuthenticationToken` |
//! | the `Authorization` cannot be read                 | 400    | `IncompleteSignature`        |
//! | nobody issued the key, or the token is not its own | 403    | `InvalidClientTokenId`       |
//! | the signature, its scope or its time is wrong      | 403    | `SignatureDoesNotMatch`      |
//! | the keys have expired                              | 403    | `ExpiredToken`               |
//! | the action is another                              | 400    | `InvalidAction`              |
//!
//! They are looked at in this order. New actions go into [`perform`].

use std::sync::Arc;

use serde_json::json;

use super::{
    alias,
    sigv4::{Authorization, Mismatch},
    vault::Issued,
};
use crate::{
    clock,
    http::{
        answer::Answer,
        plan::Plan,
        request::{Request, form},
        serve::Handler,
    },
    log, random,
    sync::lock,
    world::World,
};

/// The account everything belongs to.
const ACCOUNT: &str = "123456789012";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const TOKEN_HEADER: &str = "x-amz-security-token";

/// STS as one connection sees it.
pub(crate) struct Sts {
    world: Arc<World>,
    connection: u64,
}

/// The parameters of an action.
type Parameters = [(String, String)];

impl Sts {
    /// STS for the connection with this number.
    pub(crate) fn new(world: Arc<World>, connection: u64) -> Self {
        Self { world, connection }
    }

    /// Who signed the request.
    fn authenticate(&self, request: &Request) -> Result<Arc<Issued>, Mismatch> {
        if request.method != "POST" || request.path != "/" {
            return Err(invalid_action(format!(
                "Could not find operation {} {}",
                request.method, request.path
            )));
        }
        let authorization = Authorization::of(request)?;
        let invalid_token = || Mismatch {
            status: 403,
            code: "InvalidClientTokenId",
            message: "The security token included in the request is invalid.".to_owned(),
        };
        let issued = lock(&self.world.vault).find(&authorization.access_key_id).ok_or_else(invalid_token)?;
        let token = request.header(TOKEN_HEADER).ok_or_else(invalid_token)?;
        if !issued.has_token(token) {
            return Err(invalid_token());
        }
        if !authorization.signs(TOKEN_HEADER) {
            return Err(Mismatch {
                status: 403,
                code: "SignatureDoesNotMatch",
                message: "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."
                    .to_owned(),
            });
        }
        let now = self.world.now();
        authorization.verify(request, &issued.secret_access_key, "sts", now)?;
        if issued.expires <= now {
            return Err(Mismatch {
                status: 403,
                code: "ExpiredToken",
                message: "The security token included in the request is expired".to_owned(),
            });
        }
        Ok(issued)
    }
}

impl Handler for Sts {
    async fn answer(&mut self, number: u64, request: Request) -> Plan {
        let request_id = random::uuid();
        let parameters = form(&String::from_utf8_lossy(&request.body));
        let done = self.authenticate(&request).and_then(|caller| perform(&caller, &parameters, &request_id));
        let answer = match done {
            Ok(body) => Answer::new(200, "text/xml", body.into_bytes()),
            Err(Mismatch { status, code, message }) => {
                let body = format!(
                    "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>Sender</Type>\n    \
                     <Code>{code}</Code>\n    <Message>{}</Message>\n  </Error>\n  \
                     <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
                    escape(&message)
                );
                Answer::new(status, "text/xml", body.into_bytes())
            }
        };
        let answer = answer.with("Date", clock::http(self.world.now())).with("x-amzn-RequestId", &request_id);
        self.world.log.record(
            "request",
            json!({
                "connection": self.connection,
                "number": number,
                "service": "sts",
                "method": request.method,
                "path": request.path,
                "action": parameter(&parameters, "Action"),
                "headers": log::headers(&request),
                "status": answer.status,
                "fault": null,
                "requestId": request_id,
            }),
        );
        answer.into_plan(request.keep_alive)
    }
}

/// The actions there are: the body of the answer, or an error.
fn perform(caller: &Issued, parameters: &Parameters, request_id: &str) -> Result<String, Mismatch> {
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

fn invalid_action(message: String) -> Mismatch {
    Mismatch { status: 400, code: "InvalidAction", message }
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
