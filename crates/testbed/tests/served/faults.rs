//! Every fault does what its name says.

use std::{io::ErrorKind, time::Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::{
    bed::{Bed, bounded},
    client::{GET, GOOD, Reply, drain},
};

async fn reply(bed: &Bed, fault: Value) -> Reply {
    bed.control("PUT", "/faults", fault).await;
    GOOD.request(bed, GET).await.unwrap()
}

async fn credentials(bed: &Bed, fault: Value) -> Value {
    let reply = reply(bed, fault).await;
    assert_eq!(reply.status, 200);
    reply.json()["credentials"].clone()
}

/// Everything that came, and how it ended.
async fn raw(bed: &Bed, fault: Value) -> (Vec<u8>, std::io::Result<()>) {
    bed.control("PUT", "/faults", fault).await;
    drain(&mut GOOD.connect(bed).await.unwrap(), GET).await
}

#[tokio::test]
async fn other_answers() {
    let bed = Bed::start(&[]);
    bounded(async {
        let throttled = reply(
            &bed,
            json!({"mode": "status", "code": 429, "retryAfter": 7, "message": "m", "errorType": "t"}),
        )
        .await;
        assert_eq!((throttled.status, throttled.header("retry-after")), (429, Some("7")));
        assert_eq!(
            (throttled.json(), throttled.header("x-amzn-errortype")),
            (json!({"message": "m"}), Some("t"))
        );
        let failed = reply(&bed, json!({"mode": "status", "code": 503, "body": "plain"})).await;
        assert_eq!(
            (failed.status, failed.text().as_str(), failed.header("retry-after")),
            (503, "plain", None)
        );

        let page = reply(&bed, json!({"mode": "html-body", "status": 502})).await;
        assert_eq!((page.status, page.header("content-type")), (502, Some("text/html; charset=utf-8")));
        assert!(page.text().starts_with("<!DOCTYPE html>"));
        let empty = reply(&bed, json!({"mode": "empty-body"})).await;
        assert_eq!((empty.status, empty.body.len(), empty.header("content-length")), (200, 0, Some("0")));
        let elsewhere = reply(&bed, json!({"mode": "redirect", "location": "http://127.0.0.1:9/"})).await;
        assert_eq!((elsewhere.status, elsewhere.header("location")), (302, Some("http://127.0.0.1:9/")));

        let cut = reply(&bed, json!({"mode": "truncated-json"})).await;
        assert_eq!(cut.status, 200);
        assert!(serde_json::from_slice::<Value>(&cut.body).is_err());
        for bytes in [2048, 1 << 20] {
            let large = reply(&bed, json!({"mode": "large-body", "bytes": bytes})).await;
            assert!(large.body.len() > bytes);
            assert!(large.json()["credentials"]["secretAccessKey"].is_string());
        }
        let chunked = reply(&bed, json!({"mode": "chunked"})).await;
        assert_eq!(chunked.header("content-length"), None);
        assert!(chunked.json()["credentials"].is_object());
        let old = reply(&bed, json!({"mode": "http10"})).await;
        assert!(old.head.starts_with("HTTP/1.0 200 ") && old.json()["credentials"].is_object());
    })
    .await;
}

#[tokio::test]
async fn other_times() {
    let bed = Bed::start(&[]);
    bounded(async {
        let proper = reply(&bed, json!({"mode": "none"})).await;
        assert!(proper.header("age").is_none());
        let skewed = reply(&bed, json!({"mode": "date-skew", "seconds": 86_400})).await;
        assert_ne!(skewed.header("date").unwrap()[..3], proper.header("date").unwrap()[..3]);
        assert_eq!(reply(&bed, json!({"mode": "date-missing"})).await.header("date"), None);
        assert_eq!(reply(&bed, json!({"mode": "age-header", "seconds": 30})).await.header("age"), Some("30"));
        let expired = credentials(&bed, json!({"mode": "expired", "secondsAgo": 86_400})).await;
        assert!(expired["expiration"].as_str() < proper.json()["credentials"]["expiration"].as_str());
        let odd = credentials(&bed, json!({"mode": "bad-expiration", "value": "tomorrow"})).await;
        assert_eq!(odd["expiration"], "tomorrow");

        // The whole service's clock, as opposed to one header.
        bed.control("DELETE", "/faults", json!({})).await;
        bed.control("PUT", "/config", json!({"clockOffsetSeconds": -86_400})).await;
        let early = GOOD.request(&bed, GET).await.unwrap();
        assert_ne!(early.header("date").unwrap()[..3], proper.header("date").unwrap()[..3]);
        assert!(
            early.json()["credentials"]["expiration"].as_str()
                < proper.json()["credentials"]["expiration"].as_str()
        );
    })
    .await;
}

#[tokio::test]
async fn other_fields() {
    let bed = Bed::start(&[]);
    bounded(async {
        for name in ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"] {
            let missing = credentials(&bed, json!({"mode": "missing-field", "name": name})).await;
            assert_eq!((missing.get(name), missing.as_object().unwrap().len()), (None, 3));
            assert_eq!(credentials(&bed, json!({"mode": "empty-field", "name": name})).await[name], "");
            assert_eq!(credentials(&bed, json!({"mode": "wrong-type-field", "name": name})).await[name], 42);
        }
        let nothing = reply(&bed, json!({"mode": "missing-field", "name": "credentials"})).await;
        assert_eq!(nothing.json(), json!({}));
        let more = reply(&bed, json!({"mode": "unknown-fields"})).await.json();
        assert!(more["futureField"].is_array() && more["credentials"]["nested"].is_object());
        assert!(more["credentials"]["secretAccessKey"].is_string());
        let twice = reply(&bed, json!({"mode": "duplicate-keys"})).await;
        assert_eq!(twice.text().matches("\"accessKeyId\"").count(), 2);
        assert_eq!(twice.json()["credentials"]["accessKeyId"], "ASIADUPLICATEDUPLICA");

        // Faults of the JSON have nothing to say about refusals.
        let missing = GOOD.request(&bed, &GET.replace("gateway-role", "none")).await.unwrap();
        assert_eq!(missing.status, 404);
    })
    .await;
}

