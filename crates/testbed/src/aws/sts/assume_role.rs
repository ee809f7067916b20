//! `AssumeRole`.

use time::Duration;

use super::{
    mfa,
    parameters::{Parameters, Rule},
    policy,
    reply::Fields,
};
use crate::{
    aws::{
        iam::Role,
        principal::{Attributes, Principal},
        signed::Refusal,
        vault::Issued,
    },
    sync::lock,
    world::World,
};

/// The rule for names and source identities.
const NAME: Rule = Rule::of(2, 64, Some("_+=,.@-"));
const ARN: Rule = Rule::of(20, 2048, None);
/// A role assumed with the keys of a role.
const LONGEST_CHAINED_SECONDS: i64 = 3600;

/// The role and the name of the session to make.
pub(super) struct Target<'a> {
    pub(super) role_arn: &'a str,
    pub(super) session_name: &'a str,
    pub(super) seconds: Option<i64>,
}

impl<'a> Target<'a> {
    /// Reads the three.
    pub(super) fn read(parameters: &'a Parameters) -> Result<Self, Refusal> {
        Ok(Self {
            role_arn: parameters.required("RoleArn", ARN)?,
            session_name: parameters.required("RoleSessionName", NAME)?,
            seconds: parameters.duration(900, 43_200)?,
        })
    }

    /// How long the session may be, given the role.
    pub(super) fn seconds_for(&self, role: &Role) -> Result<i64, Refusal> {
        let seconds = self.seconds.unwrap_or(3600);
        if seconds > role.max_session_seconds {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(Refusal::new(400, "ValidationError", message));
        }
        Ok(seconds)
    }

    /// The session itself.
    pub(super) fn principal(&self) -> Principal {
        Principal::Session { role_arn: self.role_arn.to_owned(), name: self.session_name.to_owned() }
    }
}

/// Does it, or says why not.
pub(super) fn perform(
    world: &World,
    caller: &Issued,
    parameters: &Parameters,
    request_id: &str,
) -> Result<String, Refusal> {
    let target = Target::read(parameters)?;
    let external_id = parameters.text("ExternalId", Rule::of(2, 1224, Some("_+=,.@:/-")))?;
    let source_identity = parameters.text("SourceIdentity", NAME)?;
    let inherited = &caller.attributes;
    let narrowing = policy::read(parameters, Some(target.role_arn), &inherited.transitive_tags)?;
    let with_mfa = mfa::check(world, &caller.principal, parameters)? || inherited.mfa;

    let role = lock(&world.iam).role(target.role_arn).cloned();
    let external_id_fits =
        |role: &Role| role.external_id.as_deref().is_none_or(|wanted| external_id == Some(wanted));
    let role = role
        .filter(|role| role.trusts(&caller.principal) && external_id_fits(role))
        .filter(|role| with_mfa || !role.require_mfa)
        .ok_or_else(|| denied(&caller.principal, "sts:AssumeRole", target.role_arn))?;
    let source_identity = match (&inherited.source_identity, source_identity) {
        (Some(earlier), Some(wanted)) if earlier != wanted => {
            return Err(denied(&caller.principal, "sts:SetSourceIdentity", target.role_arn));
        }
        (earlier, wanted) => wanted.map(str::to_owned).or_else(|| earlier.clone()),
    };
    let chained = matches!(caller.principal, Principal::Session { .. });
    if chained && target.seconds.is_some_and(|seconds| seconds > LONGEST_CHAINED_SECONDS) {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(Refusal::new(400, "ValidationError", message));
    }
    let seconds = target.seconds_for(&role)?;

    let principal = target.principal();
    let attributes = Attributes {
        // AWS does not hand it on: a role assumed by a role has had no MFA.
        mfa: false,
        source_identity: source_identity.clone(),
        transitive_tags: narrowing.transitive_tags,
    };
    let expires = world.now() + Duration::seconds(world.life(role.life_seconds, seconds));
    let issued = lock(&world.vault).issue(expires, principal.clone(), attributes);
    let packed = narrowing.packed_percent.map(|percent| percent.to_string());
    Ok(Fields::default()
        .credentials(&issued)
        .assumed_role_user(&principal)
        .optional("PackedPolicySize", packed.as_deref())
        .optional("SourceIdentity", source_identity.as_deref())
        .answer("AssumeRole", request_id))
}

fn denied(caller: &Principal, action: &str, role_arn: &str) -> Refusal {
    let message =
        format!("User: {} is not authorized to perform: {action} on resource: {role_arn}", caller.arn());
    Refusal::new(403, "AccessDenied", message)
}
