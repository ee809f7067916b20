//! A message as it lies in the queue on disk: a few numbers, and the PUBLISH that MQTT 5 would make of it.
//!
//! | Bytes | Header |
//! |---|---|
//! | 1 | version of this table: 1 |
//! | 8 | when it was queued, milliseconds since 1970, little endian; 0: nobody knew what time it was |
//! | rest | PUBLISH (MQTT 5, section 3.3) without its payload, which is the record's |

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use refresh_session_core::{Basis, Reading, Timestamp};
use refresh_session_mqtt::codec::encode::{self, PublishHead};
use refresh_session_mqtt::codec::{Incoming, decode};
use refresh_session_mqtt::{Publish, QoS, Version};
use refresh_session_spool::Record;

const VERSION: u8 = 1;

/// What the disk gets.
pub(super) fn record(message: &Publish, reading: Reading) -> Record {
    let head = PublishHead {
        topic: &message.topic,
        qos: message.qos,
        dup: false,
        retain: message.retain,
        id: 1,
        properties: message.properties.as_deref(),
        payload: 0,
    };
    let mut header = BytesMut::with_capacity(9 + head.size(Version::V5));
    header.put_u8(VERSION);
    header.put_i64_le(if reading.basis == Basis::Floor { 0 } else { reading.now.unix_millis() });
    encode::publish(&mut header, Version::V5, &head);
    Record { header: header.freeze(), payload: message.payload.clone() }
}

/// A message from the disk, and how long it has been there, as far as that is known. `None` for what is not of this
/// table.
pub(super) fn message(record: &Record, reading: Reading) -> Option<(Publish, Duration)> {
    let mut header = BytesMut::from(&record.header[..]);
    if header.len() < 9 || header.get_u8() != VERSION {
        return None;
    }
    let queued_at = header.get_i64_le();
    let whole = header.len();
    let Ok(Some(Incoming::Publish(found))) = decode(&mut header, Version::V5, whole) else { return None };
    let known = queued_at != 0 && reading.basis != Basis::Floor;
    let queued_at = Timestamp::from_unix_millis(queued_at);
    let age = if known { reading.now.remaining_at(queued_at).unwrap_or_default() } else { Duration::ZERO };
    let message = Publish {
        topic: found.topic,
        payload: record.payload.clone(),
        qos: QoS::AtLeastOnce,
        retain: found.retain,
        properties: found.properties,
    };
    Some((message, age))
}
