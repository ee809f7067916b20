//! `AssumeRoleWithWebIdentity`.

use refresh_session_core::Result;

use super::check::{self, NAME, ROLE};
use super::{AssumeRole, AssumeRoleFields, DEFAULT_SESSION_NAME};

/// Parameters of `AssumeRoleWithWebIdentity` as they are given; the token comes with each call.
#[derive(Clone, Debug, Default)]
pub struct WebIdentityFields {
    /// `RoleArn`.
    pub role_arn: String,
    /// `RoleSessionName`; [`DEFAULT_SESSION_NAME`] if not given.
    pub role_session_name: Option<String>,
    /// `PolicyArns`.
    pub policy_arns: Vec<String>,
    /// `Policy`.
    pub policy: Option<String>,
    /// `DurationSeconds`.
    pub duration_seconds: Option<u32>,
    /// `ProviderId`: of the two OAuth 2.0 providers that have one.
    pub provider_id: Option<String>,
}

/// Checked parameters of `AssumeRoleWithWebIdentity`.
#[derive(Clone, Debug)]
pub struct WebIdentityRole {
    pub(crate) fields: WebIdentityFields,
    pub(crate) role_session_name: String,
}

impl WebIdentityRole {
    /// Checks every parameter.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming the option.
    pub fn new(mut fields: WebIdentityFields) -> Result<Self> {
        // What both operations have is checked alike.
        let shared = AssumeRole::new(AssumeRoleFields {
            role_arn: fields.role_arn.clone(),
            role_session_name: fields.role_session_name.take(),
            policy_arns: fields.policy_arns.clone(),
            policy: fields.policy.clone(),
            duration_seconds: fields.duration_seconds,
            ..AssumeRoleFields::default()
        })?;
        if let Some(provider) = &fields.provider_id {
            check::text(&format!("{ROLE}.ProviderId"), provider, (4, 2048), NAME)?;
        }
        let role_session_name =
            shared.fields.role_session_name.unwrap_or_else(|| DEFAULT_SESSION_NAME.to_owned());
        Ok(Self { fields, role_session_name })
    }

    /// Everything that decides which keys are issued, for telling requests apart.
    #[must_use]
    pub fn described(&self) -> String {
        let WebIdentityFields {
            role_arn,
            role_session_name: _,
            policy_arns,
            policy,
            duration_seconds,
            provider_id,
        } = &self.fields;
        let name = &self.role_session_name;
        format!("{:?}", (role_arn, name, policy_arns, policy, duration_seconds, provider_id))
    }

    /// The role asked for.
    #[must_use]
    pub fn role_arn(&self) -> &str {
        &self.fields.role_arn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_operations_have_is_checked_alike() {
        let fields =
            WebIdentityFields { role_arn: "arn:aws:iam::123456789012:role/r".into(), ..Default::default() };
        let role = WebIdentityRole::new(fields.clone()).unwrap();
        assert_eq!(role.role_session_name, DEFAULT_SESSION_NAME);
        for (wrong, param) in [
            (WebIdentityFields { role_arn: "r".into(), ..fields.clone() }, "assumeRole.RoleArn"),
            (WebIdentityFields { duration_seconds: Some(1), ..fields.clone() }, "assumeRole.DurationSeconds"),
            (WebIdentityFields { provider_id: Some("x".into()), ..fields }, "assumeRole.ProviderId"),
        ] {
            assert_eq!(WebIdentityRole::new(wrong).unwrap_err().param(), Some(param));
        }
    }
}
