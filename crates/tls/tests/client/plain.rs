//! Without TLS: endpoints on this machine or the link beside it.

use std::sync::Arc;

use bytes::Bytes;
use refresh_session_core::Code;
use refresh_session_tls::{HttpClient, HttpRequest, Proxy, Target};

use crate::support::{Server, TestClock};

const REPLY: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";

fn client(target: Target) -> HttpClient {
    HttpClient::plain(target, None, Arc::<TestClock>::default())
}

#[tokio::test]
async fn a_request_has_its_method_headers_and_body() {
    let server = Server::start(None, REPLY).await;
    let port = server.address.port();
    let client = client(Target::new("127.0.0.1".into(), port, None).unwrap());
    let headers = [(http::header::AUTHORIZATION, "signed".parse().unwrap())].into_iter().collect();
    let request = HttpRequest::post("/path?query", Bytes::from_static(b"a=1&b=2")).with_headers(headers);
    let reply = client.send(&request).await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (403, b"no".as_slice()));
    assert_eq!((reply.connection.tls_version, reply.connection.certificate_sent), (None, false));
    let expected = format!(
        "POST /path?query HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: signed\r\ncontent-length: 7\r\n\r\na=1&b=2"
    );
    assert_eq!(server.asked(), [(1, expected)]);
}

#[tokio::test]
async fn only_admitted_addresses_are_connected_to_and_no_proxy_is_asked() {
    let server = Server::start(None, REPLY).await;
    let target = || Target::new("localhost".into(), server.address.port(), None).unwrap();
    let dead_proxy = || Some(Proxy::parse("http://127.0.0.1:1").unwrap());
    let open = client(target().admitting(|address| address.is_loopback())).through(dead_proxy());
    assert_eq!(open.send(&HttpRequest::get("/")).await.unwrap().status, 403);

    let closed = client(target().admitting(|address| address.is_multicast())).through(dead_proxy());
    let error = closed.send(&HttpRequest::get("/")).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), (Code::AddressNotAllowed, false));
    assert!(error.message().contains("localhost") && error.message().contains("127.0.0.1"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_does_not_blame_a_certificate() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok(accepted) = listener.accept().await {
            drop(accepted);
        }
    });
    let client = client(Target::new("127.0.0.1".into(), port, None).unwrap());
    let error = client.send(&HttpRequest::get("/")).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectionLost);
    assert!(!error.hint().unwrap().contains("certificate"), "{error:?}");
}
