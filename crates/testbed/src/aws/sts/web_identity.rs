//! `AssumeRoleWithWebIdentity`: the one action that needs no signature, as the identity token stands for it.

use time::Duration;

use super::{
    assume_role::Target,
    parameters::{Parameters, Rule},
    policy,
    reply::Fields,
};
use crate::{
    aws::{identity_tokens::Problem, principal::Attributes, signed::Refusal},
    sync::lock,
    world::World,
};

/// Its name.
pub(super) const ACTION: &str = "AssumeRoleWithWebIdentity";
const TOKEN: Rule = Rule::of(4, 20_000, None);

/// Does it, or says why not.
pub(super) fn perform(world: &World, parameters: &Parameters, request_id: &str) -> Result<String, Refusal> {
    let target = Target::read(parameters)?;
    let token = parameters.required("WebIdentityToken", TOKEN)?;
    let narrowing = policy::read(parameters, Some(target.role_arn), &[])?;
    let claims = world.issuer.verify(token, world.now()).map_err(|problem| match problem {
        Problem::Invalid(message) => Refusal::new(400, "InvalidIdentityToken", message),
        Problem::Expired(message) => Refusal::new(400, "ExpiredTokenException", message),
    })?;
    let role = lock(&world.iam).role(target.role_arn).cloned();
    let trust = role.and_then(|role| role.web_identity.clone().map(|trusted| (role, trusted)));
    let denied =
        || Refusal::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let (role, trusted) = trust.ok_or_else(denied)?;
    if trusted.audience != claims.aud {
        return Err(Refusal::new(400, "InvalidIdentityToken", "Incorrect token audience"));
    }
    if !trusted.is_subject(&claims.sub) {
        return Err(denied());
    }
    let seconds = target.seconds_for(&role)?;
    let principal = target.principal();
    let expires = world.now() + Duration::seconds(world.life(role.life_seconds, seconds));
    let issued = lock(&world.vault).issue(expires, principal.clone(), Attributes::default());
    let packed = narrowing.packed_percent.map(|percent| percent.to_string());
    let provider = "arn:aws:iam::123456789012:oidc-provider/oidc.testbed.example/id/0042";
    Ok(Fields::default()
        .credentials(&issued)
        .text("SubjectFromWebIdentityToken", &claims.sub)
        .assumed_role_user(&principal)
        .optional("PackedPolicySize", packed.as_deref())
        .text("Provider", provider)
        .text("Audience", &claims.aud)
        .answer(ACTION, request_id))
}
