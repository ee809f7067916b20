//! Who keys belong to, and what they say of how they were made.

use ring::digest;

use super::alias::role_name;
use crate::random;

/// Whom requests are made as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// An IAM user, by keys of its own or of a session that it got for itself.
    User {
        /// `arn:aws:iam::123456789012:user/Name`.
        arn: String,
    },
    /// A session of a role.
    Session {
        /// The role.
        role_arn: String,
        /// The name of the session.
        name: String,
    },
}

/// What a session hands on to those made with its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Whether an MFA code was given for it.
    pub(crate) mfa: bool,
    /// Its source identity, which nobody after it can change.
    pub(crate) source_identity: Option<String>,
    /// The tags that stay, by key.
    pub(crate) transitive_tags: Vec<(String, String)>,
}

impl Principal {
    /// As `GetCallerIdentity` shows it.
    pub(crate) fn arn(&self) -> String {
        match self {
            Self::User { arn } => arn.clone(),
            Self::Session { role_arn, name } => {
                let role = role_name(role_arn).unwrap_or("unknown");
                format!("arn:aws:sts::{}:assumed-role/{role}/{name}", self.account())
            }
        }
    }

    /// The unique id: that of the user, or of the role with the name of the session.
    pub(crate) fn id(&self) -> String {
        match self {
            Self::User { arn } => unique_id("AIDA", arn),
            Self::Session { role_arn, name } => format!("{}:{name}", unique_id("AROA", role_arn)),
        }
    }

    /// The account it is in.
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::User { arn } | Self::Session { role_arn: arn, .. } => account(arn),
        }
    }

    /// Whether `trusted` means it: its own ARN, that of its role, or its account's root.
    pub(crate) fn is_meant_by(&self, trusted: &str) -> bool {
        let role = matches!(self, Self::Session { role_arn, .. } if role_arn == trusted);
        role || self.arn() == trusted || format!("arn:aws:iam::{}:root", self.account()) == trusted
    }
}

/// The account of an ARN.
pub(crate) fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The same id for the same ARN at every start.
fn unique_id(prefix: &str, arn: &str) -> String {
    let hash = random::hex(digest::digest(&digest::SHA256, arn.as_bytes()).as_ref());
    format!("{prefix}{}", hash[..17].to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_meant_by_its_role_its_account_or_itself() {
        let session = Principal::Session {
            role_arn: "arn:aws:iam::123456789012:role/path/R".to_owned(),
            name: "s".to_owned(),
        };
        assert_eq!(session.arn(), "arn:aws:sts::123456789012:assumed-role/R/s");
        for trusted in
            ["arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:role/path/R", &session.arn()]
        {
            assert!(session.is_meant_by(trusted), "{trusted}");
        }
        for stranger in ["arn:aws:iam::210987654321:root", "arn:aws:iam::123456789012:role/R", "*", ""] {
            assert!(!session.is_meant_by(stranger), "{stranger}");
        }
        assert_eq!(session.id().len(), 21 + 2);
    }
}
