//! An OpenID Connect issuer: makes the identity tokens that `AssumeRoleWithWebIdentity` takes, and checks them.
//!
//! `POST /identity-token` on the control port makes one: a JWT signed with ES256. Without `sub`, `aud` and
//! `lifeSeconds` it is one that `WebRole` trusts for an hour. `forged` has it signed with a key nobody knows, `iss`
//! names an issuer nobody has heard of.

use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::{
    encoding::{base64url, unbase64url},
    failure::{During, Failure},
    random,
};

/// Who signs the tokens.
pub(crate) const ISSUER: &str = "https://oidc.testbed.example/id/0042";
/// The audience of the real STS.
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";
/// A service account that `WebRole` trusts.
pub(crate) const SUBJECT: &str = "system:serviceaccount:gateway:uplink";

/// The issuer's key, and another one.
pub(crate) struct Issuer {
    key: EcdsaKeyPair,
    forger: EcdsaKeyPair,
    random: SystemRandom,
}

/// The body of `POST /identity-token`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Wanted {
    sub: String,
    aud: String,
    iss: String,
    /// Below zero it has expired.
    life_seconds: i32,
    forged: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            sub: SUBJECT.to_owned(),
            aud: AUDIENCE.to_owned(),
            iss: ISSUER.to_owned(),
            life_seconds: 3600,
            forged: false,
        }
    }
}

/// What a good token says.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    /// Who made it.
    iss: String,
    /// Who it is about.
    pub(crate) sub: String,
    /// Whom it is for.
    pub(crate) aud: String,
    exp: i64,
}

/// Why a token is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is no token, or nobody's we know.
    Invalid(String),
    /// It was good once.
    Expired(String),
}

impl Issuer {
    /// An issuer with a new key.
    pub(crate) fn new() -> Result<Self, Failure> {
        let random = SystemRandom::new();
        let key = || {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .during("generating the issuer's key")?;
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .during("reading the issuer's key")
        };
        Ok(Self { key: key()?, forger: key()?, random })
    }

    /// Makes a token.
    pub(crate) fn issue(&self, wanted: &Wanted, now: OffsetDateTime) -> Result<String, String> {
        let header = json!({"alg": "ES256", "kid": "testbed", "typ": "JWT"});
        let claims = json!({
            "iss": wanted.iss,
            "sub": wanted.sub,
            "aud": wanted.aud,
            "iat": now.unix_timestamp(),
            "exp": (now + Duration::seconds(i64::from(wanted.life_seconds))).unix_timestamp(),
            "jti": random::uuid(),
        });
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = if wanted.forged { &self.forger } else { &self.key };
        let signature =
            key.sign(&self.random, signed.as_bytes()).map_err(|_| "the token cannot be signed")?;
        Ok(format!("{signed}.{}", base64url(signature.as_ref())))
    }

    /// What a token says, if it is good.
    pub(crate) fn verify(&self, token: &str, now: OffsetDateTime) -> Result<Claims, Problem> {
        let invalid = |message: &str| Problem::Invalid(message.to_owned());
        let not_a_token = || {
            invalid(
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            )
        };
        let (signed, signature) = token.rsplit_once('.').ok_or_else(not_a_token)?;
        let (header, claims) = signed.split_once('.').ok_or_else(not_a_token)?;
        let read = |part: &str| -> Option<Value> { serde_json::from_slice(&unbase64url(part)?).ok() };
        let header = read(header).ok_or_else(not_a_token)?;
        let claims = read(claims).and_then(|claims| serde_json::from_value::<Claims>(claims).ok());
        let claims = claims.ok_or_else(not_a_token)?;
        if claims.iss != ISSUER {
            let message = format!("No OpenIDConnect provider found in your account for {}", claims.iss);
            return Err(Problem::Invalid(message));
        }
        if header["alg"] != "ES256" {
            return Err(invalid("The signature algorithm of the token is not one that the provider uses"));
        }
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key());
        key.verify(signed.as_bytes(), &unbase64url(signature).unwrap_or_default())
            .map_err(|_| invalid("Couldn't verify the signature of the token with a key of the provider"))?;
        if now.unix_timestamp() >= claims.exp {
            return Err(Problem::Expired(format!(
                "Token expired: current date/time {} must be before the expiration date/time {}",
                now.unix_timestamp(),
                claims.exp
            )));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn wanted(body: Value) -> Wanted {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn good_tokens_are_read_and_others_refused() {
        let issuer = Issuer::new().unwrap();
        let now = clock::now(0);
        let verify = |body: Value| issuer.verify(&issuer.issue(&wanted(body), now).unwrap(), now);
        let claims = verify(json!({"sub": "s"})).unwrap();
        assert_eq!((claims.sub.as_str(), claims.aud.as_str()), ("s", AUDIENCE));
        assert!(matches!(verify(json!({"lifeSeconds": -1})), Err(Problem::Expired(_))));
        for body in [json!({"forged": true}), json!({"iss": "https://other.example"})] {
            assert!(matches!(verify(body.clone()), Err(Problem::Invalid(_))), "{body}");
        }
        let good = issuer.issue(&Wanted::default(), now).unwrap();
        let [_, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
        let unsigned = format!("{}.{claims}.", base64url(br#"{"alg":"none"}"#));
        let other_claims = format!("{}.{}.{signature}", &good[..good.find('.').unwrap()], {
            let text = json!({"iss": ISSUER, "sub": "root", "aud": AUDIENCE, "exp": i64::MAX});
            base64url(text.to_string().as_bytes())
        });
        for token in ["", "garbage", "a.b.c", &unsigned, &other_claims] {
            assert!(matches!(issuer.verify(token, now), Err(Problem::Invalid(_))), "{token}");
        }
    }
}
