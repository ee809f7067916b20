//! The control port's part for IMDS tokens and sign-ins.

use serde_json::{Value, json};

use super::{Error, body};
use crate::{aws::sso::sign_ins::Login, http::request::Request, sync::lock, world::World};

/// Carries out what is meant for it; `None` for everything else.
pub(super) fn route(world: &World, request: &Request, segments: &[&str]) -> Option<Result<Value, Error>> {
    match (request.method.as_str(), segments) {
        ("POST", ["sso", "login"]) => Some(login(world, request)),
        ("POST", ["sso", "logout"]) => {
            lock(&world.sign_ins).sign_out();
            Some(Ok(json!({})))
        }
        ("POST", ["imds", "forget-tokens"]) => {
            lock(&world.imds_tokens).clear();
            Some(Ok(json!({})))
        }
        _ => None,
    }
}

fn login(world: &World, request: &Request) -> Result<Value, Error> {
    let login = if request.body.is_empty() { Login::default() } else { body(request)? };
    let seconds = login.life_seconds.map_or(world.settings().sso_token_seconds, i64::from);
    let now = world.now();
    Ok(lock(&world.sign_ins).sign_in(seconds, now))
}
