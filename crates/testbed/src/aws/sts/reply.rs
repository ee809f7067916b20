//! What all answers of STS have in common.

use std::fmt::Write;

use super::NAMESPACE;
use crate::aws::{principal::Principal, vault::Issued, xml::escape};

/// The result of an action, as it grows.
#[derive(Default)]
pub(super) struct Fields(String);

impl Fields {
    /// An element with a text.
    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(text));
        self
    }

    /// An element with a text, if there is one.
    pub(super) fn optional(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    fn group(mut self, name: &str, inner: &Self) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", inner.0);
        self
    }

    /// `Credentials`.
    pub(super) fn credentials(self, issued: &Issued) -> Self {
        let inner = Self::default()
            .text("AccessKeyId", &issued.access_key_id)
            .text("SecretAccessKey", &issued.secret_access_key)
            .text("SessionToken", issued.session_token())
            .text("Expiration", &issued.expiration());
        self.group("Credentials", &inner)
    }

    /// `AssumedRoleUser`.
    pub(super) fn assumed_role_user(self, principal: &Principal) -> Self {
        let inner = Self::default().text("AssumedRoleId", &principal.id()).text("Arn", &principal.arn());
        self.group("AssumedRoleUser", &inner)
    }

    /// The whole answer of this action.
    pub(super) fn answer(self, action: &str, request_id: &str) -> String {
        format!(
            "<{action}Response xmlns=\"{NAMESPACE}\">\n  <{action}Result>{}</{action}Result>\n  \
             <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n\
             </{action}Response>\n",
            self.0
        )
    }
}
