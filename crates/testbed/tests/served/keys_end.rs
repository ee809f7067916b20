//! How keys that were good stop being so: by their end, by being revoked, or because a fault says so.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    bed::{Bed, bounded},
    client::{GOOD, Reply, exchange},
    keys::{Keys, Unsigned, hash, now},
};

/// A service, and how it says that keys have expired.
const SERVICES: [(&str, u16); 2] = [("sts", 403), ("s3", 400)];

/// Makes a good request of a service.
async fn ask(bed: &Bed, service: &str, keys: &Keys) -> Reply {
    let payload = hash("");
    let declared = [("x-amz-content-sha256", payload.as_str())];
    let unsigned = if service == "sts" {
        Unsigned {
            service,
            method: "POST",
            target: "/",
            host: "h",
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: "Action=GetCallerIdentity&Version=2011-06-15",
        }
    } else {
        Unsigned { service, method: "GET", target: "/", host: "h", headers: &declared, body: "" }
    };
    let request = keys.sign(&unsigned, &now(bed).await);
    let address = bed.ready[service]["http"].as_str().unwrap().strip_prefix("http://").unwrap();
    exchange(&mut TcpStream::connect(address).await.unwrap(), &request).await.unwrap()
}

fn is_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert!(reply.text().contains(&format!("<Code>{code}</Code>")), "{}", reply.text());
}

#[tokio::test]
async fn keys_are_good_until_they_expire() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (duration, before, after) in [(1, -10, 1), (60, 50, 60), (43_200, 43_190, 43_200)] {
            bed.control("PUT", "/aliases/some-role", json!({"durationSeconds": duration})).await;
            for (service, status) in SERVICES {
                bed.control("PUT", "/config", json!({"clockOffsetSeconds": 0})).await;
                let keys = Keys::fetch(&bed, "some-role").await;
                bed.control("PUT", "/config", json!({"clockOffsetSeconds": before})).await;
                assert_eq!(ask(&bed, service, &keys).await.status, 200, "{service} {duration}");
                bed.control("PUT", "/config", json!({"clockOffsetSeconds": after})).await;
                is_error(&ask(&bed, service, &keys).await, status, "ExpiredToken");
            }
        }
        // Keys that are said to have expired have.
        bed.control("PUT", "/faults", json!({"mode": "expired", "count": 1})).await;
        let keys = Keys::fetch(&bed, "gateway-role").await;
        for (service, status) in SERVICES {
            is_error(&ask(&bed, service, &keys).await, status, "ExpiredToken");
        }
    })
    .await;
}

#[tokio::test]
async fn revoked_keys_are_taken_for_expired_and_later_ones_are_good() {
    let bed = Bed::start(&[]);
    bounded(async {
        let one = Keys::fetch(&bed, "gateway-role").await;
        let other = Keys::fetch(&bed, "gateway-role").await;
        let done = bed.control("POST", "/keys/revoke", json!({"accessKeyId": one.id})).await;
        assert_eq!(done, json!({"revoked": 1}));
        for (service, status) in SERVICES {
            is_error(&ask(&bed, service, &one).await, status, "ExpiredToken");
            assert_eq!(ask(&bed, service, &other).await.status, 200);
        }
        let reply = bed.ask("POST", "/keys/revoke", "").await;
        assert!(reply.json()["revoked"].as_u64().unwrap() >= 2, "{}", reply.text());
        let later = Keys::fetch(&bed, "gateway-role").await;
        for (service, status) in SERVICES {
            is_error(&ask(&bed, service, &other).await, status, "ExpiredToken");
            assert_eq!(ask(&bed, service, &later).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_can_be_told_to_refuse_good_keys() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        for ((service, expired), other) in SERVICES.into_iter().zip(["s3", "sts"]) {
            let script = json!([
                {"mode": "error", "code": "ExpiredToken", "count": 1},
                {"mode": "error", "code": "AccessDenied", "count": 1, "message": "a<b"},
                {"mode": "error", "code": "ServiceUnavailable", "count": 1},
                {"mode": "error", "code": "Odd", "status": 418, "count": 1},
                {"mode": "status", "code": 503, "body": "plain", "count": 1},
            ]);
            bed.control("PUT", &format!("/faults/{service}"), script).await;
            bed.control("DELETE", "/log", json!({})).await;
            is_error(&ask(&bed, service, &keys).await, expired, "ExpiredToken");
            assert_eq!(ask(&bed, other, &keys).await.status, 200, "the other service is well");
            let denied = ask(&bed, service, &keys).await;
            is_error(&denied, 403, "AccessDenied");
            assert!(denied.text().contains("<Message>a&lt;b</Message>"));
            is_error(&ask(&bed, service, &keys).await, 503, "ServiceUnavailable");
            is_error(&ask(&bed, service, &keys).await, 418, "Odd");
            let plain = ask(&bed, service, &keys).await;
            assert_eq!((plain.status, plain.text().as_str()), (503, "plain"));
            assert_eq!(ask(&bed, service, &keys).await.status, 200);

            let path = format!("/log?event=request&service={service}");
            let events = bed.control("GET", &path, Value::Null).await;
            assert_eq!(
                (&events[0]["fault"], &events[0]["error"], &events[0]["accessKeyId"], &events[0]["status"]),
                (&json!("error"), &json!("ExpiredToken"), &json!(keys.id), &json!(expired))
            );
            assert_eq!(events.as_array().unwrap().len(), 6);

            bed.control("PUT", &format!("/faults/{service}"), json!({"mode": "error", "code": "Odd"})).await;
            let state = bed.control("GET", "/state", Value::Null).await;
            assert_eq!(
                state["serviceFaults"][service][0],
                json!({"mode": "error", "code": "Odd", "count": null})
            );
            is_error(&ask(&bed, service, &keys).await, 400, "Odd");
            bed.control("DELETE", &format!("/faults/{service}"), json!({})).await;
            assert_eq!(ask(&bed, service, &keys).await.status, 200);
        }
        assert_eq!(GOOD.request(&bed, crate::client::GET).await.unwrap().status, 200);
    })
    .await;
}
