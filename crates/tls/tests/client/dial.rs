//! Streams for protocols other than HTTP, and what their failures mean.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Basis, BootTime, Calendar, Code, Error, Timestamp};
use refresh_session_tls::identity::certificate_chain;
use refresh_session_tls::provider::provider;
use refresh_session_tls::{
    Carrier as _, ClientIdentity, Dialer, Material, Proxy, Target, TlsConfig, TlsStream, Trust,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server;

use crate::support::TestClock;

type Certified = rcgen::CertifiedKey<rcgen::KeyPair>;
type Accepted = server::TlsStream<TcpStream>;

/// A server for one connection after another; the test has it do what it likes.
struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    pem: String,
}

/// Whose certificates a server takes.
enum Takes<'a> {
    /// It asks for none.
    Nothing,
    Those(&'a Certified),
}

impl Server {
    async fn start(
        takes: Takes<'_>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
        let builder = match takes {
            Takes::Nothing => builder.with_no_client_auth(),
            Takes::Those(device) => {
                let mut roots = RootCertStore::empty();
                roots.add(device.cert.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![identity.cert.der().clone()];
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), pem: identity.cert.pem() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    async fn accept(&self) -> io::Result<Accepted> {
        let (stream, _) = self.listener.accept().await?;
        self.acceptor.accept(stream).await
    }

    fn tls(&self, device: Option<&Certified>, calendar: &Calendar) -> TlsConfig {
        let identity = device.map(|device| {
            let chain = certificate_chain(&Material::from_text(device.cert.pem())).unwrap();
            let key = Material::from_text(device.signing_key.serialize_pem());
            ClientIdentity::from_key(&chain, &key, None).unwrap()
        });
        let trust = Trust::bundle(&Material::from_text(self.pem.clone())).unwrap();
        TlsConfig::new(identity.as_ref(), &trust, true, calendar, Arc::<TestClock>::default()).unwrap()
    }

    fn dialer(&self, tls: TlsConfig) -> Dialer {
        let target =
            Target::new("127.0.0.1".into(), self.address().port(), Some("localhost".into())).unwrap();
        Dialer::new(target, tls, None, Arc::<TestClock>::default())
    }

    /// Both ends of one connection.
    async fn connected(&self, dialer: &Dialer) -> (Result<TlsStream, Error>, io::Result<Accepted>) {
        tokio::join!(dialer.dial(), self.accept())
    }
}

fn device() -> Certified {
    rcgen::generate_simple_self_signed(["device".to_owned()]).unwrap()
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

#[tokio::test]
async fn bytes_go_both_ways_and_the_facts_are_told() {
    let device = device();
    for (version, name) in [(&version::TLS13, "TLSv1.3"), (&version::TLS12, "TLSv1.2")] {
        let server = Server::start(Takes::Those(&device), &[version], &["x-amzn-mqtt-ca"]).await;
        let tls = server.tls(Some(&device), &Calendar::new()).with_alpn(&["x-amzn-mqtt-ca"]);
        let dialer = server.dialer(tls).requiring_alpn(true);
        let (ours, theirs) = server.connected(&dialer).await;
        let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
        ours.write_all(b"ping").await.unwrap();
        ours.flush().await.unwrap();
        assert_eq!(theirs.read_u32().await.unwrap().to_be_bytes(), *b"ping");
        theirs.write_all(b"pong").await.unwrap();
        assert_eq!(ours.read_u32().await.unwrap().to_be_bytes(), *b"pong");
        let facts = ours.facts();
        assert_eq!((facts.tls_version, facts.certificate_sent, facts.resumed), (name, true, false));
        assert_eq!(facts.alpn.as_deref(), Some("x-amzn-mqtt-ca"));
        assert_eq!(facts.address, Some(server.address()));
        ours.shutdown().await.unwrap();
        assert_eq!(theirs.read(&mut [0; 9]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn tickets_of_one_protocol_are_not_shown_for_another() {
    let server = Server::start(Takes::Nothing, BOTH, &[]).await;
    let plain = server.tls(None, &Calendar::new());
    let named = plain.with_alpn(&["mqtt"]);
    let (plain, named) = (server.dialer(plain), server.dialer(named));
    let mut resumed = Vec::new();
    for dialer in [&plain, &plain, &named, &named] {
        let (ours, theirs) = server.connected(dialer).await;
        let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
        // The ticket comes with the first bytes.
        theirs.write_all(b"x").await.unwrap();
        ours.read_u8().await.unwrap();
        resumed.push(ours.facts().resumed);
    }
    assert_eq!(resumed, [false, true, false, true]);
}

#[tokio::test]
async fn a_server_that_takes_no_protocol_by_name_is_named() {
    let ignorant = Server::start(Takes::Nothing, BOTH, &[]).await;
    let tls = || ignorant.tls(None, &Calendar::new()).with_alpn(&["x-amzn-mqtt-ca", "mqtt"]);
    let lenient = ignorant.connected(&ignorant.dialer(tls())).await.0.unwrap();
    assert_eq!(lenient.facts().alpn, None);
    let strict = ignorant.dialer(tls()).requiring_alpn(true);
    let by_silence = ignorant.connected(&strict).await.0.unwrap_err();

    let other = Server::start(Takes::Nothing, BOTH, &["http/1.1"]).await;
    let tls = other.tls(None, &Calendar::new()).with_alpn(&["x-amzn-mqtt-ca", "mqtt"]);
    let by_alert = other.connected(&other.dialer(tls)).await.0.unwrap_err();
    for error in [by_silence, by_alert] {
        assert_eq!((error.code(), error.retryable()), (Code::Alpn, false));
        assert!(error.message().ends_with("(ALPN): x-amzn-mqtt-ca, mqtt"), "{error}");
        assert!(error.hint().unwrap().contains("8883"));
    }
}

#[tokio::test]
async fn a_refused_certificate_shows_in_the_handshake_or_at_the_first_read() {
    let (device, stranger) = (device(), device());
    let server = Server::start(Takes::Those(&stranger), &[&version::TLS12], &[]).await;
    let dialer = server.dialer(server.tls(Some(&device), &Calendar::new()));
    let early = server.connected(&dialer).await.0.unwrap_err();

    let server = Server::start(Takes::Those(&stranger), &[&version::TLS13], &[]).await;
    let dialer = server.dialer(server.tls(Some(&device), &Calendar::new()));
    let mut stream = server.connected(&dialer).await.0.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    let late = stream.explain(&error);

    for error in [early, late] {
        assert_eq!((error.code(), error.retryable()), (Code::CertificateRefused, false), "{error}");
        assert!(error.message().contains("refused the device certificate: TLS alert"), "{error}");
        assert!(error.hint().unwrap().contains("registered and ACTIVE"));
    }
}

#[tokio::test]
async fn a_refused_certificate_shows_to_who_only_writes_too() {
    let (device, stranger) = (device(), device());
    let server = Server::start(Takes::Those(&stranger), &[&version::TLS13], &[]).await;
    let dialer = server.dialer(server.tls(Some(&device), &Calendar::new()));
    let (ours, theirs) = server.connected(&dialer).await;
    // It has said why, and closed.
    assert!(theirs.is_err());
    let mut ours = ours.unwrap();
    let error = loop {
        if let Err(error) = ours.write_all(b"CONNECT").await {
            break error;
        }
    };
    let error = ours.explain(&error);
    assert_eq!(error.code(), Code::CertificateRefused);
    assert!(error.message().contains("TLS alert"), "{error}");
}

#[tokio::test]
async fn who_hangs_up_where_the_certificate_is_judged_has_refused_it() {
    let device = device();
    let server = Server::start(Takes::Those(&device), &[&version::TLS13], &[]).await;
    let dialer = server.dialer(server.tls(Some(&device), &Calendar::new()));
    // Without a word, not even of TLS.
    let (ours, theirs) = server.connected(&dialer).await;
    let mut ours = ours.unwrap();
    drop(theirs.unwrap().into_inner());
    let error = ours.read_u8().await.unwrap_err();
    let refused = ours.explain(&error);
    assert_eq!((refused.code(), refused.retryable()), (Code::CertificateRefused, true), "{refused}");
    assert!(refused.message().contains("closed the connection right after"), "{refused}");

    // What it has sent is proof that it has let us in.
    let (ours, theirs) = server.connected(&dialer).await;
    let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
    theirs.write_all(b"x").await.unwrap();
    theirs.flush().await.unwrap();
    ours.read_u8().await.unwrap();
    drop(theirs.into_inner());
    let error = ours.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(ours.explain(&error).code(), Code::ConnectionLost);

    // Who has shown none has none refused.
    let server = Server::start(Takes::Nothing, BOTH, &[]).await;
    let (ours, theirs) = server.connected(&server.dialer(server.tls(None, &Calendar::new()))).await;
    let mut ours = ours.unwrap();
    drop(theirs.unwrap().into_inner());
    let error = ours.read_u8().await.unwrap_err();
    let lost = ours.explain(&error);
    assert_eq!(lost.code(), Code::ConnectionLost);
    assert!(!lost.hint().unwrap().contains("certificate"), "{lost:?}");
}

#[tokio::test]
async fn a_reset_is_a_lost_connection() {
    let server = Server::start(Takes::Nothing, BOTH, &[]).await;
    let (ours, theirs) = server.connected(&server.dialer(server.tls(None, &Calendar::new()))).await;
    let (mut ours, theirs) = (ours.unwrap(), theirs.unwrap().into_inner().0);
    theirs.set_zero_linger().unwrap();
    drop(theirs);
    let error = ours.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = ours.explain(&error);
    assert_eq!((error.code(), error.retryable()), (Code::ConnectionLost, true));
    assert!(error.message().starts_with(&format!("the connection to {} broke", server.address())), "{error}");
}

#[tokio::test]
async fn who_is_cut_off_says_in_which_phase() {
    let server = Server::start(Takes::Nothing, BOTH, &[]).await;
    let dialer = server.dialer(server.tls(None, &Calendar::new()));
    let limit = Duration::from_millis(700);
    let cut = tokio::select! {
        _ = dialer.dial() => panic!("nobody shakes hands"),
        // The first byte of the handshake is here, and no answer to it.
        stream = async {
            let mut stream = server.listener.accept().await.unwrap().0;
            stream.read_u8().await.unwrap();
            stream
        } => (dialer.timed_out(limit), stream).0,
    };
    assert_eq!((cut.code(), cut.retryable()), (Code::ConnectTimeout, true));
    assert!(cut.message().ends_with("not done within 700 ms; it was in the TLS handshake"), "{cut}");

    let up = server.connected(&dialer).await;
    assert!(up.0.is_ok());
    let cut = dialer.timed_out(limit);
    assert!(cut.message().ends_with("it was waiting for the reply"), "{cut}");
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel() {
    let server = Server::start(Takes::Nothing, BOTH, &[]).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let to = server.address();
    let tunnel = tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut server = TcpStream::connect(to).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        String::from_utf8(head).unwrap()
    });
    let dialer = server.dialer(server.tls(None, &Calendar::new()));
    let dialer = dialer.through(Some(Proxy::parse(&format!("http://{address}")).unwrap()));
    let (ours, theirs) = server.connected(&dialer).await;
    let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
    assert_eq!(ours.facts().address, Some(address));
    theirs.write_all(b"x").await.unwrap();
    ours.read_u8().await.unwrap();
    let error = ours.explain(&io::ErrorKind::UnexpectedEof.into());
    assert!(error.message().contains(&format!("{to} through the proxy {address}")), "{error}");
    drop((ours, theirs));
    assert!(tunnel.await.unwrap().starts_with(&format!("CONNECT {to} HTTP/1.1\r\n")));
}

#[tokio::test]
async fn the_time_is_learnt_from_who_can_vouch_for_it() {
    let server = Server::start(Takes::Nothing, BOTH, &[]).await;
    let calendar = Calendar::new();
    let ours = server.connected(&server.dialer(server.tls(None, &calendar))).await.0.unwrap();
    let tell = |date: &str| {
        ours.learn(Timestamp::parse_rfc3339(date).unwrap(), BootTime::default(), Duration::ZERO);
        calendar.reading(&TestClock::default()).basis
    };
    // rcgen's certificates end in 4096.
    assert_eq!(tell("4999-07-04T10:00:00Z"), Basis::Floor);
    assert_eq!(tell("2031-07-04T10:00:00Z"), Basis::Server);
}
