//! The MFA device of a role: what was said of it, taken together.

use refresh_session_core::{Code, Error, Result, Secret, Warning};
use refresh_session_mfa::TokenCode;

use crate::mfa::MfaProvider;

const SERIAL: &str = "assumeRole.SerialNumber";
const CODE: &str = "assumeRole.TokenCode";
const PROVIDER: &str = "mfaTokenProvider";

/// Where the codes for a role come from, if it wants any. Device and codes go together.
///
/// # Errors
/// `ERR_CONFLICTING_OPTIONS` naming what is missing, `ERR_INVALID_OPTION` for a code that is none.
pub(super) fn provider(
    serial: Option<&str>,
    given: Option<&Secret>,
    provider: Option<MfaProvider>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<MfaProvider>> {
    match (serial, given, provider) {
        (None, None, None) => Ok(None),
        (None, _, Some(_)) => Err(conflicting(
            "option `mfaTokenProvider` gives MFA codes, and `assumeRole.SerialNumber` of their device is missing",
            SERIAL,
        )),
        (None, Some(_), None) => Err(conflicting(
            "option `assumeRole.TokenCode` is an MFA code, and `assumeRole.SerialNumber` of its device is missing",
            SERIAL,
        )),
        (Some(_), None, None) => Err(conflicting(
            "option `assumeRole.SerialNumber` names an MFA device, and nothing gives its codes",
            PROVIDER,
        )
        .with_hint("Give `mfaTokenProvider`: a function or a command.")),
        (Some(_), given, Some(provider)) => {
            if given.is_some() {
                warnings.push(Warning {
                    code: "WARN_TOKEN_CODE_IGNORED",
                    message: "`assumeRole.TokenCode` is not used: `mfaTokenProvider` gives the codes.".into(),
                });
            }
            Ok(Some(provider))
        }
        (Some(_), Some(given), None) => {
            let code = TokenCode::parse(given)
                .ok_or_else(|| Error::invalid_option(CODE, "is no MFA code: it must be six digits"))?;
            warnings.push(Warning {
                code: "WARN_TOKEN_CODE_ONCE",
                message: "`assumeRole.TokenCode` is good for one set of keys, which cannot be renewed. Give \
                          `mfaTokenProvider` for keys that stay fresh."
                    .into(),
            });
            Ok(Some(MfaProvider::Given(code)))
        }
    }
}

fn conflicting(message: &str, param: &'static str) -> Error {
    Error::new(Code::ConflictingOptions, message).with_param(param)
}
