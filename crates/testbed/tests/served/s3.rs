//! S3, with keys fresh from the endpoint.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GOOD, Reply, exchange},
    keys::{Keys, Unsigned, hash, now},
};

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A request to S3, signed; `payload` is what it declares.
fn sign(keys: &Keys, date: &str, line: (&str, &str), body: &str, payload: &str) -> String {
    let (method, target) = line;
    let headers = &[("x-amz-content-sha256", payload)];
    keys.sign(&Unsigned { service: "s3", method, target, host: "h", headers, body }, date)
}

async fn connect(bed: &Bed) -> TcpStream {
    let address = bed.ready["s3"]["http"].as_str().unwrap().strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

async fn send(bed: &Bed, request: &str) -> Reply {
    exchange(&mut connect(bed).await, request).await.unwrap()
}

fn is_error(reply: &Reply, status: u16, code: &str) {
    let text = reply.text();
    assert_eq!(reply.status, status, "{code}: {text}");
    assert!(text.contains(&format!("<Error><Code>{code}</Code><Message>")), "{code}: {text}");
    assert!(text.contains("<RequestId>") && reply.header("x-amz-request-id").is_some());
}

#[tokio::test]
async fn keeps_objects_over_http_and_tls() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let date = now(&bed).await;
        let ask = |line, body: &str| sign(&keys, &date, line, body, &hash(body));

        let address = bed.ready["s3"]["https"].as_str().unwrap().strip_prefix("https://").unwrap();
        let tcp = TcpStream::connect(address.replace("localhost", "127.0.0.1")).await.unwrap();
        let config = Client { device: None, ..GOOD }.config(&bed);
        let mut tls = TlsConnector::from(config).connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        let listed = exchange(&mut tls, &ask(("GET", "/"), "")).await.unwrap();
        assert_eq!((listed.status, listed.header("content-type")), (200, Some("application/xml")));
        let bucket = bed.ready["s3"]["bucket"].as_str().unwrap();
        assert!(listed.text().contains(&format!("<Name>{bucket}</Name>")), "{}", listed.text());

        assert_eq!(send(&bed, &ask(("PUT", "/mine"), "")).await.status, 200);
        let put = send(&bed, &ask(("PUT", "/mine/a%20key"), "hello")).await;
        let got = send(&bed, &ask(("GET", "/mine/a%20key"), "")).await;
        assert_eq!((put.status, got.status, got.text().as_str()), (200, 200, "hello"));
        assert_eq!(put.header("etag"), got.header("etag"));
        let loose = send(&bed, &sign(&keys, &date, ("PUT", "/mine/loose"), "x", UNSIGNED)).await;
        assert_eq!(loose.status, 200, "{}", loose.text());

        // An answer to HEAD has a length and no body: the next one begins right after it.
        let mut stream = connect(&bed).await;
        let head = ask(("HEAD", "/mine/a%20key"), "") + &ask(("DELETE", "/mine/a%20key"), "");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = vec![0; 2048];
        let mut length = 0;
        while String::from_utf8_lossy(&bytes[..length]).matches("\r\n\r\n").count() < 2 {
            length += stream.read(&mut bytes[length..]).await.unwrap();
        }
        let text = String::from_utf8_lossy(&bytes[..length]);
        let (first, second) = text.split_once("\r\n\r\n").unwrap();
        assert!(first.starts_with("HTTP/1.1 200 ") && first.contains("Content-Length: 5"), "{first}");
        assert!(second.starts_with("HTTP/1.1 204 "), "{second}");
        is_error(&send(&bed, &ask(("GET", "/mine/a%20key"), "")).await, 404, "NoSuchKey");
        assert_eq!(bed.events("connection", 8).await.last().unwrap()["service"], "s3");
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
        let list = |keys: &Keys, date: &str| sign(keys, date, ("GET", "/"), "", &hash(""));
        let ask = |method: &str, target: &str| sign(&keys, &date, (method, target), "", &hash(""));
        let good = list(&keys, &date);
        let unsigned = good.split("Authorization").next().unwrap().to_owned() + "\r\n";
        for (request, status, code) in [
            (list(&Keys { id: "ASIANOBODY".to_owned(), ..keys.clone() }, &date), 403, "InvalidAccessKeyId"),
            (list(&Keys { token: other.token.clone(), ..keys.clone() }, &date), 400, "InvalidToken"),
            (
                list(&Keys { secret: other.secret.clone(), ..keys.clone() }, &date),
                403,
                "SignatureDoesNotMatch",
            ),
            (good.replace("host: h", "host: g"), 403, "SignatureDoesNotMatch"),
            (good.replace("/s3/", "/sts/"), 403, "SignatureDoesNotMatch"),
            (list(&keys, "20150830T123600Z"), 403, "RequestTimeTooSkewed"),
            (sign(&keys, &date, ("PUT", "/testbed/a"), "x", &hash("y")), 400, "XAmzContentSHA256Mismatch"),
            (good.replace("x-amz-content-sha256: ", "x-other: "), 400, "AuthorizationHeaderMalformed"),
            (good.replace("AWS4-HMAC-SHA256", "Basic"), 400, "AuthorizationHeaderMalformed"),
            (unsigned, 403, "AccessDenied"),
            (ask("POST", "/testbed/a"), 405, "MethodNotAllowed"),
            (ask("GET", "/none/a"), 404, "NoSuchBucket"),
            (ask("GET", "/testbed/none"), 404, "NoSuchKey"),
        ] {
            is_error(&send(&bed, &request).await, status, code);
        }
        assert_eq!(send(&bed, &good).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_waits_before_it_sends_the_body_is_told_to_go_on() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let request = sign(&keys, &now(&bed).await, ("PUT", "/testbed/a"), "body", &hash("body"));
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut stream = connect(&bed).await;
        stream.write_all(format!("{head}\r\nExpect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(exchange(&mut stream, body).await.unwrap().status, 200);
        let request = bed.events("request", 3).await.pop().unwrap();
        assert_eq!((&request["action"], &request["number"]), (&json!("PutObject"), &json!(1)));
    })
    .await;
}

#[tokio::test]
async fn the_log_says_whose_keys_were_used_and_what_came_of_it() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let good = sign(&keys, &now(&bed).await, ("GET", "/"), "", &hash(""));
        bed.control("DELETE", "/log", json!({})).await;
        let mut stream = connect(&bed).await;
        exchange(&mut stream, &good).await.unwrap();
        exchange(&mut stream, &good.replace("GET /", "GET /none/a")).await.unwrap();
        let events = bed.control("GET", "/log?event=request&service=s3", Value::Null).await;
        let shown: Vec<_> = events
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                let field = |name: &str| event[name].clone();
                ["number", "action", "accessKeyId", "status", "error", "fault"].map(field)
            })
            .collect();
        let id = json!(keys.id);
        assert_eq!(
            shown,
            [
                [json!(1), json!("ListBuckets"), id.clone(), json!(200), json!(null), json!(null)],
                [json!(2), json!("GetObject"), id, json!(403), json!("SignatureDoesNotMatch"), json!(null)],
            ]
        );
        assert_eq!(events[0]["connection"], events[1]["connection"]);
        assert_eq!(bed.control("GET", "/log?service=sts", Value::Null).await, json!([]));
    })
    .await;
}
