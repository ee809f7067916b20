//! STS, with keys fresh from the endpoint.

use std::fs;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GOOD, Reply, exchange},
    keys::{Keys, Unsigned, now},
};

const CALLER: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// A request to STS, signed.
fn sign(keys: &Keys, host: &str, date: &str, body: &str) -> String {
    let unsigned = Unsigned {
        service: "sts",
        method: "POST",
        target: "/",
        host,
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        body,
    };
    keys.sign(&unsigned, date)
}

async fn post(bed: &Bed, request: &str) -> Reply {
    let address = bed.ready["sts"]["http"].as_str().unwrap().strip_prefix("http://").unwrap();
    exchange(&mut TcpStream::connect(address).await.unwrap(), request).await.unwrap()
}

#[tokio::test]
async fn knows_the_caller_over_http_and_tls() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let request = sign(&keys, "localhost", &now(&bed).await, CALLER);
        let address = bed.ready["sts"]["https"].as_str().unwrap().strip_prefix("https://").unwrap();
        let tcp = TcpStream::connect(address.replace("localhost", "127.0.0.1")).await.unwrap();
        let config = Client { device: None, ..GOOD }.config(&bed);
        let mut tls = TlsConnector::from(config).connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        for reply in [post(&bed, &request).await, exchange(&mut tls, &request).await.unwrap()] {
            assert_eq!(reply.status, 200, "{}", reply.text());
            let state = bed.control("GET", "/state", json!({})).await;
            let id = state["certificates"]["ec256"]["certificateId"].as_str().unwrap().to_owned();
            let arn = format!("<Arn>arn:aws:sts::123456789012:assumed-role/GatewayRole/{id}</Arn>");
            assert!(reply.text().contains(&arn), "{}", reply.text());
            assert!(reply.text().contains("<Account>123456789012</Account>"));
            assert_eq!(reply.header("content-type"), Some("text/xml"));
        }
    })
    .await;
}

#[tokio::test]
async fn refuses_with_the_codes_of_aws() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let other = Keys::fetch(&bed, "gateway-role").await;
        let date = now(&bed).await;
        let caller = |keys: &Keys| sign(keys, "h", &date, CALLER);
        let good = caller(&keys);
        let unsigned = good.split("Authorization").next().unwrap().to_owned() + "\r\n" + CALLER;
        for (request, status, code) in [
            (caller(&Keys { id: "ASIANOBODY".to_owned(), ..keys.clone() }), 403, "InvalidClientTokenId"),
            (caller(&Keys { token: other.token.clone(), ..keys.clone() }), 403, "InvalidClientTokenId"),
            (caller(&Keys { secret: other.secret.clone(), ..keys.clone() }), 403, "SignatureDoesNotMatch"),
            (good.replace("host: h", "host: g"), 403, "SignatureDoesNotMatch"),
            (good.replace(CALLER, &CALLER.replace("Get", "Set")), 403, "SignatureDoesNotMatch"),
            (good.replace(";x-amz-security-token", ""), 403, "SignatureDoesNotMatch"),
            (sign(&keys, "h", "20150830T123600Z", CALLER), 403, "SignatureDoesNotMatch"),
            (unsigned, 403, "MissingAuthenticationToken"),
            (good.replace("AWS4-HMAC-SHA256", "Basic"), 400, "IncompleteSignature"),
            (good.replace("POST", "GET"), 400, "InvalidAction"),
            (sign(&keys, "h", &date, "Action=AssumeRole&Version=2011-06-15"), 400, "ValidationError"),
            (sign(&keys, "h", &date, "Action=AssumeRoot&Version=2011-06-15"), 400, "InvalidAction"),
            (sign(&keys, "h", &date, ""), 400, "InvalidAction"),
        ] {
            let reply = post(&bed, &request).await;
            assert_eq!(reply.status, status, "{code}: {}", reply.text());
            assert!(reply.text().contains(&format!("<Code>{code}</Code>")), "{code}: {}", reply.text());
            assert!(reply.text().contains("<RequestId>"));
        }
        assert_eq!(post(&bed, &good).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn the_log_has_no_secrets() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let request = sign(&keys, "h", &now(&bed).await, CALLER);
        let signature = request.split("Signature=").nth(1).unwrap()[..64].to_owned();
        assert_eq!(post(&bed, &request).await.status, 200);
        let event = bed.events("request", 3).await.pop().unwrap();
        assert_eq!((&event["service"], &event["action"]), (&json!("sts"), &json!("GetCallerIdentity")));
        assert_eq!((&event["accessKeyId"], &event["error"]), (&json!(keys.id), &Value::Null));
        assert_eq!(event["headers"]["x-amz-security-token"], "(900 characters)");
        let authorization = event["headers"]["authorization"].as_str().unwrap();
        assert!(authorization.starts_with(&format!("Credential={}/", keys.id)), "{authorization}");

        let log = bed.control("GET", "/log", Value::Null).await.to_string();
        let state = bed.control("GET", "/state", Value::Null).await.to_string();
        let file = fs::read_to_string(bed.folder().join("requests.jsonl")).unwrap();
        assert!(file.lines().count() >= 5);
        for text in [log, state, file] {
            for secret in ["canary", &keys.secret, &keys.token, &signature] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    })
    .await;
}
