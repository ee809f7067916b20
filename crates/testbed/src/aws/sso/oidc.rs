//! `POST /token`: another access token for a refresh token (`grantType` `refresh_token`), in JSON.
//!
//! | Refused because                                   | Status | `x-amzn-ErrorType`              | `error`                  |
//! |---------------------------------------------------|--------|---------------------------------|--------------------------|
//! | the body is not JSON, or a field is missing       | 400    | `InvalidRequestException`       | `invalid_request`        |
//! | the grant is another                              | 400    | `UnsupportedGrantTypeException` | `unsupported_grant_type` |
//! | the client is not registered, or its secret wrong | 401    | `InvalidClientException`        | `invalid_client`         |
//! | the refresh token is nobody's, or has been used   | 400    | `InvalidGrantException`         | `invalid_grant`          |
//!
//! They are looked at in this order. A refresh token is good once, and the answer has the next one: a client that does
//! not keep it is found out. Access tokens last as the `ssoTokenSeconds` setting says.

use serde::Deserialize;
use serde_json::json;

use crate::{
    http::{answer::Answer, request::Request},
    sync::lock,
    world::World,
};

/// Its path.
pub(super) const PATH: &str = "/token";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    client_id: String,
    client_secret: String,
    grant_type: String,
    #[serde(default)]
    refresh_token: String,
}

/// The answer.
pub(super) fn respond(world: &World, request: &Request) -> Answer {
    let Ok(wanted) = serde_json::from_slice::<Wanted>(&request.body) else {
        return refusal(400, "InvalidRequestException", "invalid_request");
    };
    if wanted.grant_type != "refresh_token" {
        return refusal(400, "UnsupportedGrantTypeException", "unsupported_grant_type");
    }
    let (seconds, now) = (world.settings().sso_token_seconds, world.now());
    let mut sign_ins = lock(&world.sign_ins);
    if !sign_ins.is_client(&wanted.client_id, &wanted.client_secret) {
        return refusal(401, "InvalidClientException", "invalid_client");
    }
    let Some(renewed) = sign_ins.renew(&wanted.refresh_token, seconds, now) else {
        return refusal(400, "InvalidGrantException", "invalid_grant");
    };
    let body = json!({
        "accessToken": renewed.access_token,
        "expiresIn": seconds,
        "refreshToken": renewed.refresh_token,
        "tokenType": "Bearer",
    });
    Answer::json(200, &body)
}

fn refusal(status: u16, error_type: &'static str, error: &str) -> Answer {
    let body = json!({"error": error, "error_description": "the testbed does not take this request"});
    Answer::json(status, &body).with("x-amzn-ErrorType", error_type)
}
