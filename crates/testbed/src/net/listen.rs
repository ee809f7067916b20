//! The listeners: the credentials endpoint, STS and S3 with and without TLS, the container endpoint, IMDS, SSO, MQTT, and
//! the control port.
//!
//! All on 127.0.0.1, all on ports the system picks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection, server::Acceptor};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{handshake::Notes, tls::Tls};
use crate::{
    aws::{
        container::Container,
        imds::Imds,
        iot::Endpoint,
        judge,
        s3::S3,
        signed::{Api, Signed},
        source::{Source, Unsigned},
        sso::Sso,
        sts::Sts,
    },
    control::Control,
    failure::{During, Failure},
    http::{plan, serve::serve},
    mqtt::door,
    settings::Accept,
    sync::lock,
    world::World,
};

/// A client that has not finished its handshake by then never will.
const HANDSHAKE_LIMIT: Duration = Duration::from_mins(1);

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// The IoT credentials endpoint.
    Iot,
    /// STS over plain HTTP.
    StsHttp,
    /// STS over TLS.
    StsHttps,
    /// S3 over plain HTTP.
    S3Http,
    /// S3 over TLS.
    S3Https,
    /// The container endpoint.
    Container,
    /// IMDS.
    Imds,
    /// SSO, portal and OIDC.
    Sso,
    /// MQTT with a client certificate.
    Mqtt,
    /// MQTT and WebSockets, told apart by ALPN.
    MqttAlpn,
    /// The control port.
    Control,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::StsHttp | Self::StsHttps => "sts",
            Self::S3Http | Self::S3Https => "s3",
            Self::Container => "container",
            Self::Imds => "imds",
            Self::Sso => "sso",
            Self::Mqtt | Self::MqttAlpn => "mqtt",
            Self::Control => "control",
        }
    }
}

/// Starts a listener and returns where it listens.
pub(crate) async fn listen(
    service: Service,
    world: &Arc<World>,
    tls: &Arc<Tls>,
) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.during("listening on 127.0.0.1")?;
    let address = listener.local_addr().during("listening on 127.0.0.1")?;
    let (world, tls) = (Arc::clone(world), Arc::clone(tls));
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((tcp, _)) => {
                    tokio::spawn(connection(service, tcp, Arc::clone(&world), Arc::clone(&tls)));
                }
                // Out of file descriptors: wait for some to be closed.
                Err(_) => time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    Ok(address)
}

async fn connection(service: Service, tcp: TcpStream, world: Arc<World>, tls: Arc<Tls>) {
    // Pieces of an answer are to arrive as they are sent. Without it they only arrive later.
    let _ = tcp.set_nodelay(true);
    if service == Service::Control {
        // Never dropped by itself, and of no interest to the log.
        return serve(tcp, Control::new(Arc::clone(&world))).await;
    }
    let mut connection = world.connect();
    let id = connection.id;
    let work = async {
        match service {
            Service::Iot => endpoint(id, tcp, &world, &tls).await,
            Service::StsHttp => in_the_clear::<Sts>(service, id, tcp, &world).await,
            Service::StsHttps => over_tls::<Sts>(service, id, tcp, &world, &tls).await,
            Service::S3Http => in_the_clear::<S3>(service, id, tcp, &world).await,
            Service::S3Https => over_tls::<S3>(service, id, tcp, &world, &tls).await,
            Service::Container => unsigned::<Container>(service, id, tcp, &world).await,
            Service::Imds => unsigned::<Imds>(service, id, tcp, &world).await,
            Service::Sso => unsigned::<Sso>(service, id, tcp, &world).await,
            Service::Mqtt => Box::pin(door::tls(id, tcp, &world, &tls)).await,
            Service::MqttAlpn => Box::pin(door::alpn(id, tcp, &world, &tls)).await,
            // Served above.
            Service::Control => {}
        }
    };
    connection.unless_dropped(work).await;
}

