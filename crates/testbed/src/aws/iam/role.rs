//! A role, as far as assuming it goes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ACCOUNT, OTHER_ACCOUNT, role_arn};
use crate::{
    aws::{alias::ROLE_ARN, principal::Principal},
    overlay::overlay,
    settings::{LONGEST_LIFE_SECONDS, is_life},
};

/// What `PUT /roles/{account}/{name}` can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Role {
    /// ARNs of users, roles, sessions, or of an account's root (`arn:aws:iam::123456789012:root`).
    pub(crate) trusted: BTreeSet<String>,
    /// The identity tokens it trusts.
    pub(crate) web_identity: Option<WebIdentity>,
    /// What `ExternalId` must be.
    pub(crate) external_id: Option<String>,
    /// Whether whoever assumes it must have given an MFA code.
    pub(crate) require_mfa: bool,
    /// The longest `DurationSeconds`, from one hour to twelve.
    pub(crate) max_session_seconds: i64,
    /// How long its keys last, whatever was asked for. Below zero they have expired from the start.
    pub(crate) life_seconds: Option<i64>,
}

/// Which identity tokens a role trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WebIdentity {
    /// Their `aud`.
    pub(crate) audience: String,
    /// Their `sub`; with `*` at its end, how it begins.
    pub(crate) subject: String,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            trusted: BTreeSet::new(),
            web_identity: None,
            external_id: None,
            require_mfa: false,
            max_session_seconds: 3600,
            life_seconds: None,
        }
    }
}

impl Role {
    /// This role with the fields of `patch` in place of its own, or what is wrong with the patch.
    pub(crate) fn patched(&self, patch: Value) -> Result<Self, String> {
        let role: Self = overlay(self, patch)?;
        if !(3600..=43_200).contains(&role.max_session_seconds) {
            return Err("`maxSessionSeconds` must lie between 3600 and 43200".to_owned());
        }
        if !role.life_seconds.is_none_or(is_life) {
            return Err(format!("`lifeSeconds` must lie within {LONGEST_LIFE_SECONDS} seconds"));
        }
        Ok(role)
    }

    /// Whether this one may assume it, as far as it is about who that is.
    pub(crate) fn trusts(&self, principal: &Principal) -> bool {
        self.trusted.iter().any(|trusted| principal.is_meant_by(trusted))
    }
}

impl WebIdentity {
    /// Whether a `sub` is the one.
    pub(crate) fn is_subject(&self, subject: &str) -> bool {
        match self.subject.strip_suffix('*') {
            Some(beginning) => subject.starts_with(beginning),
            None => self.subject == subject,
        }
    }
}

/// The table in the documentation of IAM.
pub(super) fn defaults() -> BTreeMap<String, Role> {
    let trusting = |arn: String| Role { trusted: BTreeSet::from([arn]), ..Role::default() };
    let root = || format!("arn:aws:iam::{ACCOUNT}:root");
    let web_identity = WebIdentity {
        audience: "sts.amazonaws.com".to_owned(),
        subject: "system:serviceaccount:gateway:*".to_owned(),
    };
    [
        (ACCOUNT, "GatewayRole", Role::default()),
        (ACCOUNT, "OperatorRole", Role { max_session_seconds: 43_200, ..trusting(root()) }),
        (ACCOUNT, "MfaRole", Role { require_mfa: true, ..trusting(root()) }),
        (ACCOUNT, "ShortRole", Role { life_seconds: Some(6), ..trusting(root()) }),
        (ACCOUNT, "WebRole", Role { web_identity: Some(web_identity), ..Role::default() }),
        (ACCOUNT, "ClosedRole", Role::default()),
        (ACCOUNT, "ContainerRole", Role::default()),
        (ACCOUNT, "InstanceRole", Role::default()),
        (ACCOUNT, "SsoRole", Role::default()),
        (OTHER_ACCOUNT, "FleetRole", trusting(ROLE_ARN.to_owned())),
        (
            OTHER_ACCOUNT,
            "PartnerRole",
            Role { external_id: Some("gw-0042-partner".to_owned()), ..trusting(root()) },
        ),
    ]
    .map(|(account, name, role)| (role_arn(account, name), role))
    .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_is_checked() {
        let role = Role::default();
        assert_eq!(role.patched(json!({"lifeSeconds": -60})).unwrap().life_seconds, Some(-60));
        for patch in [
            json!({"maxSessionSeconds": 900}),
            json!({"lifeSeconds": 1_000_000}),
            json!({"trusted": "x"}),
            json!({"trust": []}),
            json!({"webIdentity": {"audience": "a"}}),
        ] {
            assert!(role.patched(patch.clone()).is_err(), "{patch}");
        }
    }

    #[test]
    fn a_subject_may_end_in_a_star() {
        let exact = WebIdentity { audience: "a".to_owned(), subject: "a:b".to_owned() };
        let open = WebIdentity { subject: "a:*".to_owned(), ..exact.clone() };
        let fits = |subject| (exact.is_subject(subject), open.is_subject(subject));
        assert_eq!((fits("a:b"), fits("a:c"), fits("b:b")), ((true, true), (false, true), (false, false)));
    }
}
