//! Custom authorizers: a table of who may come in with what, in place of the function that AWS would call.
//!
//! `PUT /mqtt/authorizers/{name}` makes or changes one: `tokenKey`, `token` and `signature` (all three `null` for one
//! without signing), `user` and `password` (`null` if anything will do). A client says which it means with
//! `x-amz-customauthorizer-name`, and proves its token with `x-amz-customauthorizer-signature`: as parameters behind a
//! `?` in its user name, or for a WebSocket as headers or parameters of the request. One that says no name means the
//! default, [`NAME`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{http::request::form, overlay::overlay};

/// The one there is at the start, and the default.
pub(crate) const NAME: &str = "testbed-authorizer";
/// How its token is called.
pub(crate) const TOKEN_KEY: &str = "testbed-token";
/// Its token: a canary.
pub(crate) const TOKEN: &str = "canary-authorizer-token";
/// The signature of the token, as base64 with characters a query must encode.
pub(crate) const SIGNATURE: &str = "Y2FuYXJ5+YXV0aG9yaXplci/zaWduYXR1cmU=";
/// Whom it lets in.
pub(crate) const USER: &str = "gateway";
/// A canary too.
pub(crate) const PASSWORD: &str = "canary-authorizer-password";

const NAME_PARAMETER: &str = "x-amz-customauthorizer-name";
const SIGNATURE_PARAMETER: &str = "x-amz-customauthorizer-signature";

/// The authorizers by name.
#[derive(Clone)]
pub(crate) struct Authorizers {
    by_name: BTreeMap<String, Authorizer>,
}

/// Whom to let in.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Authorizer {
    token_key: Option<String>,
    token: Option<String>,
    signature: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// What a client has said.
#[derive(Default)]
pub(crate) struct Claim {
    /// Headers, parameters of the request, and parameters of the user name.
    parameters: Vec<(String, String)>,
    user: Option<String>,
    password: Option<Vec<u8>>,
    /// The request for a WebSocket has proven enough: user name and password may be missing.
    by_request: bool,
}

impl Default for Authorizers {
    fn default() -> Self {
        let text = |text: &str| Some(text.to_owned());
        let authorizer = Authorizer {
            token_key: text(TOKEN_KEY),
            token: text(TOKEN),
            signature: text(SIGNATURE),
            user: text(USER),
            password: text(PASSWORD),
        };
        Self { by_name: BTreeMap::from([(NAME.to_owned(), authorizer)]) }
    }
}

impl Authorizers {
    /// Makes or changes one.
    pub(crate) fn update(&mut self, name: &str, patch: Value) -> Result<&Authorizer, String> {
        let updated = overlay(&self.by_name.get(name).cloned().unwrap_or_default(), patch)?;
        Ok(self.by_name.entry(name.to_owned()).insert_entry(updated).into_mut())
    }

    /// The name of the authorizer that lets a client in, or why none does.
    pub(crate) fn judge(&self, claim: &Claim) -> Result<String, String> {
        let name = claim.parameter(NAME_PARAMETER).unwrap_or(NAME);
        let authorizer = self.by_name.get(name).ok_or_else(|| format!("there is no authorizer `{name}`"))?;
        if let Some(key) = &authorizer.token_key {
            if claim.parameter(key) != authorizer.token.as_deref() {
                return Err(format!("`{key}` is not the token of `{name}`"));
            }
            if claim.parameter(SIGNATURE_PARAMETER) != authorizer.signature.as_deref() {
                return Err(format!("`{SIGNATURE_PARAMETER}` is not the signature of the token"));
            }
        }
        if claim.by_request && claim.user.is_none() && claim.password.is_none() {
            return Ok(name.to_owned());
        }
        if authorizer.user.is_some() && claim.user != authorizer.user {
            return Err("the user name is not the right one".to_owned());
        }
        let password = authorizer.password.as_ref().map(String::as_bytes);
        if password.is_some() && claim.password.as_deref() != password {
            return Err("the password is not the right one".to_owned());
        }
        Ok(name.to_owned())
    }
}

impl Claim {
    /// What a request for a WebSocket says.
    pub(crate) fn of_request(headers: &[(String, String)], query: &[(String, String)]) -> Self {
        let parameters = headers.iter().chain(query).cloned().collect();
        Self { parameters, by_request: true, ..Self::default() }
    }

    /// The same with what a CONNECT says.
    pub(crate) fn with_connect(&self, user: Option<&str>, password: Option<&[u8]>) -> Self {
        let (name, query) = user.map_or((None, ""), |user| match user.split_once('?') {
            Some((name, query)) => (Some(name.to_owned()), query),
            None => (Some(user.to_owned()), ""),
        });
        let parameters = self.parameters.iter().cloned().chain(form(query)).collect();
        Self { parameters, user: name, password: password.map(<[u8]>::to_vec), by_request: self.by_request }
    }

    /// Whether it says anything about authorizers.
    pub(crate) fn names_authorizer(&self) -> bool {
        self.parameter(NAME_PARAMETER).is_some() || self.parameter(SIGNATURE_PARAMETER).is_some()
    }

    fn parameter(&self, wanted: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.as_str())
    }
}

/// A user name as it may be written down: its length, and what its parameters are called.
pub(crate) fn redacted(user: &str) -> String {
    let (name, query) = user.split_once('?').unwrap_or((user, ""));
    let mut shown = format!("({} characters)", name.len());
    for (name, _) in form(query) {
        shown.extend([" ", &name]);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_everything_right_is_let_in() {
        let authorizers = Authorizers::default();
        let user = |signature: &str| {
            format!("{USER}?{NAME_PARAMETER}={NAME}&{TOKEN_KEY}={TOKEN}&{SIGNATURE_PARAMETER}={signature}")
        };
        let good = user("Y2FuYXJ5%2BYXV0aG9yaXplci%2FzaWduYXR1cmU%3D");
        let judge = |user: &str, password: &str| {
            authorizers.judge(&Claim::default().with_connect(Some(user), Some(password.as_bytes())))
        };
        assert_eq!(judge(&good, PASSWORD).as_deref(), Ok(NAME));
        // A plus that was not encoded is a space.
        assert!(judge(&user(SIGNATURE), PASSWORD).unwrap_err().contains("signature"));
        assert!(judge(&good, "x").unwrap_err().contains("password"));
        assert!(judge(USER, PASSWORD).unwrap_err().contains("token"));
        assert!(
            judge(&format!("{USER}?{NAME_PARAMETER}=x"), PASSWORD).unwrap_err().contains("no authorizer")
        );
        assert!(!redacted(&good).contains("canary") && redacted(&good).contains(TOKEN_KEY));
    }
}
