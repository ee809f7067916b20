//! The control port's part for users, roles and identity tokens.

use serde_json::{Value, json};

use super::{Error, body};
use crate::{
    aws::{
        alias::role_name,
        iam::{User, role_arn},
        identity_tokens::Wanted,
    },
    http::request::Request,
    sync::lock,
    world::World,
};

/// Carries out what is meant for it; `None` for everything else.
pub(super) fn route(world: &World, request: &Request, segments: &[&str]) -> Option<Result<Value, Error>> {
    Some(match (request.method.as_str(), segments) {
        ("PUT", ["users", name]) => put_user(world, name),
        ("DELETE", ["users", name]) => gone(lock(&world.iam).remove_user(name), "user", name),
        ("GET", ["users", name, "mfa-code"]) => mfa_code(world, name, request),
        ("PUT", ["roles", account, name]) => put_role(world, account, name, request),
        ("DELETE", ["roles", account, name]) => {
            gone(lock(&world.iam).remove_role(&role_arn(account, name)), "role", name)
        }
        ("POST", ["identity-token"]) => identity_token(world, request),
        _ => return None,
    })
}

fn put_user(world: &World, name: &str) -> Result<Value, Error> {
    if !(1..=64).contains(&name.len())
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
    {
        return Err(Error(400, format!("`{name}` cannot be the name of a user")));
    }
    Ok(lock(&world.iam).put_user(name).to_json())
}

/// A code that has not been used, or with `?steps=N` the one of so many half minutes from now.
fn mfa_code(world: &World, name: &str, request: &Request) -> Result<Value, Error> {
    let mut steps = None;
    for (parameter, value) in request.query_parameters() {
        match parameter.as_str() {
            "steps" => steps = Some(value.parse().map_err(|_| "`steps` must be a number".to_owned())?),
            _ => return Err(format!("`mfa-code` has no parameter `{parameter}`").into()),
        }
    }
    let now = world.now();
    let device = lock(&world.iam).user(name).map(|user: &User| user.device.clone());
    let device = device.ok_or_else(|| Error(404, format!("there is no user `{name}`")))?;
    let code = match steps {
        Some(steps) => device.code_at(now, steps),
        None => device.fresh_code(now).ok_or_else(|| {
            Error(
                409,
                "the three codes that are good now have been used; the next comes within 30 s".to_owned(),
            )
        })?,
    };
    Ok(json!({"serialNumber": device.serial(), "code": code}))
}

fn put_role(world: &World, account: &str, name: &str, request: &Request) -> Result<Value, Error> {
    let arn = role_arn(account, name);
    if role_name(&arn) != Some(name) {
        return Err(Error(400, format!("`{account}` and `{name}` cannot be an account and a role")));
    }
    let body = body(request)?;
    let mut iam = lock(&world.iam);
    let mut shown = json!(iam.put_role(arn.clone(), body)?);
    shown["arn"] = arn.into();
    Ok(shown)
}

fn identity_token(world: &World, request: &Request) -> Result<Value, Error> {
    let wanted = if request.body.is_empty() { Wanted::default() } else { body(request)? };
    Ok(json!({"token": world.issuer.issue(&wanted, world.now())?}))
}

fn gone(was_there: bool, what: &str, name: &str) -> Result<Value, Error> {
    if was_there { Ok(json!({})) } else { Err(Error(404, format!("there is no {what} `{name}`"))) }
}
