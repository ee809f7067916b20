//! The keys that have been issued, so that STS and S3 accept exactly those and the long-term ones of users
//! ([`super::iam`]).
//!
//! Secret keys begin with [`SECRET_CANARY`] and session tokens with [`TOKEN_CANARY`]: a test greps everything it
//! can get hold of (logs, errors, dumps) for the two, and finds a leak whichever keys leaked.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ring::hmac;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::principal::{Attributes, Principal};
use crate::{clock, random};

/// How every secret key begins.
pub(crate) const SECRET_CANARY: &str = "canarySECRET";
/// How every session token begins.
pub(crate) const TOKEN_CANARY: &str = "canaryTOKEN";
const SECRET_LENGTH: usize = 40;
/// Tokens of the real endpoint are about this long.
const TOKEN_LENGTH: usize = 900;
/// Beyond this many keys, those that have expired long ago are forgotten.
const TIDY_ABOVE: usize = 50_000;

/// A set of keys and whom they were issued to. Deliberately without `Debug`.
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    /// Long-term keys have none.
    session: Option<Session>,
    pub(crate) principal: Principal,
    pub(crate) attributes: Attributes,
    revoked: AtomicBool,
}

/// What keys of a session have beyond the two that all have.
struct Session {
    token: String,
    expires: OffsetDateTime,
}

impl Issued {
    fn new(expires: OffsetDateTime, principal: Principal, attributes: Attributes) -> Self {
        let token = format!("{TOKEN_CANARY}{}==", random::base64(TOKEN_LENGTH - TOKEN_CANARY.len() - 2));
        // The end is the one that `expiration` names, which has no room for less than a second.
        let session = Session { token, expires: expires.truncate_to_second() };
        Self { attributes, session: Some(session), ..Self::with_prefix("ASIA", principal) }
    }

    /// Keys without a token and without an end.
    pub(crate) fn long_term(principal: Principal) -> Self {
        Self::with_prefix("AKIA", principal)
    }

    fn with_prefix(prefix: &str, principal: Principal) -> Self {
        Self {
            access_key_id: format!("{prefix}{}", random::key_id(16)),
            secret_access_key: format!(
                "{SECRET_CANARY}{}",
                random::base64(SECRET_LENGTH - SECRET_CANARY.len())
            ),
            session: None,
            principal,
            attributes: Attributes::default(),
            revoked: AtomicBool::new(false),
        }
    }

    /// The session token; empty for long-term keys.
    pub(crate) fn session_token(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.token)
    }

    /// The end, if there is one.
    pub(crate) fn expires(&self) -> Option<OffsetDateTime> {
        self.session.as_ref().map(|session| session.expires)
    }

    /// The end as AWS writes it; empty for long-term keys.
    pub(crate) fn expiration(&self) -> String {
        self.expires().map(clock::iso).unwrap_or_default()
    }

    /// The body of the endpoint's answer.
    pub(crate) fn to_json(&self) -> Value {
        json!({"credentials": {
            "accessKeyId": self.access_key_id,
            "secretAccessKey": self.secret_access_key,
            "sessionToken": self.session_token(),
            "expiration": self.expiration(),
        }})
    }

    /// Whether they have neither expired by `now` nor been revoked.
    pub(crate) fn is_good(&self, now: OffsetDateTime) -> bool {
        self.expires().is_none_or(|expires| now < expires) && !self.revoked.load(Ordering::Relaxed)
    }

    /// Whether `token` is the session token, in constant time. Long-term keys want none.
    pub(crate) fn has_token(&self, token: Option<&str>) -> bool {
        let (Some(session), Some(token)) = (&self.session, token) else {
            return self.session.is_none() && token.is_none();
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.access_key_id.as_bytes());
        let expected = hmac::sign(&key, session.token.as_bytes());
        hmac::verify(&key, token.as_bytes(), expected.as_ref()).is_ok()
    }
}

