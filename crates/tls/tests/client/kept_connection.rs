//! When a kept connection is used again.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Calendar, Clock};
use refresh_session_tls::identity::certificate_chain;
use refresh_session_tls::{ClientIdentity, HttpClient, HttpRequest, Material, Target, TlsConfig, Trust};

use crate::support::{Server, TestClock};

const REPLY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_idle_connection_is_used_again_for_half_a_minute() {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let server = Server::start(Some(&identity), REPLY).await;

    let clock = Arc::<TestClock>::default();
    let client = client(&identity.cert.pem(), &server, clock.clone());
    let mut opened = Vec::new();
    for idle in [0, 29, 29, 31, 1] {
        *clock.boot.lock().unwrap() += Duration::from_secs(idle);
        let reply = client.send(&HttpRequest::get("/")).await.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"ok".as_slice()));
        opened.push((reply.connection.kept, server.asked().last().unwrap().0));
    }
    assert_eq!(opened, [(false, 1), (true, 1), (true, 1), (false, 2), (true, 2)]);
}

#[tokio::test]
async fn what_must_not_be_sent_twice_goes_over_a_new_connection() {
    let server = Server::start(None, REPLY).await;
    let target = Target::new("127.0.0.1".into(), server.address.port(), None).unwrap();
    let client = HttpClient::plain(target, None, Arc::<TestClock>::default());
    for once in [false, false, true, false] {
        client.send(&HttpRequest { once, ..HttpRequest::get("/") }).await.unwrap();
    }
    let connections: Vec<_> = server.asked().iter().map(|(connection, _)| *connection).collect();
    assert_eq!(connections, [1, 1, 2, 2]);
}

fn client(server_pem: &str, server: &Server, clock: Arc<dyn Clock>) -> HttpClient {
    let device = rcgen::generate_simple_self_signed(["device".to_owned()]).unwrap();
    let chain = certificate_chain(&Material::from_text(device.cert.pem())).unwrap();
    let key = Material::from_text(device.signing_key.serialize_pem());
    let identity = ClientIdentity::from_key(&chain, &key, None).unwrap();
    let trust = Trust::bundle(&Material::from_text(server_pem.to_owned())).unwrap();
    let tls = TlsConfig::new(Some(&identity), &trust, true, &Calendar::new(), clock.clone()).unwrap();
    let target = Target::new("127.0.0.1".into(), server.address.port(), Some("localhost".into())).unwrap();
    HttpClient::new(target, tls, None, clock)
}
