//! The two ports: who gets in, by TLS and ALPN. The address of a port is in the ready line under `mqtt`.
//!
//! | Port   | ALPN              | Leads to                                             |
//! |--------|-------------------|------------------------------------------------------|
//! | `tls`  | any or none       | MQTT with a client certificate                       |
//! | `alpn` | `x-amzn-mqtt-ca`  | the same                                             |
//! | `alpn` | `mqtt`            | MQTT with a custom authorizer ([`super::authorizer`]) |
//! | `alpn` | none, `http/1.1`  | HTTPS: a WebSocket at `/mqtt` ([`super::upgrade`])   |
//! | `alpn` | any other         | an alert, `no_application_protocol`                  |

use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::{
    authorizer::Claim,
    connection::{Framing, serve},
    origin::{Origin, Proof},
    upgrade,
};
use crate::{
    aws::judge,
    net::{
        handshake::Notes,
        listen::{Service, describe, handshake},
        tls::Tls,
    },
    sync::lock,
    world::World,
};

const WITH_CERTIFICATE: &[u8] = b"x-amzn-mqtt-ca";
const WITH_AUTHORIZER: &[u8] = b"mqtt";
const HTTP: &[u8] = b"http/1.1";

/// Serves a connection to the port `tls`.
pub(crate) async fn tls(connection: u64, tcp: TcpStream, world: &Arc<World>, tls: &Arc<Tls>) {
    let notes = Arc::new(Notes::default());
    let config = tls.endpoint(world, &notes);
    let Some(stream) = handshake(Service::Mqtt, connection, tcp, world, |_| config).await else { return };
    with_certificate("tls", connection, stream, &notes, world, tls).await;
}

/// Serves a connection to the port `alpn`.
pub(crate) async fn alpn(connection: u64, tcp: TcpStream, world: &Arc<World>, tls: &Arc<Tls>) {
    let notes = Arc::new(Notes::default());
    let config = |offered: Vec<Vec<u8>>| {
        let config = if offered.iter().any(|it| it == WITH_CERTIFICATE) {
            tls.endpoint(world, &notes)?
        } else {
            tls.without_certificate(world)?
        };
        // Whatever the client offers beside these is refused by rustls.
        let mut config = ServerConfig::clone(&config);
        config.alpn_protocols = [WITH_CERTIFICATE, WITH_AUTHORIZER, HTTP].map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    };
    let Some(stream) = handshake(Service::MqttAlpn, connection, tcp, world, config).await else { return };
    match stream.get_ref().1.alpn_protocol() {
        Some(WITH_CERTIFICATE) => with_certificate("alpn", connection, stream, &notes, world, tls).await,
        Some(WITH_AUTHORIZER) => {
            let origin =
                origin("alpn", connection, &stream, Proof::Claim(Claim::default()), world, None, None);
            serve(stream, Framing::Plain, Vec::new(), origin, Arc::clone(world)).await;
        }
        _ => {
            let origin = origin("alpn", connection, &stream, Proof::Signature, world, None, None);
            upgrade::serve(stream, origin, world).await;
        }
    }
}

async fn with_certificate(
    port: &'static str,
    connection: u64,
    stream: TlsStream<TcpStream>,
    notes: &Notes,
    world: &Arc<World>,
    tls: &Arc<Tls>,
) {
    let presented = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    let certificate = presented.first().map(|leaf| {
        let name = lock(&world.certificates).name(leaf).map(str::to_owned);
        name.unwrap_or_else(|| judge::subject(leaf))
    });
    let proof = Proof::Certificate { presented, chain: Arc::clone(&tls.chain) };
    let scheme = notes.scheme().map(|scheme| format!("{scheme:?}"));
    let mut origin =
        origin(port, connection, &stream, proof, world, certificate.as_deref(), scheme.as_deref());
    origin.certificate = certificate;
    serve(stream, Framing::Plain, Vec::new(), origin, Arc::clone(world)).await;
}

/// What is known so far, written down as the others write it.
fn origin(
    port: &'static str,
    connection: u64,
    stream: &TlsStream<TcpStream>,
    proof: Proof,
    world: &World,
    certificate: Option<&str>,
    scheme: Option<&str>,
) -> Origin {
    let session = stream.get_ref().1;
    let alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let mut fields = describe(connection, Service::Mqtt, session);
    fields["port"] = json!(port);
    fields["alpn"] = json!(alpn);
    fields["clientCertificate"] = json!(certificate);
    fields["signatureScheme"] = json!(scheme);
    let tls_version = if fields["tlsVersion"] == "1.2" { "1.2" } else { "1.3" };
    world.log.record("connection", fields);
    Origin {
        connection,
        port,
        web_socket: false,
        tls_version,
        alpn,
        certificate: None,
        access_key_id: None,
        proof,
    }
}