#[tokio::test]
async fn other_endings() {
    let bed = Bed::start(&[]);
    bounded(async {
        let (bytes, end) = raw(&bed, json!({"mode": "truncated-body"})).await;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        assert!(body.len() < length.parse().unwrap());
        assert!(end.is_ok(), "{end:?}");

        for byte in [0, 1, 12, 100, 600] {
            let (bytes, end) = raw(&bed, json!({"mode": "reset-at", "byte": byte})).await;
            assert_eq!(bytes.len(), byte);
            assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset, "{byte}");
        }
        let (bytes, end) = raw(&bed, json!({"mode": "close-after-tls", "polite": true})).await;
        assert!(bytes.is_empty() && end.is_ok(), "{end:?}");
        let (bytes, end) = raw(&bed, json!({"mode": "close-after-tls", "polite": false})).await;
        assert!(bytes.is_empty());
        assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let (bytes, _) = raw(&bed, json!({"mode": "not-http"})).await;
        assert!(bytes.starts_with(b"SSH-2.0"));

        bed.control("DELETE", "/log", json!({})).await;
        bed.control("PUT", "/faults", json!({"mode": "half-open"})).await;
        let mut stream = GOOD.connect(&bed).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        let requests = bed.events("request", 1).await;
        assert_eq!((&requests[0]["status"], &requests[0]["fault"]), (&json!(null), &json!("half-open")));
        bed.control("POST", "/connections/drop", json!({})).await;
        let (bytes, _) = drain(&mut stream, "").await;
        assert!(bytes.is_empty());
    })
    .await;
}

#[tokio::test]
async fn slow_answers() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (fault, at_least) in
            [(json!({"mode": "slow-headers", "ms": 30}), 150), (json!({"mode": "slow-body", "ms": 1}), 1000)]
        {
            bed.control("PUT", "/faults", fault.clone()).await;
            let mut stream = GOOD.connect(&bed).await.unwrap();
            let begun = Instant::now();
            let reply = crate::client::exchange(&mut stream, GET).await.unwrap();
            assert!(begun.elapsed().as_millis() >= at_least, "{fault}: {:?}", begun.elapsed());
            assert!(reply.json()["credentials"].is_object());
        }
    })
    .await;
}

#[tokio::test]
async fn faults_are_for_as_many_requests_as_they_say() {
    let bed = Bed::start(&[]);
    bounded(async {
        let script = json!([
            {"mode": "none", "count": 1},
            {"mode": "status", "code": 500, "count": 2},
            {"mode": "status", "code": 429, "count": 1},
        ]);
        bed.control("PUT", "/faults", script).await;
        let mut stream = GOOD.connect(&bed).await.unwrap();
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(crate::client::exchange(&mut stream, GET).await.unwrap().status);
        }
        assert_eq!(statuses, [200, 500, 500, 429, 200]);
        let faults: Vec<_> =
            bed.events("request", 5).await.iter().map(|event| event["fault"].clone()).collect();
        assert_eq!(faults, [json!(null), json!("status"), json!("status"), json!("status"), json!(null)]);

        bed.control("PUT", "/faults", json!({"mode": "status", "code": 500})).await;
        assert_eq!(crate::client::exchange(&mut stream, GET).await.unwrap().status, 500);
        bed.control("DELETE", "/faults", json!({})).await;
        assert_eq!(crate::client::exchange(&mut stream, GET).await.unwrap().status, 200);
    })
    .await;
}
