//! When a kept connection is used again: against a real TLS server, under a clock that the test owns.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::{BootTime, Clock, Timestamp};
use refresh_session_tls::identity::certificate_chain;
use refresh_session_tls::{ClientIdentity, HttpClient, HttpRequest, Material, Target, TlsConfig, Trust};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[derive(Debug, Default)]
struct TestClock(Mutex<Duration>);

impl Clock for TestClock {
    fn boot(&self) -> BootTime {
        BootTime::from_duration(*self.0.lock().unwrap())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}

#[tokio::test]
async fn an_idle_connection_is_used_again_for_half_a_minute() {
    let connections = Arc::<AtomicU32>::default();
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let address = serve(&server, connections.clone()).await;

    let clock = Arc::<TestClock>::default();
    let client = client(&server.cert.pem(), address, clock.clone());
    let mut opened = Vec::new();
    for idle in [0, 29, 29, 31, 1] {
        *clock.0.lock().unwrap() += Duration::from_secs(idle);
        let reply = client.send(&HttpRequest { path: "/".into(), headers: Vec::new() }).await.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"ok".as_slice()));
        opened.push((reply.connection.kept, connections.load(Ordering::SeqCst)));
    }
    assert_eq!(opened, [(false, 1), (true, 1), (true, 1), (false, 2), (true, 2)]);
}

fn client(server_pem: &str, address: SocketAddr, clock: Arc<dyn Clock>) -> HttpClient {
    let device = rcgen::generate_simple_self_signed(["device".to_owned()]).unwrap();
    let chain = certificate_chain(&Material::from_text(device.cert.pem())).unwrap();
    let key = Material::from_text(device.signing_key.serialize_pem());
    let identity = ClientIdentity::from_key(&chain, &key, None).unwrap();
    let trust = Trust::bundle(&Material::from_text(server_pem.to_owned())).unwrap();
    let tls = TlsConfig::new(&identity, &trust, true).unwrap();
    let target = Target::new("127.0.0.1".into(), address.port(), Some("localhost".into())).unwrap();
    HttpClient::new(target, tls, None, clock)
}

/// Answers every request on every connection, and counts the connections.
async fn serve(identity: &rcgen::CertifiedKey<rcgen::KeyPair>, connections: Arc<AtomicU32>) -> SocketAddr {
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(refresh_session_tls::provider::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                let mut request = Vec::new();
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    if request.ends_with(b"\r\n\r\n") {
                        stream.write_all(REPLY).await.unwrap();
                        request.clear();
                    }
                }
            });
        }
    });
    address
}
