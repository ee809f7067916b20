//! `GetSessionToken`: a user's own keys for a while, with MFA or without.

use time::Duration;

use super::{mfa, parameters::Parameters, reply::Fields};
use crate::{
    aws::{principal::Attributes, signed::Refusal, vault::Issued},
    sync::lock,
    world::World,
};

/// Twelve hours, if nothing was asked for.
const USUAL_SECONDS: i64 = 43_200;

/// Does it, or says why not.
pub(super) fn perform(
    world: &World,
    caller: &Issued,
    parameters: &Parameters,
    request_id: &str,
) -> Result<String, Refusal> {
    let seconds = parameters.duration(900, 129_600)?.unwrap_or(USUAL_SECONDS);
    if caller.expires().is_some() {
        let message = "Cannot call GetSessionToken with session credentials";
        return Err(Refusal::new(403, "AccessDenied", message));
    }
    let mfa = mfa::check(world, &caller.principal, parameters)?;
    let expires = world.now() + Duration::seconds(world.life(None, seconds));
    let attributes = Attributes { mfa, ..Attributes::default() };
    let issued = lock(&world.vault).issue(expires, caller.principal.clone(), attributes);
    Ok(Fields::default().credentials(&issued).answer("GetSessionToken", request_id))
}
