//! Packets to bytes.

use super::{
    Version,
    packet::{Publish, ToClient},
    properties::Properties,
    reason,
    writer::Writer,
};

/// The bytes of a packet.
pub(crate) fn encode(packet: &ToClient, version: Version) -> Vec<u8> {
    let mut bytes = Writer::default();
    let first = match packet {
        ToClient::Raw(raw) => return raw.clone(),
        ToClient::Connack { session_present, reason, properties } => {
            bytes.byte(u8::from(*session_present));
            bytes.byte(*reason);
            write(properties, &mut bytes, version);
            0x20
        }
        ToClient::Publish(publish) => return encode_publish(publish, version),
        ToClient::Puback { id, reason, properties } => {
            bytes.two(*id);
            let says_more = *reason != reason::SUCCESS || properties.iter().next().is_some();
            if version == Version::V5 && says_more {
                bytes.byte(*reason);
                properties.write(&mut bytes);
            }
            0x40
        }
        ToClient::Suback { id, reasons } => {
            bytes.two(*id);
            write(&Properties::default(), &mut bytes, version);
            bytes.bytes.extend(reasons);
            0x90
        }
        ToClient::Unsuback { id, reasons } => {
            bytes.two(*id);
            write(&Properties::default(), &mut bytes, version);
            if version == Version::V5 {
                bytes.bytes.extend(reasons);
            }
            0xb0
        }
        ToClient::Pingresp => 0xd0,
        ToClient::Disconnect { reason, properties } => {
            bytes.byte(*reason);
            properties.write(&mut bytes);
            0xe0
        }
    };
    bytes.finish(first)
}

fn encode_publish(publish: &Publish, version: Version) -> Vec<u8> {
    let mut bytes = Writer::default();
    bytes.text(&publish.topic);
    if let Some(id) = publish.id {
        bytes.two(id);
    }
    write(&publish.properties, &mut bytes, version);
    bytes.bytes.extend(&*publish.payload);
    let flags = (u8::from(publish.dup) << 3) | (publish.qos << 1) | u8::from(publish.retain);
    bytes.finish(0x30 | flags)
}

fn write(properties: &Properties, bytes: &mut Writer, version: Version) {
    if version == Version::V5 {
        properties.write(bytes);
    }
}
