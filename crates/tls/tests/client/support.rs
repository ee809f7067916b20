//! A server that answers every request alike, and a clock.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::{BootTime, Clock, Timestamp};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Boot time as set; the wall clock is that of 1970 unless set.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    pub(crate) boot: Mutex<Duration>,
    pub(crate) wall: Mutex<i64>,
}

impl Clock for TestClock {
    fn boot(&self) -> BootTime {
        BootTime::from_duration(*self.boot.lock().unwrap())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(*self.wall.lock().unwrap())
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Server {
    /// Answers `reply` to everything; over TLS if it has an identity.
    pub(crate) async fn start(
        identity: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>,
        reply: &'static str,
    ) -> Self {
        let acceptor = identity.map(acceptor);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<_>>::default();
        let logged = log.clone();
        tokio::spawn(async move {
            for connection in 1.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, log) = (acceptor.clone(), logged.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => answer(stream, reply, connection, &log).await,
                        // A client that does not like us hangs up.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                answer(stream, reply, connection, &log).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, log }
    }

    /// What was asked, each with the number of the connection it came over.
    pub(crate) fn asked(&self) -> Vec<(usize, String)> {
        self.log.lock().unwrap().clone()
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    reply: &str,
    connection: usize,
    log: &Mutex<Vec<(usize, String)>>,
) {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| body.len() < length.parse().unwrap()) {
            continue;
        }
        log.lock().unwrap().push((connection, text));
        stream.write_all(reply.as_bytes()).await.unwrap();
        request.clear();
    }
}

fn acceptor(identity: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(refresh_session_tls::provider::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
