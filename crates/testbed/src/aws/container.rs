//! The container endpoint of ECS and EKS: keys for whoever can reach it, or has the token.
//!
//! `GET` of any path gives keys of `ContainerRole` for six hours, new ones each time: `AccessKeyId`,
//! `SecretAccessKey`, `Token`, `Expiration`. Below `/v2/credentials/`, as the agent of ECS has it, there is `RoleArn`
//! besides; anywhere else, as the agent of EKS has it, `AccountId`. The `containerToken` setting is what
//! `Authorization` must be, letter for letter; `null`, the default, lets everybody in.
//!
//! | Refused because                              | Status | `code`                       |
//! |----------------------------------------------|--------|------------------------------|
//! | the method is not GET                        | 405    | `MethodNotAllowed`           |
//! | there is no `Authorization`                  | 401    | `MissingAuthorization`       |
//! | it is another than the token                 | 403    | `AccessDeniedException`      |
//! | below `/v2/credentials/` there is no id      | 404    | `NoIdInRequest`              |
//!
//! They are looked at in this order. Each agent answers in its own words; the body here is that of ECS:
//! `{"code": ..., "message": ..., "HTTPErrorCode": ...}`.

use std::sync::Mutex;

use serde_json::json;

use super::{
    iam::{self, ACCOUNT},
    source::{Life, Source},
};
use crate::{
    clock,
    fault::Schedule,
    http::{answer::Answer, request::Request},
    world::World,
};

/// Where the agent of ECS has the keys of a task.
pub(crate) const RELATIVE_PATH: &str = "/v2/credentials/4d2f1b0a-gateway-0042";
const ECS: &str = "/v2/credentials/";
const LIFE_SECONDS: i64 = 6 * 3600;

/// The container endpoint.
pub(crate) struct Container;

impl Source for Container {
    fn service(_request: &Request) -> &'static str {
        "container"
    }

    fn faults<'a>(world: &'a World, _request: &Request) -> &'a Mutex<Schedule> {
        &world.container_faults
    }

    fn respond(world: &World, request: &Request, life: Life) -> Answer {
        if request.method != "GET" {
            return refusal(405, "MethodNotAllowed", "only GET is allowed");
        }
        if let Some(token) = world.settings().container_token {
            match request.header("authorization") {
                None => return refusal(401, "MissingAuthorization", "the request has no Authorization"),
                Some(other) if other != token => {
                    return refusal(
                        403,
                        "AccessDeniedException",
                        "the Authorization is not the one expected",
                    );
                }
                Some(_) => {}
            }
        }
        if request.path == ECS {
            return refusal(404, "NoIdInRequest", "CredentialsV2Request: No Credential ID in the request");
        }
        let role_arn = iam::role_arn(ACCOUNT, "ContainerRole");
        let issued = life.issue(world, role_arn.clone(), "4d2f1b0a", LIFE_SECONDS);
        let mut body = json!({
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "Token": issued.session_token(),
            "Expiration": issued.expires().map(clock::iso),
        });
        if request.path.starts_with(ECS) {
            body["RoleArn"] = role_arn.into();
        } else {
            body["AccountId"] = ACCOUNT.into();
        }
        Answer::json(200, &body)
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"code": code, "message": message, "HTTPErrorCode": status}))
}
