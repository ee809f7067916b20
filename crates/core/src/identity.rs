//! AWS credentials as one immutable value.

use std::fmt;
use std::time::Duration;

use crate::{BootTime, Secret, Timestamp};

/// One set of temporary AWS credentials, exactly as its source issued it.
///
/// Replaced whole, never edited, so that a reader can never see a key id of one set beside the secret of another.
#[derive(Clone)]
#[non_exhaustive]
pub struct Identity {
    /// `AKIA…` or `ASIA…`; not a secret, and what a service's error names.
    pub access_key_id: String,
    /// The signing key.
    pub secret_access_key: Secret,
    /// The session token that goes with temporary keys; long-term keys have none.
    pub session_token: Option<Secret>,
    /// When the source says they end, by the *server's* clock. `None`: they do not.
    pub expiration: Option<Timestamp>,
    /// The account they belong to, if the source said so.
    pub account_id: Option<String>,
}

impl Identity {
    /// Temporary credentials: the parts of one reply.
    #[must_use]
    pub fn new(
        access_key_id: String,
        secret_access_key: Secret,
        session_token: Option<Secret>,
        expiration: Option<Timestamp>,
    ) -> Self {
        Self { access_key_id, secret_access_key, session_token, expiration, account_id: None }
    }

    /// With the account they belong to.
    #[must_use]
    pub fn with_account_id(mut self, account_id: Option<String>) -> Self {
        self.account_id = account_id;
        self
    }
}

/// What a source hands over: the keys, and what it said about the time.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The keys.
    pub identity: Identity,
    /// The source's own clock when it answered: the `Date` header of the same reply. `None` if there was none that
    /// can be relied on.
    pub server_date: Option<Timestamp>,
    /// Boot time half-way between request and reply: the best estimate of when `server_date` was read.
    pub at: BootTime,
    /// Time from request to reply: how good that estimate can be.
    pub round_trip: Duration,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"** redacted **")
            .field("session_token", &"** redacted **")
            .field("expiration", &self.expiration)
            .field("account_id", &self.account_id)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_secret_and_token() {
        let identity = Identity::new(
            "ASIAEXAMPLE".into(),
            "canary-secret".into(),
            Some("canary-token".into()),
            Some(Timestamp::from_unix_millis(0)),
        );
        let shown = format!("{identity:?} {identity:#?}");
        assert!(shown.contains("ASIAEXAMPLE") && shown.contains("1970-01-01T00:00:00Z"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
