//! `SerialNumber` and `TokenCode`, in `AssumeRole` and `GetSessionToken` alike.

use super::parameters::{Parameters, Rule};
use crate::{
    aws::{principal::Principal, signed::Refusal},
    sync::lock,
    world::World,
};

/// Whether an MFA code came with the request; one that is not good is an error, and so is one without the other.
pub(super) fn check(world: &World, caller: &Principal, parameters: &Parameters) -> Result<bool, Refusal> {
    let serial = parameters.text("SerialNumber", Rule::of(9, 256, Some("_+=/:,.@-")))?;
    let code = parameters.text("TokenCode", Rule::of(6, 6, Some("")))?;
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(false),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            return Err(failed(", must provide both MFA serial number and one time pass code."));
        }
    };
    let (now, once) = (world.now(), world.settings().mfa_once);
    let mut iam = lock(&world.iam);
    let user = iam.user_by_arn(&caller.arn()).filter(|user| user.device.serial() == serial);
    let Some(user) = user else {
        let message = ", unable to validate MFA code.  Please verify your MFA serial number is valid and associated \
                       with this user.";
        return Err(failed(message));
    };
    if user.device.accepts(code, now, once) {
        Ok(true)
    } else {
        Err(failed(" with invalid MFA one time pass code. "))
    }
}

fn failed(how: &str) -> Refusal {
    Refusal::new(403, "AccessDenied", format!("MultiFactorAuthentication failed{how}"))
}
