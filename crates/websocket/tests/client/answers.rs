//! What is asked, and what is made of each answer.

use std::time::Duration;

use refresh_session_core::{BootTime, Code, Error, Secret, Timestamp};
use refresh_session_websocket::{Upgrade, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::support::{Learnt, Plain, accept, request, upgrade};

/// What comes of an answer, made of the accept that the request wants.
async fn answered(
    upgrade: &Upgrade,
    answer: impl FnOnce(&str) -> Vec<u8>,
) -> (Result<WebSocket<Plain<DuplexStream>>, Error>, Learnt, String) {
    let (ours, mut theirs) = duplex(64 * 1024);
    let learnt = Learnt::default();
    let (outcome, asked) = tokio::join!(WebSocket::open(Plain(ours, learnt.clone()), upgrade), async {
        let asked = request(&mut theirs).await;
        theirs.write_all(&answer(&accept(&asked))).await.unwrap();
        drop(theirs);
        asked
    });
    (outcome, learnt, asked)
}

async fn failure(answer: &str) -> Error {
    let full = |accept: &str| answer.replace("{accept}", accept).into_bytes();
    let error = answered(&upgrade(), full).await.0.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(!shown.contains("canary") && !shown.contains("<html"), "{shown}");
    error
}

/// A 101 with these headers.
fn switching(headers: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n")
}

const UPGRADED: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const ACCEPTED: &str = "Sec-WebSocket-Accept: {accept}\r\n";
const MQTT: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

#[tokio::test]
async fn the_request_is_what_the_specification_wants() {
    let headers = vec![("x-amz-customauthorizer-name".into(), Secret::from("gate"))];
    let upgrade = upgrade().with_headers(headers).unwrap();
    let (_, _, asked) = answered(&upgrade, |_| Vec::new()).await;
    let key = asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    assert_eq!(
        asked,
        format!(
            "GET /mqtt?X-Amz-Signature=canary-signature HTTP/1.1\r\nHost: iot.example\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\
             Sec-WebSocket-Key: {key}\r\nx-amz-customauthorizer-name: gate\r\n\r\n"
        )
    );
    assert_eq!(key.len(), 24);
    let shown = format!("{upgrade:?}");
    assert!(shown.contains("customauthorizer-name") && !shown.contains("canary"), "{shown}");
    assert!(!shown.contains("gate\""), "{shown}");
}

#[test]
fn no_header_can_smuggle_another_or_replace_ours() {
    for (name, value) in
        [("Host", "x"), ("connection", "x"), ("a b", "x"), ("", "x"), ("a", "x\r\nb: y"), ("a", "x\0")]
    {
        let error = upgrade().with_headers(vec![(name.into(), value.into())]).unwrap_err();
        assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("customAuthorizer")));
    }
}

#[tokio::test]
async fn bytes_right_behind_the_answer_are_the_first_frame() {
    let answer = |accept: &str| {
        let head = switching(&[UPGRADED, ACCEPTED, MQTT].concat()).replace("{accept}", accept);
        [head.as_bytes(), b"\x82\x02hi"].concat()
    };
    let mut socket = answered(&upgrade(), answer).await.0.unwrap();
    let mut read = Vec::new();
    socket.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"hi");
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let answer =
        ["HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n", &switching(&[UPGRADED, ACCEPTED, MQTT].concat())];
    let full = |accept: &str| answer.concat().replace("{accept}", accept).into_bytes();
    assert!(answered(&upgrade(), full).await.0.is_ok());
}

#[tokio::test]
async fn every_answer_tells_the_time() {
    let date = "date: Thu, 04 Jul 2030 10:00:00 GMT\r\n";
    let at = BootTime::from_duration(Duration::from_secs(3));
    let expected = (Timestamp::parse_rfc3339("2030-07-04T10:00:01Z").unwrap(), at, Duration::from_secs(2));
    for head in [
        switching(&[date, UPGRADED, ACCEPTED, MQTT].concat()),
        format!("HTTP/1.1 403 Forbidden\r\n{date}\r\n"),
    ] {
        let (_, learnt, _) =
            answered(&upgrade(), |accept| head.replace("{accept}", accept).into_bytes()).await;
        assert_eq!(*learnt.lock().unwrap(), [expected]);
    }
}

