//! STS, with keys fresh from the endpoint.

use std::fs;

use ring::{digest, hmac};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GET, GOOD, Reply, exchange},
};

const CALLER: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// What to sign with.
#[derive(Clone)]
struct Keys {
    id: String,
    secret: String,
    token: String,
}

impl Keys {
    async fn fetch(bed: &Bed, alias: &str) -> Self {
        let reply = GOOD.request(bed, &GET.replace("gateway-role", alias)).await.unwrap();
        let credentials = reply.json()["credentials"].clone();
        let field = |name: &str| credentials[name].as_str().unwrap().to_owned();
        Self { id: field("accessKeyId"), secret: field("secretAccessKey"), token: field("sessionToken") }
    }

    /// A signed request. Written down step by step from the specification, on purpose not with the server's code.
    fn sign(&self, host: &str, date: &str, body: &str) -> String {
        let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let day = &date[..8];
        let signed = "content-type;host;x-amz-date;x-amz-security-token";
        let content_type = "application/x-www-form-urlencoded";
        let canonical = format!(
            "POST\n/\n\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{date}\nx-amz-security-token:{}\n\n\
             {signed}\n{}",
            self.token,
            hash(body)
        );
        let scope = format!("{day}/eu-west-1/sts/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(&canonical));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, "eu-west-1", "sts", "aws4_request", &text] {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nX-Amz-Date: {date}\r\n\
             X-Amz-Security-Token: {}\r\nContent-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={}/{scope}, SignedHeaders={signed}, Signature={}\r\n\r\n{body}",
            self.token,
            body.len(),
            self.id,
            hex(&key)
        )
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The time of the testbed, in the form that signatures want.
async fn now(bed: &Bed) -> String {
    let date = GOOD.request(bed, GET).await.unwrap().header("date").unwrap().to_owned();
    let parts: Vec<&str> = date.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, _] = parts.as_slice() else { panic!("{date}") };
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    format!("{year}{:02}{day}T{hour}{minute}{second}Z", months.find(month).unwrap() / 3 + 1)
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
        let request = keys.sign("localhost", &now(&bed).await, CALLER);
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
        let sign = |keys: &Keys| keys.sign("h", &date, CALLER);
        let good = sign(&keys);
        let unsigned = good.split("Authorization").next().unwrap().to_owned() + "\r\n" + CALLER;
        for (request, status, code) in [
            (sign(&Keys { id: "ASIANOBODY".to_owned(), ..keys.clone() }), 403, "InvalidClientTokenId"),
            (sign(&Keys { token: other.token.clone(), ..keys.clone() }), 403, "InvalidClientTokenId"),
            (sign(&Keys { secret: other.secret.clone(), ..keys.clone() }), 403, "SignatureDoesNotMatch"),
            (good.replace("Host: h", "Host: g"), 403, "SignatureDoesNotMatch"),
            (good.replace(CALLER, &CALLER.replace("Get", "Set")), 403, "SignatureDoesNotMatch"),
            (good.replace(";x-amz-security-token", ""), 403, "SignatureDoesNotMatch"),
            (keys.sign("h", "20150830T123600Z", CALLER), 403, "SignatureDoesNotMatch"),
            (unsigned, 403, "MissingAuthenticationToken"),
            (good.replace("AWS4-HMAC-SHA256", "Basic"), 400, "IncompleteSignature"),
            (good.replace("POST", "GET"), 400, "InvalidAction"),
            (keys.sign("h", &date, "Action=AssumeRole&Version=2011-06-15"), 400, "InvalidAction"),
            (keys.sign("h", &date, ""), 400, "InvalidAction"),
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
async fn keys_are_good_until_they_expire() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "short-role").await;
        assert_eq!(post(&bed, &keys.sign("h", &now(&bed).await, CALLER)).await.status, 200);
        bed.control("PUT", "/config", json!({"clockOffsetSeconds": 10})).await;
        let reply = post(&bed, &keys.sign("h", &now(&bed).await, CALLER)).await;
        assert_eq!(reply.status, 403);
        assert!(reply.text().contains("<Code>ExpiredToken</Code>"), "{}", reply.text());

        // Keys that are said to have expired have.
        bed.control("PUT", "/faults", json!({"mode": "expired", "count": 1})).await;
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let reply = post(&bed, &keys.sign("h", &now(&bed).await, CALLER)).await;
        assert!(reply.text().contains("<Code>ExpiredToken</Code>"), "{}", reply.text());
    })
    .await;
}

#[tokio::test]
async fn the_log_has_no_secrets() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let request = keys.sign("h", &now(&bed).await, CALLER);
        let signature = request.split("Signature=").nth(1).unwrap()[..64].to_owned();
        assert_eq!(post(&bed, &request).await.status, 200);
        let event = bed.events("request", 3).await.pop().unwrap();
        assert_eq!((&event["service"], &event["action"]), (&json!("sts"), &json!("GetCallerIdentity")));
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
