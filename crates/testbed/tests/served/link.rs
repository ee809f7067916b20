//! The bad link and the proxy do what their tables say.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::bed::{Bed, bounded};

/// Silence that lasts as long is silence.
const A_WHILE: Duration = Duration::from_millis(300);

async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address.replace("localhost", "127.0.0.1")).await.unwrap()
}

async fn link(bed: &Bed, fault: Value) -> TcpStream {
    bed.control("PUT", "/link", fault).await;
    connect(bed.ready["link"]["endpoint"].as_str().unwrap()).await
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(A_WHILE, stream.read_u8()).await.is_err()
}

/// What the proxy answers to a `CONNECT` to the endpoint.
async fn proxy(bed: &Bed, fault: Value, headers: &str) -> (String, TcpStream) {
    bed.control("PUT", "/proxy", fault).await;
    let mut stream = connect(bed.ready["proxy"]["address"].as_str().unwrap()).await;
    let target = format!("anything.invalid:{}", bed.port());
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while let Ok(Ok(byte)) = timeout(A_WHILE, stream.read_u8()).await {
        answer.push(byte);
    }
    (String::from_utf8_lossy(&answer).into_owned(), stream)
}

#[tokio::test]
async fn a_link_ends_where_it_was_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        let address = bed.ready["link"]["endpoint"].as_str().unwrap().replace("localhost", "127.0.0.1");
        let mut closed = link(&bed, json!({"mode": "close"})).await;
        assert_eq!(closed.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(is_silent(&mut link(&bed, json!({"mode": "half-open"})).await).await);

        let faults =
            [json!({"mode": "reset"}), json!({"mode": "reset-after", "bytes": 3, "toward": "server"})];
        for fault in faults {
            bed.control("PUT", "/link", fault).await;
            // The news may come with the connection, the write or the read, and comes once.
            let met = async {
                let mut reset = TcpStream::connect(&address).await?;
                reset.write_all(b"\x16\x03\x01\x00").await?;
                reset.read_u8().await
            };
            assert_eq!(met.await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        let mut stalled = link(&bed, json!({"mode": "stall-after", "bytes": 3, "toward": "server"})).await;
        stalled.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(is_silent(&mut stalled).await);

        // Not TLS: the endpoint says so in an alert.
        let mut slow = link(&bed, json!({"mode": "latency", "ms": 50})).await;
        let begun = Instant::now();
        slow.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(slow.read_u8().await.unwrap(), 21);
        assert!(begun.elapsed() >= Duration::from_millis(100));
        assert_eq!(bed.events("link", 6).await[0]["fault"], json!({"mode": "close"}));
    })
    .await;
}

#[tokio::test]
async fn a_black_hole_answers_nobody() {
    let bed = Bed::start(&[]);
    bounded(async {
        let address = bed.ready["link"]["blackHole"].as_str().unwrap();
        for _ in 0..3 {
            assert!(timeout(A_WHILE, TcpStream::connect(address)).await.is_err());
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusing_address_is_refused_to_everybody() {
    let bed = Bed::start(&[]);
    bounded(async {
        let address = bed.ready["link"]["refusing"].as_str().unwrap();
        for _ in 0..3 {
            let refused = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
        let taken = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    })
    .await;
}

#[tokio::test]
async fn a_proxy_answers_as_it_was_told_to() {
    const OPEN: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
    let bed = Bed::start(&[]);
    bounded(async {
        let (answer, mut tunnel) = proxy(&bed, json!({"mode": "none"}), "").await;
        assert_eq!(answer, OPEN);
        tunnel.write_all(b"not TLS").await.unwrap();
        assert_eq!(tunnel.read_u8().await.unwrap(), 21, "the endpoint is at the other end");

        for (fault, begins) in [
            (json!({"mode": "status", "code": 403, "reason": "No"}), "HTTP/1.1 403 No\r\n"),
            (json!({"mode": "garbage"}), "SSH-2.0"),
            (json!({"mode": "cut-head"}), "HTTP/1.1 200 Connec"),
            (json!({"mode": "huge-head", "bytes": 9000}), "HTTP/1.1 200 OK\r\nX-Padding: xxx"),
            (json!({"mode": "early-bytes"}), "HTTP/1.1 200 Connection established\r\n\r\ntoo early"),
            (json!({"mode": "dead-tunnel"}), OPEN),
            (json!({"mode": "slow", "ms": 1}), OPEN),
        ] {
            let (answer, _) = proxy(&bed, fault.clone(), "").await;
            assert!(answer.starts_with(begins), "{fault}: {answer}");
        }
        for fault in [json!({"mode": "silence"}), json!({"mode": "close"})] {
            assert_eq!(proxy(&bed, fault, "").await.0, "");
        }
    })
    .await;
}

#[tokio::test]
async fn a_proxy_lets_its_user_pass_and_writes_no_password_down() {
    let bed = Bed::start(&[]);
    bounded(async {
        bed.control("PUT", "/config", json!({"proxyAuth": true})).await;
        let good = "Proxy-Authorization: Basic Z2F0ZXdheTpjYW5hcnktcGFzc3BocmFzZS1wOkAvJSA5\r\n";
        for (headers, status) in [("", "407"), ("Proxy-Authorization: Basic eDp5\r\n", "407"), (good, "200")]
        {
            let (answer, _) = proxy(&bed, json!({"mode": "none"}), headers).await;
            assert_eq!(answer.split(' ').nth(1), Some(status), "{headers}: {answer}");
        }
        let events = bed.events("proxy", 3).await;
        let authorizations: Vec<_> = events.iter().map(|event| event["authorization"].clone()).collect();
        assert_eq!(authorizations, [json!("none"), json!("bad"), json!("good")]);
        assert!(!json!(events).to_string().contains("Basic"));
    })
    .await;
}