#[tokio::test]
async fn a_refusal_has_its_code_its_request_and_what_to_look_at() {
    for (status, code, says) in [
        (401, Code::MqttConnectRefused, "`iot:Connect`"),
        (403, Code::MqttConnectRefused, "`iot:Connect`"),
        (302, Code::UnexpectedStatus, "portal"),
        (426, Code::UnexpectedStatus, "a signature that is over"),
        (400, Code::UnexpectedStatus, "/mqtt"),
        (404, Code::UnexpectedStatus, "/mqtt"),
        (200, Code::UnexpectedStatus, "/mqtt"),
        (429, Code::Throttled, "later"),
        (500, Code::ServiceUnavailable, "later"),
        (503, Code::ServiceUnavailable, "later"),
    ] {
        let error = failure(&format!(
            "HTTP/1.1 {status} canary\r\nLocation: http://canary/\r\nx-amzn-RequestId: 4a5-b6\r\nRetry-After: 7\r\n\
             Content-Length: 21\r\n\r\n<html>canary</html>\r\n"
        ))
        .await;
        assert_eq!(
            (error.code(), error.status_code(), error.request_id()),
            (code, Some(status), Some("4a5-b6"))
        );
        // What a person has to change is asked for less often.
        let retryable = !matches!(status, 300..=403);
        assert_eq!((error.retryable(), error.retry_after()), (retryable, Some(Duration::from_secs(7))));
        assert!(error.hint().unwrap().contains(says), "{error:?}");
        assert!(error.message().starts_with("iot.example "), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_to_us_is_refused() {
    let other = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let extended = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    for (answer, says) in [
        (switching(&[UPGRADED, other, MQTT].concat()), "not to this request"),
        (switching(&[UPGRADED, MQTT].concat()), "not to this request"),
        (switching(&[UPGRADED, ACCEPTED, ACCEPTED, MQTT].concat()), "not to this request"),
        (switching(&[UPGRADED, ACCEPTED].concat()), "no Sec-WebSocket-Protocol"),
        (
            switching(&[UPGRADED, ACCEPTED, "Sec-WebSocket-Protocol: wamp\r\n"].concat()),
            "another sub-protocol",
        ),
        (switching(&[UPGRADED, ACCEPTED, MQTT, extended].concat()), "extensions"),
        (
            switching(&["Upgrade: h2c\r\nConnection: Upgrade\r\n", ACCEPTED, MQTT].concat()),
            "another protocol",
        ),
        (switching(&["Upgrade: websocket\r\n", ACCEPTED, MQTT].concat()), "another protocol"),
        (switching(&[UPGRADED, ACCEPTED, MQTT].concat()).replace("1.1", "1.0"), "is no HTTP/1.1"),
        ("SSH-2.0-OpenSSH_9.2\r\n".into(), "is no HTTP/1.1"),
        ("\x16\x03\x01".into(), "is no HTTP/1.1"),
        ("HTTP/1.1 101\nUpgrade: websocket\r\n\r\n".into(), "is no HTTP/1.1"),
        ("HTTP/1.1 403 x\r\nname : x\r\n\r\n".into(), "is no HTTP/1.1"),
        ("HTTP/1.1 403 x\r\na: b\r\n folded\r\n\r\n".into(), "is no HTTP/1.1"),
        (format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(9000)), "more than 8 KiB"),
        ("HTTP/1.1 100 Continue\r\n\r\n".repeat(2000), "more than 8 KiB"),
    ] {
        let error = failure(&answer).await;
        assert_eq!(error.code(), Code::Protocol, "{answer}: {error}");
        assert!(error.message().contains(says), "{answer}: {error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn what_ends_before_the_answer_does_is_the_carriers_to_explain() {
    for answer in ["", "HTTP/1.", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"] {
        let error = failure(answer).await;
        assert_eq!(error.code(), Code::ConnectionLost);
        assert!(error.message().starts_with("plain: UnexpectedEof"), "{error}");
    }
}