/// The issued keys by access key id.
#[derive(Default)]
pub(crate) struct Vault {
    issued: HashMap<String, Arc<Issued>>,
}

impl Vault {
    /// Issues keys that expire at `expires`.
    pub(crate) fn issue(
        &mut self,
        expires: OffsetDateTime,
        principal: Principal,
        attributes: Attributes,
    ) -> Arc<Issued> {
        if self.issued.len() >= TIDY_ABOVE {
            let horizon = expires - Duration::days(2);
            self.issued.retain(|_, issued| issued.expires().is_none_or(|end| end > horizon));
        }
        let issued = Arc::new(Issued::new(expires, principal, attributes));
        self.issued.insert(issued.access_key_id.clone(), Arc::clone(&issued));
        issued
    }

    /// The keys of this id.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<Arc<Issued>> {
        self.issued.get(access_key_id).cloned()
    }

    /// From now on these are taken for expired: the keys of this id, or all there are. How many that is.
    pub(crate) fn revoke(&self, access_key_id: Option<&str>) -> usize {
        let meant =
            self.issued.values().filter(|issued| access_key_id.is_none_or(|id| id == issued.access_key_id));
        meant.map(|issued| issued.revoked.store(true, Ordering::Relaxed)).count()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.issued.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal() -> Principal {
        Principal::Session { role_arn: "role".to_owned(), name: "session".to_owned() }
    }

    #[test]
    fn keys_look_like_those_of_aws_and_carry_canaries() {
        let mut vault = Vault::default();
        let issued = vault.issue(clock::now(3600), principal(), Attributes::default());
        assert!(issued.access_key_id.starts_with("ASIA") && issued.access_key_id.len() == 20);
        assert!(issued.secret_access_key.starts_with(SECRET_CANARY) && issued.secret_access_key.len() == 40);
        assert!(issued.session_token().starts_with(TOKEN_CANARY) && issued.session_token().len() == 900);
        assert!(issued.has_token(Some(issued.session_token())));
        assert!(!issued.has_token(Some(&issued.session_token()[1..])) && !issued.has_token(None));
        assert!(vault.find(&issued.access_key_id).is_some());
        assert!(vault.find("ASIAOTHER").is_none());
    }

    #[test]
    fn keys_end_at_the_moment_they_name() {
        let mut vault = Vault::default();
        let begin = OffsetDateTime::from_unix_timestamp(1_516_267_086).unwrap();
        let issued = vault.issue(begin + Duration::milliseconds(1900), principal(), Attributes::default());
        assert_eq!(issued.to_json()["credentials"]["expiration"], "2018-01-18T09:18:07Z");
        assert!(issued.is_good(begin + Duration::milliseconds(999)));
        assert!(!issued.is_good(begin + Duration::SECOND));
    }

    #[test]
    fn long_term_keys_have_no_token_and_no_end() {
        let keys = Issued::long_term(principal());
        assert!(keys.access_key_id.starts_with("AKIA") && keys.secret_access_key.starts_with(SECRET_CANARY));
        assert!(keys.has_token(None) && !keys.has_token(Some("")));
        assert!(keys.is_good(clock::now(100_000_000)));
    }

    #[test]
    fn keys_can_be_revoked_one_by_one_or_all() {
        let mut vault = Vault::default();
        let now = clock::now(0);
        let mut issue = || vault.issue(now + Duration::HOUR, principal(), Attributes::default());
        let (one, other) = (issue(), issue());
        let good = |issued: &[&Arc<Issued>]| issued.iter().filter(|issued| issued.is_good(now)).count();
        assert_eq!(vault.revoke(Some(&one.access_key_id)), 1);
        assert_eq!((one.is_good(now), other.is_good(now)), (false, true));
        assert_eq!(vault.revoke(Some("ASIAOTHER")), 0);
        assert_eq!(vault.revoke(None), 2);
        let later = vault.issue(now + Duration::HOUR, principal(), Attributes::default());
        assert_eq!((good(&[&one, &other]), good(&[&later])), (0, 1));
    }
}
