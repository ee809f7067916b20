//! Role aliases: what a device asks for instead of a role.
//!
//! | Alias           | Does                                                                                   |
//! |-----------------|----------------------------------------------------------------------------------------|
//! | `gateway-role`  | issues keys for an hour                                                                |
//! | `short-role`    | issues keys for six seconds; the real service does not go below 900                    |
//! | `denied-role`   | 403: the policy lacks `iot:AssumeRoleWithCertificate`                                  |
//! | `broken-role`   | 400: the role is missing or does not trust the service                                 |
//! | `too-long-role` | 400: the alias lasts longer than its role may                                          |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::overlay::overlay;

/// The role behind the aliases of the table.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/GatewayRole";
/// Keys that last longer than this are of no use to any test.
const LONGEST_SECONDS: i64 = 12 * 3600;

/// What asking for an alias leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Keys.
    Issue,
    /// 403 `Access Denied`.
    Denied,
    /// 400 `Unable to assume the role, or the role to assume does not exist`.
    NotAssumable,
    /// 400, the duration exceeds the role's maximum.
    TooLong,
}

/// A role alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Alias {
    /// How long its keys last, from one second to twelve hours. They end on a full second, so up to one less.
    pub(crate) duration_seconds: i64,
    /// The role behind it.
    pub(crate) role_arn: String,
    /// What asking for it leads to.
    pub(crate) outcome: Outcome,
}

impl Default for Alias {
    fn default() -> Self {
        Self { duration_seconds: 3600, role_arn: ROLE_ARN.to_owned(), outcome: Outcome::Issue }
    }
}

impl Alias {
    /// This alias with the fields of `patch` in place of its own, or what is wrong with the patch.
    pub(crate) fn patched(&self, patch: Value) -> Result<Self, String> {
        let alias: Self = overlay(self, patch)?;
        if !(1..=LONGEST_SECONDS).contains(&alias.duration_seconds) {
            return Err(format!("`durationSeconds` must lie between 1 and {LONGEST_SECONDS}"));
        }
        if role_name(&alias.role_arn).is_none() {
            return Err("`roleArn` must look like arn:aws:iam::123456789012:role/Name".to_owned());
        }
        Ok(alias)
    }
}

/// The table in the module documentation.
pub(crate) fn defaults() -> BTreeMap<String, Alias> {
    let alias = |duration_seconds, outcome| Alias { duration_seconds, outcome, ..Alias::default() };
    [
        ("gateway-role", alias(3600, Outcome::Issue)),
        ("short-role", alias(6, Outcome::Issue)),
        ("denied-role", alias(3600, Outcome::Denied)),
        ("broken-role", alias(3600, Outcome::NotAssumable)),
        ("too-long-role", alias(43_200, Outcome::TooLong)),
    ]
    .map(|(name, alias)| (name.to_owned(), alias))
    .into()
}

/// Whether this can be the name of an alias: `[\w=,@-]{1,128}`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_=,@-".contains(&byte))
}

/// `GatewayRole` of `arn:aws:iam::123456789012:role/some/path/GatewayRole`.
pub(crate) fn role_name(arn: &str) -> Option<&str> {
    let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_follow_the_rule_of_the_service() {
        for name in ["a", "gateway-role", "A_1=,@-", &"x".repeat(128)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a/b", "a.b", "rôle", "a%20", &"x".repeat(129)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_role_has_a_name() {
        assert_eq!(role_name(ROLE_ARN), Some("GatewayRole"));
        assert_eq!(role_name("arn:aws:iam::123456789012:role/a/b/C"), Some("C"));
        assert_eq!(role_name("arn:aws:iam::123456789012:user/C"), None);
        assert_eq!(role_name("arn:aws:iam::1:role/C"), None);
        assert_eq!(role_name("arn:aws:iam::123456789012:role/"), None);
    }

    #[test]
    fn a_patch_is_checked() {
        let alias = Alias::default();
        assert_eq!(alias.patched(json!({"durationSeconds": 900})).unwrap().duration_seconds, 900);
        assert_eq!(alias.patched(json!({"outcome": "denied"})).unwrap().outcome, Outcome::Denied);
        for patch in [
            json!({"durationSeconds": 0}),
            json!({"durationSeconds": 43_201}),
            json!({"outcome": "odd"}),
            json!({"roleArn": "x"}),
            json!({"duration": 900}),
        ] {
            assert!(alias.patched(patch.clone()).is_err(), "{patch}");
        }
    }
}