async fn endpoint(id: u64, tcp: TcpStream, world: &Arc<World>, tls: &Arc<Tls>) {
    match world.settings().accept {
        Accept::Normal => {}
        Accept::RefuseConnection => {
            plan::reset(&tcp);
            return failed(world, Service::Iot, id, None, "refused by the `accept` setting");
        }
        Accept::BlackHole => {
            failed(world, Service::Iot, id, None, "ignored by the `accept` setting");
            std::future::pending::<()>().await;
        }
    }
    let notes = Arc::new(Notes::default());
    let config = tls.endpoint(world, &notes);
    let Some(stream) = handshake(Service::Iot, id, tcp, world, |_| config).await else { return };
    let session = stream.get_ref().1;
    let presented = session.peer_certificates().unwrap_or_default().to_vec();
    let mut fields = describe(id, Service::Iot, session);
    fields["signatureScheme"] = json!(notes.scheme().map(|scheme| format!("{scheme:?}")));
    fields["clientCertificate"] = json!(presented.first().map(|leaf| {
        let name = lock(&world.certificates).name(leaf).map(str::to_owned);
        name.unwrap_or_else(|| judge::subject(leaf))
    }));
    fields["clientKey"] = json!(presented.first().map(judge::key_kind));
    world.log.record("connection", fields);
    let handler = Endpoint::new(Arc::clone(world), Arc::clone(&tls.chain), id, presented);
    serve(stream, handler).await;
}

async fn in_the_clear<A: Api>(service: Service, id: u64, tcp: TcpStream, world: &Arc<World>) {
    world.log.record("connection", json!({"connection": id, "service": service.name()}));
    serve(tcp, Signed::<A>::new(Arc::clone(world), id)).await;
}

async fn unsigned<S: Source>(service: Service, id: u64, tcp: TcpStream, world: &Arc<World>) {
    world.log.record("connection", json!({"connection": id, "service": service.name()}));
    serve(tcp, Unsigned::<S>::new(Arc::clone(world), id)).await;
}

async fn over_tls<A: Api>(service: Service, id: u64, tcp: TcpStream, world: &Arc<World>, tls: &Arc<Tls>) {
    let Some(stream) = handshake(service, id, tcp, world, |_| tls.plain()).await else { return };
    world.log.record("connection", describe(id, service, stream.get_ref().1));
    serve(stream, Signed::<A>::new(Arc::clone(world), id)).await;
}

/// Carries out a handshake, or records why it failed. The configuration may depend on the protocols that the client
/// offers (ALPN).
pub(crate) async fn handshake(
    service: Service,
    id: u64,
    tcp: TcpStream,
    world: &World,
    config: impl FnOnce(Vec<Vec<u8>>) -> Result<Arc<ServerConfig>, rustls::Error>,
) -> Option<TlsStream<TcpStream>> {
    let mut sni = None;
    let work = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
        let hello = start.client_hello();
        sni = hello.server_name().map(str::to_owned);
        let offered = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
        let config = config(offered).map_err(std::io::Error::other)?;
        start.into_stream(config).await
    };
    let error = match time::timeout(HANDSHAKE_LIMIT, work).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the client did not finish the handshake".to_owned(),
    };
    failed(world, service, id, sni.as_deref(), &error);
    None
}

fn failed(world: &World, service: Service, id: u64, sni: Option<&str>, error: &str) {
    let fields = json!({"connection": id, "service": service.name(), "sni": sni, "error": error});
    world.log.record("handshake-failed", fields);
}

pub(crate) fn describe(id: u64, service: Service, session: &ServerConnection) -> Value {
    json!({
        "connection": id,
        "service": service.name(),
        "sni": session.server_name(),
        "tlsVersion": match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "unknown",
        },
        "cipher": session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
        "handshake": match session.handshake_kind() {
            Some(HandshakeKind::Resumed) => "resumed",
            _ => "full",
        },
    })
}
