//! Who is signed in: the tokens that are good.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{REGION, START_URL};
use crate::{aws::vault::TOKEN_CANARY, clock, random};

/// Registrations of clients last this long in the real service.
const REGISTRATION: Duration = Duration::days(90);

/// The sign-ins. Deliberately without `Debug`.
#[derive(Default)]
pub(crate) struct SignIns {
    /// The registered clients: secret by id.
    clients: HashMap<String, String>,
    /// Access tokens, and when each ends.
    access: HashMap<String, OffsetDateTime>,
    refresh: HashSet<String>,
}

/// The tokens of a sign-in.
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// The body of `POST /sso/login`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Login {
    /// How long the access token lasts; below zero it has ended. The setting, if nothing is said.
    pub(crate) life_seconds: Option<i32>,
}

impl SignIns {
    /// Signs in: what `aws sso login` keeps in its cache.
    pub(crate) fn sign_in(&mut self, seconds: i64, now: OffsetDateTime) -> Value {
        let (id, secret) = (random::base64(22), token());
        self.clients.insert(id.clone(), secret.clone());
        let tokens = self.issue(seconds, now);
        json!({
            "startUrl": START_URL,
            "region": REGION,
            "accessToken": tokens.access_token,
            "expiresAt": clock::iso(now + Duration::seconds(seconds)),
            "clientId": id,
            "clientSecret": secret,
            "registrationExpiresAt": clock::iso(now + REGISTRATION),
            "refreshToken": tokens.refresh_token,
        })
    }

    /// Ends every sign-in: no token is good any more.
    pub(crate) fn sign_out(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    /// Whether an access token is good.
    pub(super) fn may_enter(&self, access_token: &str, now: OffsetDateTime) -> bool {
        self.access.get(access_token).is_some_and(|ends| now < *ends)
    }

    /// Whether a client is registered and the secret its own.
    pub(super) fn is_client(&self, id: &str, secret: &str) -> bool {
        self.clients.get(id).is_some_and(|own| own == secret)
    }

    /// The next tokens for a refresh token, if that is good. It then is no more.
    pub(super) fn renew(&mut self, refresh_token: &str, seconds: i64, now: OffsetDateTime) -> Option<Tokens> {
        self.refresh.remove(refresh_token).then(|| self.issue(seconds, now))
    }

    fn issue(&mut self, seconds: i64, now: OffsetDateTime) -> Tokens {
        let tokens = Tokens { access_token: token(), refresh_token: token() };
        self.access.insert(tokens.access_token.clone(), now + Duration::seconds(seconds));
        self.refresh.insert(tokens.refresh_token.clone());
        tokens
    }
}

fn token() -> String {
    format!("{TOKEN_CANARY}{}", random::base64(80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_and_refresh_tokens_are_good_once() {
        let mut sign_ins = SignIns::default();
        let now = clock::now(0);
        let cache = sign_ins.sign_in(10, now);
        let text = |name: &str| cache[name].as_str().unwrap().to_owned();
        let (access, refresh) = (text("accessToken"), text("refreshToken"));
        assert!(
            sign_ins.may_enter(&access, now) && !sign_ins.may_enter(&access, now + Duration::seconds(10))
        );
        assert!(sign_ins.is_client(&text("clientId"), &text("clientSecret")) && !sign_ins.is_client("x", ""));
        let renewed = sign_ins.renew(&refresh, 10, now).unwrap();
        assert!(sign_ins.renew(&refresh, 10, now).is_none());
        assert!(sign_ins.may_enter(&renewed.access_token, now));
        sign_ins.sign_out();
        assert!(!sign_ins.may_enter(&renewed.access_token, now));
        assert!(sign_ins.renew(&renewed.refresh_token, 10, now).is_none());
    }
}
