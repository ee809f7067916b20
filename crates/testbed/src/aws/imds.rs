//! IMDS, version 2: what an EC2 instance is told about itself, the keys of its role among it.
//!
//! `PUT /latest/api/token` with `x-aws-ec2-metadata-token-ttl-seconds` gives a token for so long; everything else is a
//! `GET` with it in `x-aws-ec2-metadata-token`.
//!
//! | Path below `/latest/`                                      | Is                                              |
//! |------------------------------------------------------------|-------------------------------------------------|
//! | `meta-data/iam/security-credentials/`                      | `InstanceRole`                                  |
//! | `meta-data/iam/security-credentials/InstanceRole`          | keys of it for six hours, new ones each time    |
//! | `meta-data/iam/security-credentials-extended/` and below   | the same with `AccountId`                       |
//! | `meta-data/iam/info`                                       | the instance profile                            |
//! | `meta-data/instance-id`, `meta-data/placement/region`, `meta-data/placement/availability-zone` | those       |
//! | `dynamic/instance-identity/document`                       | these together                                  |
//!
//! | Refused because                                                        | Status |
//! |------------------------------------------------------------------------|--------|
//! | IMDS is off: the `imds` setting is `disabled`                          | 403    |
//! | a token is asked for through a proxy (`X-Forwarded-For`)               | 403    |
//! | the life of the token is not a number from 1 to 21600                  | 400    |
//! | there is no token, unless the `imds` setting is `optional` (version 1) | 401    |
//! | nobody gave out that token, or it has expired                          | 401    |
//! | the method is not GET, for a token not PUT                             | 405    |
//! | there is no such path; the instance has no role (`imdsRole` is false); | 404    |
//! | the extended paths are off (`imdsExtended` is false)                   |        |
//!
//! They are looked at in this order.

use std::{collections::HashMap, sync::Mutex};

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{
    iam::{self, ACCOUNT},
    source::{Life, Source},
};
use crate::{
    clock,
    fault::Schedule,
    http::{answer::Answer, request::Request},
    random,
    settings::Imds as Mode,
    sync::lock,
    world::World,
};

const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
const LIFE_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const ROLE: &str = "InstanceRole";
const INSTANCE: &str = "i-0042c0ffee0042abc";
const REGION: &str = "eu-west-1";
const LIFE_SECONDS: i64 = 6 * 3600;

/// IMDS.
pub(crate) struct Imds;

/// The tokens that have been given out, and when each ends.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<String, OffsetDateTime>);

impl Tokens {
    fn issue(&mut self, ends: OffsetDateTime, now: OffsetDateTime) -> String {
        self.0.retain(|_, ends| *ends > now);
        let token = format!("{}{}==", super::vault::TOKEN_CANARY, random::base64(43));
        self.0.insert(token.clone(), ends);
        token
    }

    fn is_good(&self, token: &str, now: OffsetDateTime) -> bool {
        self.0.get(token).is_some_and(|ends| now < *ends)
    }

    /// From now on none of them is good.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Source for Imds {
    fn service(_request: &Request) -> &'static str {
        "imds"
    }

    fn faults<'a>(world: &'a World, _request: &Request) -> &'a Mutex<Schedule> {
        &world.imds_faults
    }

    fn respond(world: &World, request: &Request, life: Life) -> Answer {
        let settings = world.settings();
        if settings.imds == Mode::Disabled {
            return refusal(403);
        }
        if request.path == "/latest/api/token" {
            return token(world, request);
        }
        let now = world.now();
        match request.header(TOKEN_HEADER) {
            Some(token) if lock(&world.imds_tokens).is_good(token, now) => {}
            None if settings.imds == Mode::Optional => {}
            _ => return refusal(401),
        }
        if request.method != "GET" {
            return refusal(405);
        }
        let path = request.path.strip_prefix("/latest/").unwrap_or_default();
        let keys = |rest: &str, extended| match rest {
            "" => text(ROLE),
            ROLE => self::keys(world, life, extended),
            _ => refusal(404),
        };
        if let Some(rest) = path.strip_prefix("meta-data/iam/security-credentials-extended/")
            && settings.imds_role
            && settings.imds_extended
        {
            return keys(rest, true);
        }
        if let Some(rest) = path.strip_prefix("meta-data/iam/security-credentials/")
            && settings.imds_role
        {
            return keys(rest, false);
        }
        match path {
            "meta-data/iam/info" if settings.imds_role => {
                let arn = format!("arn:aws:iam::{ACCOUNT}:instance-profile/{ROLE}");
                let now = clock::iso(world.now());
                Answer::json(200, &json!({"Code": "Success", "LastUpdated": now, "InstanceProfileArn": arn}))
            }
            "meta-data/instance-id" => text(INSTANCE),
            "meta-data/placement/region" => text(REGION),
            "meta-data/placement/availability-zone" => text(&format!("{REGION}a")),
            "dynamic/instance-identity/document" => Answer::json(
                200,
                &json!({
                    "accountId": ACCOUNT,
                    "availabilityZone": format!("{REGION}a"),
                    "instanceId": INSTANCE,
                    "region": REGION,
                }),
            ),
            _ => refusal(404),
        }
    }
}

fn token(world: &World, request: &Request) -> Answer {
    if request.method != "PUT" {
        return refusal(405);
    }
    if request.header("x-forwarded-for").is_some() {
        return refusal(403);
    }
    let seconds = request.header(LIFE_HEADER).and_then(|value| value.parse::<i64>().ok());
    let Some(seconds) = seconds.filter(|seconds| (1..=21_600).contains(seconds)) else {
        return refusal(400);
    };
    let now = world.now();
    let token = lock(&world.imds_tokens).issue(now + Duration::seconds(seconds), now);
    text(&token).with("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", seconds.to_string())
}

fn keys(world: &World, life: Life, extended: bool) -> Answer {
    let issued = life.issue(world, iam::role_arn(ACCOUNT, ROLE), INSTANCE, LIFE_SECONDS);
    let mut body = json!({
        "Code": "Success",
        "LastUpdated": clock::iso(world.now()),
        "Type": "AWS-HMAC",
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "Token": issued.session_token(),
        "Expiration": issued.expires().map(clock::iso),
    });
    if extended {
        body["AccountId"] = ACCOUNT.into();
    }
    Answer::json(200, &body)
}

fn text(text: &str) -> Answer {
    Answer::new(200, "text/plain", text.as_bytes().to_vec())
}

/// IMDS says no in HTML.
fn refusal(status: u16) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<html><head><title>{status}</title></head><body>{status}</body></html>\n"
    );
    Answer::new(status, "text/html", body.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end() {
        let mut tokens = Tokens::default();
        let now = clock::now(0);
        let token = tokens.issue(now + Duration::SECOND, now);
        assert!(tokens.is_good(&token, now) && !tokens.is_good("x", now));
        assert!(!tokens.is_good(&token, now + Duration::SECOND));
        tokens.clear();
        assert!(!tokens.is_good(&token, now));
    }
}
