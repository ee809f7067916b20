//! A client that says exactly what it is told to: packets put together by hand, over TLS by rustls.

use std::{io, sync::Arc, time::Duration};

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    bed::Bed,
    client::{Client, GOOD, Stream},
};

/// Silence that lasts as long is silence.
const A_WHILE: Duration = Duration::from_millis(300);

/// A connection to the broker.
pub(crate) struct Talk<S = Stream> {
    stream: S,
    version: u8,
}

/// A packet: its first byte, and what stands behind its fixed header.
pub(crate) type Packet = (u8, Vec<u8>);

pub(crate) fn port(bed: &Bed, door: &str) -> u16 {
    bed.ready["mqtt"][door]["port"].as_u64().unwrap().try_into().unwrap()
}

/// TLS to one of the ports, with these protocols offered.
pub(crate) async fn dial(bed: &Bed, client: &Client, door: &str, alpn: &[&str]) -> io::Result<Stream> {
    let mut config = ClientConfig::clone(&client.config(bed));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let tcp = TcpStream::connect(("127.0.0.1", port(bed, door))).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(client.server_name).unwrap(), tcp).await
}

impl Talk {
    /// A connection of the device that everything works for, before its CONNECT.
    pub(crate) async fn open(bed: &Bed, version: u8) -> Self {
        Self { stream: dial(bed, &GOOD, "tls", &[]).await.unwrap(), version }
    }

    /// The same after a clean CONNECT and its CONNACK.
    pub(crate) async fn with(bed: &Bed, version: u8, client_id: &str) -> Self {
        Self::with_connect(bed, version, &connect(version, client_id, 2, 60, &[])).await.0
    }

    /// The same after this CONNECT, and the CONNACK.
    pub(crate) async fn with_connect(bed: &Bed, version: u8, packet: &[u8]) -> (Self, Vec<u8>) {
        let mut talk = Self::open(bed, version).await;
        talk.send(packet).await;
        let (first, body) = talk.packet().await.expect("a CONNACK");
        assert_eq!((first, body[1]), (0x20, 0), "{body:?}");
        (talk, body)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(crate) fn over(stream: S, version: u8) -> Self {
        Self { stream, version }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // Whoever has hung up already will be noticed when something is read.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next packet; `None` at the end, however it comes.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        let first = self.stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((first, body))
    }

    /// The reason of the DISCONNECT that comes next, and then the end.
    pub(crate) async fn farewell(&mut self) -> Option<u8> {
        let packet = self.packet().await;
        assert_eq!(self.packet().await, None, "after {packet:?}");
        packet.map(|(first, body)| {
            assert_eq!(first, 0xe0);
            body[0]
        })
    }

    pub(crate) async fn is_silent(&mut self) -> bool {
        timeout(A_WHILE, self.stream.read_u8()).await.is_err()
    }

    pub(crate) async fn publish(&mut self, topic: &str, id: u16, payload: &str) {
        let packet = publish(self.version, topic, id, 1, &[], payload.as_bytes());
        self.send(&packet).await;
    }

    /// Subscribes with QoS 1 and reads the SUBACK.
    pub(crate) async fn subscribe(&mut self, filter: &str) {
        self.send(&subscribe(self.version, 1, &[(filter, 1)], &[])).await;
        let (first, body) = self.packet().await.expect("a SUBACK");
        assert_eq!((first, body.last()), (0x90, Some(&1)), "{body:?}");
    }

    /// The next message: first byte, topic, packet identifier and payload.
    pub(crate) async fn message(&mut self) -> (u8, String, u16, String) {
        let (first, body) = self.packet().await.expect("a message");
        assert_eq!(first >> 4, 3, "{body:?}");
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + length].to_vec()).unwrap();
        let mut rest = &body[2 + length..];
        let mut id = 0;
        if first & 6 != 0 {
            id = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        if self.version == 5 {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        (first, topic, id, String::from_utf8(rest.to_vec()).unwrap())
    }

    /// The payload of the next message, which is acknowledged.
    pub(crate) async fn payload(&mut self) -> String {
        let (_, _, id, payload) = self.message().await;
        if id > 0 {
            self.send(&puback(id)).await;
        }
        payload
    }
}

/// A packet with this first byte.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut length) = (vec![first], body.len());
    loop {
        let low = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        bytes.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

fn properties(version: u8, properties: &[u8]) -> Vec<u8> {
    if version < 5 {
        return Vec::new();
    }
    [&[u8::try_from(properties.len()).unwrap()], properties].concat()
}

/// A CONNECT with these flags, keep-alive and properties.
pub(crate) fn connect(
    version: u8,
    client_id: &str,
    flags: u8,
    keep_alive: u16,
    of_connect: &[u8],
) -> Vec<u8> {
    connect_with(version, client_id, flags, keep_alive, of_connect, &[])
}

/// The same with what stands behind the client id.
pub(crate) fn connect_with(
    version: u8,
    client_id: &str,
    flags: u8,
    keep_alive: u16,
    of_connect: &[u8],
    rest: &[u8],
) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend([version, flags]);
    body.extend(keep_alive.to_be_bytes());
    body.extend(properties(version, of_connect));
    body.extend(text(client_id));
    body.extend(rest);
    packet(0x10, &body)
}

/// What stands behind the client id of a CONNECT with a will.
pub(crate) fn will(version: u8, topic: &str, of_will: &[u8]) -> Vec<u8> {
    [properties(version, of_will), text(topic), text("farewell")].concat()
}

pub(crate) fn publish(
    version: u8,
    topic: &str,
    id: u16,
    qos: u8,
    of_publish: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(properties(version, of_publish));
    body.extend(payload);
    packet(0x30 | (qos << 1), &body)
}

pub(crate) fn subscribe(version: u8, id: u16, filters: &[(&str, u8)], of_subscribe: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(properties(version, of_subscribe));
    for (filter, options) in filters {
        body.extend(text(filter));
        body.push(*options);
    }
    packet(0x82, &body)
}

pub(crate) fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// The reason of a PUBACK of MQTT 5.
pub(crate) fn reason((first, body): &Packet) -> u8 {
    assert_eq!(*first, 0x40, "{body:?}");
    body.get(2).copied().unwrap_or(0)
}

/// Changes the rules.
pub(crate) async fn rules(bed: &Bed, rules: Value) {
    bed.control("PUT", "/mqtt/rules", rules).await;
}
