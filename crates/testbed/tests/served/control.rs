//! The control port.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::{
    bed::{Bed, bounded},
    client::{GET, GOOD, exchange},
};

#[tokio::test]
async fn what_makes_no_sense_is_answered_with_a_sentence() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (method, path, body, status, says) in [
            ("GET", "/", "", 404, "there is no GET /"),
            ("POST", "/config", "{}", 404, "there is no POST /config"),
            ("GET", "/%zz", "", 400, "encoded"),
            ("PUT", "/config", "", 400, "not JSON"),
            ("PUT", "/config", "{", 400, "not JSON"),
            ("PUT", "/config", "[]", 400, "object"),
            ("PUT", "/config", r#"{"color": 1}"#, 400, "color"),
            ("PUT", "/config", r#"{"accept": "maybe"}"#, 400, "maybe"),
            ("PUT", "/config", r#"{"versions": ["1.0"]}"#, 400, "1.0"),
            ("PUT", "/faults", r#"{"mode": "explode"}"#, 400, "explode"),
            ("PUT", "/faults", r#"[{"mode": "half-open"}, {}]"#, 400, "mode"),
            ("PUT", "/faults", r#"{"mode": "error", "code": "X"}"#, 400, "no `error` here"),
            ("PUT", "/faults/sts", r#"{"mode": "expired"}"#, 400, "no `expired` here"),
            ("PUT", "/faults/s3", r#"{"mode": "error"}"#, 400, "code"),
            ("PUT", "/faults/iot", r#"{"mode": "half-open"}"#, 404, "iot"),
            ("DELETE", "/faults/ec2", "", 404, "ec2"),
            ("PUT", "/faults/container", r#"{"mode": "error", "code": "X"}"#, 400, "no `error` here"),
            ("POST", "/keys/revoke", r#"{"id": "x"}"#, 400, "id"),
            ("PUT", "/users/a%20b", "", 400, "a b"),
            ("DELETE", "/users/none", "", 404, "none"),
            ("GET", "/users/none/mfa-code", "", 404, "none"),
            ("GET", "/users/gateway-operator/mfa-code?steps=x", "", 400, "steps"),
            ("PUT", "/roles/123/Role", "{}", 400, "123"),
            ("PUT", "/roles/123456789012/Role", r#"{"trust": []}"#, 400, "trust"),
            ("DELETE", "/roles/123456789012/None", "", 404, "None"),
            ("POST", "/identity-token", r#"{"subject": "x"}"#, 400, "subject"),
            ("POST", "/sso/login", r#"{"seconds": 1}"#, 400, "seconds"),
            ("PUT", "/config", r#"{"imds": "perhaps"}"#, 400, "perhaps"),
            ("PUT", "/aliases/a.b", "{}", 400, "a.b"),
            ("PUT", "/aliases/a", r#"{"durationSeconds": 0}"#, 400, "durationSeconds"),
            ("DELETE", "/aliases/none", "", 404, "none"),
            ("PUT", "/certificates/none", "{}", 400, "none"),
            ("PUT", "/certificates/ec256", r#"{"status": "lost"}"#, 400, "lost"),
            ("PUT", "/certificates/ec256", r#"{"pem": "x"}"#, 400, "pem"),
            ("GET", "/log?event=storm", "", 400, "storm"),
            ("GET", "/log?service=ec2", "", 400, "ec2"),
            ("GET", "/log?atLeast=x", "", 400, "atLeast"),
            ("GET", "/log?limit=1", "", 400, "limit"),
        ] {
            let reply = bed.ask(method, path, body).await;
            assert_eq!(reply.status, status, "{method} {path} {body}");
            let sentence = reply.json()["error"].as_str().unwrap().to_owned();
            assert!(sentence.contains(says), "{method} {path} {body}: {sentence}");
        }
        let untouched = bed.control("GET", "/state", Value::Null).await;
        assert_eq!(untouched["faults"], json!([]));
        assert_eq!(untouched["config"]["accept"], "normal");
    })
    .await;
}

#[tokio::test]
async fn reset_brings_the_beginning_back() {
    let bed = Bed::start(&[]);
    bounded(async {
        let before = bed.control("GET", "/state", Value::Null).await;
        bed.control("PUT", "/config", json!({"tickets": true, "refuse": "http"})).await;
        bed.control("PUT", "/aliases/gateway-role", json!({"outcome": "denied"})).await;
        bed.control("PUT", "/certificates/ec256", json!({"things": []})).await;
        bed.control("PUT", "/faults", json!({"mode": "html-body"})).await;
        bed.control("PUT", "/faults/sts", json!({"mode": "half-open"})).await;
        bed.control("PUT", "/faults/s3", json!({"mode": "half-open"})).await;
        bed.control("PUT", "/faults/imds", json!({"mode": "half-open"})).await;
        let mut stream = GOOD.connect(&bed).await.unwrap();
        exchange(&mut stream, GET).await.unwrap();
        assert_ne!(bed.control("GET", "/state", Value::Null).await, before);

        bed.control("POST", "/reset", json!({})).await;
        // The connection is over: the read ends, whether with an error or without.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let after = bed.control("GET", "/state", Value::Null).await;
        for name in ["config", "faults", "serviceFaults", "aliases", "certificates", "issued", "events"] {
            assert_eq!(after[name], before[name], "{name}");
        }
        assert_eq!(GOOD.request(&bed, GET).await.unwrap().status, 200);
    })
    .await;
}

#[tokio::test]
async fn the_log_can_be_waited_for_and_forgotten() {
    let bed = Bed::start(&[]);
    bounded(async {
        let later = async { GOOD.request(&bed, GET).await.unwrap().status };
        let (events, status) = tokio::join!(bed.events("request", 1), later);
        assert_eq!((events.len(), status), (1, 200));
        assert_eq!(bed.control("GET", "/log", Value::Null).await.as_array().unwrap().len(), 2);
        bed.control("DELETE", "/log", json!({})).await;
        assert_eq!(bed.control("GET", "/log?atLeast=1&waitMs=1", Value::Null).await, json!([]));
    })
    .await;
}
