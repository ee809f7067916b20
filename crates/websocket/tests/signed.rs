//! Signed paths against those of two other implementations, and against the algorithm written down once more.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use refresh_session_core::crypto::digest::{Hash, hex};
use refresh_session_core::{Identity, Timestamp};
use refresh_session_websocket::{Signing, signed};

/// Host, region, time, seconds, token, path; `make.py` says how it was made.
const VECTORS: &str = include_str!("vectors/signed.tsv");

const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn identity(token: &str) -> Identity {
    let token = (!token.is_empty()).then(|| token.into());
    Identity::new("AKIDEXAMPLE".into(), KEY.into(), token, None)
}

fn path(host: &str, region: &str, at: &str, seconds: u64, token: &str) -> String {
    let at = Timestamp::parse_rfc3339(at).unwrap();
    let signing = Signing { host, region, at, expires: Duration::from_secs(seconds) };
    signed::path(&signing, &identity(token)).unwrap().expose_str().unwrap().to_owned()
}

/// The parameters as they are on the wire. Each may be there once.
fn query(path: &str) -> BTreeMap<&str, &str> {
    let pairs: Vec<_> = path.strip_prefix("/mqtt?").unwrap().split('&').collect();
    let query: BTreeMap<_, _> = pairs.iter().map(|pair| pair.split_once('=').unwrap()).collect();
    assert_eq!(pairs.len(), query.len(), "{path}");
    query
}

#[test]
fn the_vectors_of_two_other_signers() {
    assert_eq!(VECTORS.lines().count(), 6);
    for line in VECTORS.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [host, region, at, seconds, token, expected] = fields[..] else { panic!("{line}") };
        let found = path(host, region, at, seconds.parse().unwrap(), token);
        assert_eq!(query(&found), query(expected), "{line}");
    }
}

#[test]
fn the_token_is_appended_and_not_signed() {
    let sign = |token| path("abc.example", "eu-west-1", "2026-11-21T16:05:09Z", 300, token);
    let (without, with) = (sign(""), sign("a/token=="));
    assert_eq!(with, format!("{without}&X-Amz-Security-Token=a%2Ftoken%3D%3D"));
}

/// RFC 2104 with SHA-256; the key is no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        key.iter().zip(&mut block).for_each(|(key, block)| *block ^= key);
        block
    };
    let inner = Hash::Sha256.digest(&[&pad(0x36)[..], message].concat());
    Hash::Sha256.digest(&[&pad(0x5c)[..], &inner].concat())
}

#[test]
fn the_algorithm_of_aws_documentation_step_by_step() {
    // RFC 4231, test case 2.
    assert_eq!(
        hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    for (host, region, at, date, seconds) in [
        ("abc.example", "eu-west-1", "2026-11-21T16:05:09Z", "20261121T160509Z", 300),
        ("127.0.0.1:8443", "ap-southeast-2", "2031-07-01T00:00:01+02:00", "20310630T220001Z", 60),
    ] {
        let day = &date[..8];
        let scope = format!("{day}/{region}/iotdevicegateway/aws4_request");
        let parameters = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F{}&X-Amz-Date={date}\
             &X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host",
            scope.replace('/', "%2F")
        );
        let nothing = hex(&Hash::Sha256.digest(b""));
        let request = format!("GET\n/mqtt\n{parameters}\nhost:{host}\n\nhost\n{nothing}");
        let request = hex(&Hash::Sha256.digest(request.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{request}");
        let mut key = hmac(format!("AWS4{KEY}").as_bytes(), day.as_bytes());
        for part in [region, "iotdevicegateway", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let signature = hex(&hmac(&key, to_sign.as_bytes()));
        let expected = format!("/mqtt?{parameters}&X-Amz-Signature={signature}");
        assert_eq!(query(&path(host, region, at, seconds, "")), query(&expected));
    }
}

#[test]
fn a_host_that_is_none_is_an_error_and_no_error_shows_a_secret() {
    let canary = Identity::new("AKIDEXAMPLE".into(), "canary-key".into(), Some("canary-token".into()), None);
    for host in ["", "a b", "a/b\r\nx: y", "ü"] {
        let at = Timestamp::from_unix_millis(-1);
        let signing = Signing { host, region: "eu-west-1", at, expires: signed::EXPIRES };
        let error = signed::path(&signing, &canary).unwrap_err();
        assert!(!format!("{error} {error:?} {signing:?}").contains("canary"), "{error:?}");
    }
}
