//! IAM: the users and roles of two accounts. `PUT /users/{name}` and `PUT /roles/{account}/{name}` make more.
//!
//! The user `gateway-operator` of the first account has long-term keys (`AKIA`, no session token) and an MFA device.
//!
//! | Account        | Role            | Trusts, through STS                                                           |
//! |----------------|-----------------|-------------------------------------------------------------------------------|
//! | `123456789012` | `GatewayRole`   | nobody: it is behind the aliases of the credentials endpoint                  |
//! | `123456789012` | `OperatorRole`  | its own account; sessions of up to twelve hours                               |
//! | `123456789012` | `MfaRole`       | its own account, with MFA                                                     |
//! | `123456789012` | `ShortRole`     | its own account; its keys end after six seconds, whatever was asked for       |
//! | `123456789012` | `WebRole`       | identity tokens for the audience `sts.amazonaws.com` and service accounts of  |
//! |                |                 | `gateway`                                                                     |
//! | `123456789012` | `ClosedRole`    | nobody                                                                        |
//! | `123456789012` | `ContainerRole`, `InstanceRole`, `SsoRole` | nobody: their keys come from the container endpoint, IMDS and the SSO portal |
//! | `210987654321` | `FleetRole`     | `GatewayRole` of the first account                                            |
//! | `210987654321` | `PartnerRole`   | the first account, with the external id `gw-0042-partner`                     |
//!
//! Whoever a role trusts may assume it: nobody here needs a policy of its own.

pub(crate) mod device;
pub(crate) mod role;
pub(crate) mod user;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

pub(crate) use self::{role::Role, user::User};
use super::vault::Issued;

/// The account that everything is in unless something else is said.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The other one.
pub(crate) const OTHER_ACCOUNT: &str = "210987654321";
/// The user there is from the start.
pub(crate) const USER: &str = "gateway-operator";

/// Users and roles.
#[derive(Clone)]
pub(crate) struct Iam {
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Role>,
}

impl Iam {
    /// The table in the module documentation.
    pub(crate) fn new() -> Self {
        let users = BTreeMap::from([(USER.to_owned(), User::new(USER))]);
        Self { users, roles: role::defaults() }
    }

    /// The long-term keys of this id.
    pub(crate) fn keys(&self, access_key_id: &str) -> Option<Arc<Issued>> {
        let mut keys = self.users.values().map(User::keys);
        keys.find(|keys| keys.access_key_id == access_key_id).cloned()
    }

    /// The user of this name.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    /// The user with this ARN.
    pub(crate) fn user_by_arn(&mut self, arn: &str) -> Option<&mut User> {
        self.users.values_mut().find(|user| user.arn() == arn)
    }

    /// Makes a user, or new keys and a new device for the one of this name.
    pub(crate) fn put_user(&mut self, name: &str) -> &User {
        self.users.entry(name.to_owned()).insert_entry(User::new(name)).into_mut()
    }

    /// Removes a user, and its keys with it. Whether there was one.
    pub(crate) fn remove_user(&mut self, name: &str) -> bool {
        self.users.remove(name).is_some()
    }

    /// The role with this ARN.
    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(arn)
    }

    /// The ARNs of all roles.
    pub(crate) fn role_arns(&self) -> impl Iterator<Item = &String> {
        self.roles.keys()
    }

    /// As `GET /state` shows it: the names of the users, and the roles.
    pub(crate) fn to_json(&self) -> Value {
        json!({"users": self.users.keys().collect::<Vec<_>>(), "roles": self.roles})
    }

    /// Makes or changes a role, or says what is wrong.
    pub(crate) fn put_role(&mut self, arn: String, patch: Value) -> Result<&Role, String> {
        let role = self.roles.get(&arn).cloned().unwrap_or_default().patched(patch)?;
        Ok(self.roles.entry(arn).insert_entry(role).into_mut())
    }

    /// Removes a role. Whether there was one.
    pub(crate) fn remove_role(&mut self, arn: &str) -> bool {
        self.roles.remove(arn).is_some()
    }
}

/// The ARN of a role.
pub(crate) fn role_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}
