//! `GET /federation/credentials?account_id=...&role_name=...`: keys of a role for `x-amz-sso_bearer_token`.
//!
//! | Refused because                                     | Status | `x-amzn-ErrorType`           |
//! |-----------------------------------------------------|--------|------------------------------|
//! | a parameter is missing                              | 400    | `InvalidRequestException`    |
//! | the token is missing, nobody's, or has expired      | 401    | `UnauthorizedException`      |
//! | the account or the role is not the user's           | 403    | `ForbiddenException`         |
//!
//! They are looked at in this order. Keys last an hour; `expiration` is in milliseconds.

use serde_json::json;

use super::{ROLE, refusal};
use crate::{
    aws::{
        iam::{self, ACCOUNT},
        source::Life,
    },
    http::{answer::Answer, request::Request},
    sync::lock,
    world::World,
};

/// Its path.
pub(super) const PATH: &str = "/federation/credentials";
const TOKEN_HEADER: &str = "x-amz-sso_bearer_token";
const LIFE_SECONDS: i64 = 3600;

/// The answer.
pub(super) fn respond(world: &World, request: &Request, life: Life) -> Answer {
    let parameters = request.query_parameters();
    let parameter = |name: &str| {
        parameters
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    };
    let (account, role) = (parameter("account_id"), parameter("role_name"));
    if account.is_empty() || role.is_empty() {
        return refusal(400, "InvalidRequestException", "account_id and role_name are required");
    }
    let (token, now) = (request.header(TOKEN_HEADER).unwrap_or_default(), world.now());
    if !lock(&world.sign_ins).may_enter(token, now) {
        return refusal(401, "UnauthorizedException", "Session token not found or invalid");
    }
    if (account, role) != (ACCOUNT, ROLE) {
        return refusal(403, "ForbiddenException", "No access");
    }
    let issued = life.issue(world, iam::role_arn(ACCOUNT, ROLE), "operator@testbed.example", LIFE_SECONDS);
    let expiration = issued.expires().map(|at| at.unix_timestamp() * 1000);
    Answer::json(
        200,
        &json!({"roleCredentials": {
            "accessKeyId": issued.access_key_id,
            "secretAccessKey": issued.secret_access_key,
            "sessionToken": issued.session_token(),
            "expiration": expiration,
        }}),
    )
}
