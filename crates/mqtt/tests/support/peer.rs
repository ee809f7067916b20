//! The server's side of the wire: reads with rumqttc's codec, writes by hand.

use bytes::BytesMut;
use refresh_session_mqtt::Version;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{Error, v5};

/// What a client said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Connect { client_id: String, clean: bool, keep_alive: u16, expiry: u32, receive_maximum: u16 },
    Publish { topic: String, payload: Vec<u8>, qos: u8, dup: bool, id: u16, size: usize, alias: Option<u16> },
    PubAck { id: u16 },
    Subscribe { id: u16, filters: Vec<String> },
    Unsubscribe { id: u16, filters: Vec<String> },
    Ping,
    Disconnect,
}

/// The next whole packet. Panics on what another implementation does not read.
pub(crate) fn read(from: &mut BytesMut, version: Version) -> Option<Said> {
    // rumqttc does not read a DISCONNECT without a reason in version 5 (decision 20).
    if from.len() >= 2 && from[..2] == [0xe0, 0] {
        let _ = from.split_to(2);
        return Some(Said::Disconnect);
    }
    let before = from.len();
    match version {
        Version::V5 => match v5::Packet::read(from, None) {
            Ok(packet) => Some(of_5(packet, before - from.len())),
            Err(Error::InsufficientBytes(_)) => {
                assert_eq!(before, from.len(), "the packet was malformed");
                None
            }
            Err(error) => panic!("the server could not read: {error:?}"),
        },
        Version::V311 => match v4::Packet::read(from, usize::MAX) {
            Ok(packet) => Some(of_311(packet, before - from.len())),
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => None,
            Err(error) => panic!("the server could not read: {error:?}"),
        },
    }
}

fn of_5(packet: v5::Packet, size: usize) -> Said {
    match packet {
        v5::Packet::Connect(connect, ..) => {
            let properties = connect.properties;
            Said::Connect {
                client_id: connect.client_id,
                clean: connect.clean_start,
                keep_alive: connect.keep_alive,
                expiry: properties.as_ref().and_then(|found| found.session_expiry_interval).unwrap_or(0),
                receive_maximum: properties.and_then(|found| found.receive_maximum).unwrap_or(65_535),
            }
        }
        v5::Packet::Publish(found) => Said::Publish {
            topic: String::from_utf8(found.topic.to_vec()).unwrap(),
            payload: found.payload.to_vec(),
            qos: found.qos as u8,
            dup: found.dup,
            id: found.pkid,
            size,
            alias: found.properties.and_then(|found| found.topic_alias),
        },
        v5::Packet::PubAck(found) => Said::PubAck { id: found.pkid },
        v5::Packet::Subscribe(found) => Said::Subscribe {
            id: found.pkid,
            filters: found.filters.into_iter().map(|filter| filter.path).collect(),
        },
        v5::Packet::Unsubscribe(found) => Said::Unsubscribe { id: found.pkid, filters: found.filters },
        v5::Packet::PingReq(_) => Said::Ping,
        v5::Packet::Disconnect(_) => Said::Disconnect,
        other => panic!("no client says {other:?}"),
    }
}

fn of_311(packet: v4::Packet, size: usize) -> Said {
    match packet {
        v4::Packet::Connect(found) => Said::Connect {
            client_id: found.client_id,
            clean: found.clean_session,
            keep_alive: found.keep_alive,
            expiry: if found.clean_session { 0 } else { 3600 },
            receive_maximum: 100,
        },
        v4::Packet::Publish(found) => Said::Publish {
            topic: found.topic,
            payload: found.payload.to_vec(),
            qos: found.qos as u8,
            dup: found.dup,
            id: found.pkid,
            size,
            alias: None,
        },
        v4::Packet::PubAck(found) => Said::PubAck { id: found.pkid },
        v4::Packet::Subscribe(found) => Said::Subscribe {
            id: found.pkid,
            filters: found.filters.into_iter().map(|filter| filter.path).collect(),
        },
        v4::Packet::Unsubscribe(found) => Said::Unsubscribe { id: found.pkid, filters: found.topics },
        v4::Packet::PingReq => Said::Ping,
        v4::Packet::Disconnect => Said::Disconnect,
        other => panic!("no client says {other:?}"),
    }
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let byte = u8::try_from(left % 128).unwrap();
        left /= 128;
        bytes.push(if left > 0 { byte | 128 } else { byte });
        if left == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// `properties` as they are on the wire, without their length; none in 3.1.1.
pub(crate) fn connack(version: Version, present: bool, code: u8, properties: &[u8]) -> Vec<u8> {
    let mut body = vec![u8::from(present), code];
    put_properties(&mut body, version, properties);
    packet(0x20, &body)
}

pub(crate) fn publish(version: Version, topic: &str, payload: &[u8], id: Option<u16>, dup: bool) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend(id.iter().flat_map(|id| id.to_be_bytes()));
    put_properties(&mut body, version, &[]);
    body.extend_from_slice(payload);
    packet(0x30 | if id.is_some() { 2 } else { 0 } | if dup { 8 } else { 0 }, &body)
}

pub(crate) fn puback(version: Version, id: u16, reason: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 && reason != 0 {
        body.push(reason);
    }
    packet(0x40, &body)
}

pub(crate) fn suback(version: Version, id: u16, reasons: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    put_properties(&mut body, version, &[]);
    body.extend_from_slice(reasons);
    packet(0x90, &body)
}

pub(crate) fn unsuback(version: Version, id: u16, reasons: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
        body.extend_from_slice(reasons);
    }
    packet(0xb0, &body)
}

pub(crate) const PINGRESP: [u8; 2] = [0xd0, 0];

pub(crate) fn disconnect(reason: u8) -> Vec<u8> {
    vec![0xe0, 1, reason]
}

fn put_properties(body: &mut Vec<u8>, version: Version, properties: &[u8]) {
    if version == Version::V5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend_from_slice(properties);
    }
}
