//! What a client sends.

use bytes::{BufMut as _, BytesMut};

use super::packet::{Connect, QoS, Subscription, Version};
use super::properties::Properties;
use super::writer::{put_data, put_varint, varint_len};
use crate::reason::Reason;
use crate::text::Text;

/// PUBLISH without its payload.
#[derive(Clone, Copy, Debug)]
pub struct PublishHead<'a> {
    /// Empty if an alias stands for it.
    pub topic: &'a Text,
    /// How.
    pub qos: QoS,
    /// Sent before.
    pub dup: bool,
    /// The server is to keep it.
    pub retain: bool,
    /// With QoS 1; left out with QoS 0.
    pub id: u16,
    /// Of MQTT 5.
    pub properties: Option<&'a Properties>,
    /// In bytes.
    pub payload: usize,
}

impl PublishHead<'_> {
    /// All of the packet, payload included, in bytes.
    #[must_use]
    pub fn size(&self, version: Version) -> usize {
        let remaining = self.remaining(version);
        1 + varint_len(remaining) + remaining
    }

    fn remaining(&self, version: Version) -> usize {
        let id = if self.qos == QoS::AtLeastOnce { 2 } else { 0 };
        2 + self.topic.len() + id + properties_len(self.properties, version) + self.payload
    }
}

/// PUBLISH up to its payload, which the caller sends behind it.
pub fn publish(to: &mut BytesMut, version: Version, head: &PublishHead<'_>) {
    let flags = u8::from(head.dup) << 3 | (head.qos as u8) << 1 | u8::from(head.retain);
    to.put_u8(0x30 | flags);
    put_varint(to, head.remaining(version));
    put_data(to, head.topic.as_bytes());
    if head.qos == QoS::AtLeastOnce {
        to.put_u16(head.id);
    }
    put_properties(to, version, head.properties);
}

/// CONNECT.
pub fn connect(to: &mut BytesMut, version: Version, connect: &Connect) {
    let will = connect.will.as_ref();
    let mut remaining = 10 + 2 + connect.client_id.len();
    if version == Version::V5 {
        remaining += properties_len(Some(&connect.properties), version);
    }
    if let Some(will) = will {
        remaining +=
            properties_len(will.properties.as_deref(), version) + 4 + will.topic.len() + will.payload.len();
    }
    remaining += connect.username.as_ref().map_or(0, |text| 2 + text.len());
    remaining += connect.password.as_ref().map_or(0, |secret| 2 + secret.expose().len());

    let mut flags = u8::from(connect.clean_start) << 1;
    if let Some(will) = will {
        flags |= 4 | (will.qos as u8) << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(connect.password.is_some()) << 6 | u8::from(connect.username.is_some()) << 7;

    to.put_u8(0x10);
    put_varint(to, remaining);
    put_data(to, b"MQTT");
    to.put_u8(if version == Version::V5 { 5 } else { 4 });
    to.put_u8(flags);
    to.put_u16(connect.keep_alive);
    put_properties(to, version, Some(&connect.properties));
    put_data(to, connect.client_id.as_bytes());
    if let Some(will) = will {
        put_properties(to, version, will.properties.as_deref());
        put_data(to, will.topic.as_bytes());
        put_data(to, &will.payload);
    }
    if let Some(username) = &connect.username {
        put_data(to, username.as_bytes());
    }
    if let Some(password) = &connect.password {
        put_data(to, password.expose());
    }
}

/// SUBSCRIBE.
pub fn subscribe(to: &mut BytesMut, version: Version, id: u16, wishes: &[Subscription]) {
    let filters: usize = wishes.iter().map(|wish| 3 + wish.filter.len()).sum();
    start(to, 0x82, version, id, filters);
    for wish in wishes {
        put_data(to, wish.filter.as_bytes());
        let options = match version {
            Version::V311 => 0,
            Version::V5 => {
                u8::from(wish.no_local) << 2
                    | u8::from(wish.retain_as_published) << 3
                    | (wish.retain_handling as u8) << 4
            }
        };
        to.put_u8(wish.qos as u8 | options);
    }
}

/// UNSUBSCRIBE.
pub fn unsubscribe(to: &mut BytesMut, version: Version, id: u16, filters: &[Text]) {
    start(to, 0xa2, version, id, filters.iter().map(|filter| 2 + filter.len()).sum());
    for filter in filters {
        put_data(to, filter.as_bytes());
    }
}

/// How large a SUBSCRIBE or UNSUBSCRIBE with filters of these lengths is at most.
#[must_use]
pub fn filters_size(lengths: impl Iterator<Item = usize>) -> usize {
    5 + 3 + lengths.map(|length| 3 + length).sum::<usize>()
}

/// PUBACK.
pub fn puback(to: &mut BytesMut, version: Version, id: u16, reason: Reason) {
    let plain = version == Version::V311 || reason == Reason::SUCCESS;
    to.put_slice(&[0x40, if plain { 2 } else { 3 }]);
    to.put_u16(id);
    if !plain {
        to.put_u8(reason.0);
    }
}

/// PINGREQ.
pub fn ping(to: &mut BytesMut) {
    to.put_slice(&[0xc0, 0]);
}

/// DISCONNECT. 3.1.1 has no reason.
pub fn disconnect(to: &mut BytesMut, version: Version, reason: Reason) {
    if version == Version::V311 || reason == Reason::SUCCESS {
        to.put_slice(&[0xe0, 0]);
    } else {
        // The reason alone would do; more than one implementation does not read that.
        to.put_slice(&[0xe0, 2, reason.0, 0]);
    }
}

fn start(to: &mut BytesMut, first: u8, version: Version, id: u16, filters: usize) {
    to.put_u8(first);
    put_varint(to, 2 + properties_len(None, version) + filters);
    to.put_u16(id);
    put_properties(to, version, None);
}

fn properties_len(properties: Option<&Properties>, version: Version) -> usize {
    if version == Version::V311 {
        return 0;
    }
    let length = properties.map_or(0, Properties::len);
    varint_len(length) + length
}

fn put_properties(to: &mut BytesMut, version: Version, properties: Option<&Properties>) {
    match (version, properties) {
        (Version::V311, _) => {}
        (Version::V5, Some(properties)) => properties.write(to),
        (Version::V5, None) => to.put_u8(0),
    }
}
