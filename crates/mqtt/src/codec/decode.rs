//! What a server sends.

use bytes::{Bytes, BytesMut};

use super::packet::{Ack, Acks, ConnAck, Farewell, Incoming, QoS, Received, Version};
use super::properties::{Properties, bearer};
use super::reader::{Reader, Varint, varint};
use super::{DecodeError, Kind};
use crate::reason::Reason;
use crate::text::Text;

type Decoded<T = Incoming> = Result<T, DecodeError>;

/// The next whole packet; `None`: more bytes are needed. `max_size` counts all of a packet's bytes and is looked at
/// as soon as its length is there.
///
/// After an error what is left of the bytes has no meaning.
pub fn decode(
    from: &mut BytesMut,
    version: Version,
    max_size: usize,
) -> Result<Option<Incoming>, DecodeError> {
    let Some(first) = from.first().copied() else { return Ok(None) };
    let flags = first & 0x0f;
    let kind = Kind::of(first);
    // At once: what is no MQTT, such as a proxy's error page, may be shorter than it seems to say.
    if kind != Kind::Publish && flags != 0 {
        return Err(DecodeError::Malformed("reserved flags in the first byte"));
    }
    let Some(frame) = frame(from, version, max_size)? else { return Ok(None) };
    let mut frame = Reader::new(frame);
    let packet = match kind {
        Kind::Publish => Incoming::Publish(publish(flags, frame, version)?),
        Kind::PubAck => Incoming::PubAck(puback(frame, version)?),
        Kind::ConnAck => Incoming::ConnAck(connack(frame, version)?),
        Kind::SubAck => Incoming::SubAck(suback(frame, version)?),
        Kind::UnsubAck if version == Version::V311 => {
            let id = packet_id(&mut frame)?;
            frame.end()?;
            Incoming::UnsubAck(Acks { id, reasons: Vec::new(), properties: None })
        }
        Kind::UnsubAck => Incoming::UnsubAck(suback(frame, version)?),
        Kind::PingResp => {
            frame.end()?;
            Incoming::PingResp
        }
        Kind::Disconnect if version == Version::V5 => Incoming::Disconnect(farewell(frame)?),
        Kind::Disconnect => return Err(DecodeError::Protocol("DISCONNECT from a server, under MQTT 3.1.1")),
        Kind::OfQoS2 => return Err(DecodeError::QoS2),
        Kind::Auth => return Err(DecodeError::Protocol("AUTH, that was not asked for")),
        Kind::OfClients => return Err(DecodeError::Protocol("a packet that only clients send")),
        Kind::Unknown => return Err(DecodeError::Malformed("a packet type that does not exist")),
    };
    Ok(Some(packet))
}

/// Takes a whole packet off: what follows the length.
fn frame(from: &mut BytesMut, version: Version, max_size: usize) -> Decoded<Option<Bytes>> {
    let (length, taken) = match varint(&from[1..]) {
        Varint::Whole { value, taken }
            if version == Version::V5 && taken > 1 && value >> (7 * (taken - 1)) == 0 =>
        {
            return Err(DecodeError::Malformed("the length takes more bytes than it needs"));
        }
        Varint::Whole { value, taken } => (value as usize, taken),
        Varint::Cut => return Ok(None),
        Varint::TooLong => return Err(DecodeError::Malformed("the length takes more than 4 bytes")),
    };
    let size = 1 + taken + length;
    if size > max_size {
        return Err(DecodeError::TooLarge { size, max: max_size });
    }
    if from.len() < size {
        return Ok(None);
    }
    let whole = from.split_to(size).freeze();
    Ok(Some(whole.slice(1 + taken..)))
}

fn publish(flags: u8, mut from: Reader, version: Version) -> Decoded<Received> {
    let qos = match (flags >> 1) & 3 {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        2 => return Err(DecodeError::QoS2),
        _ => return Err(DecodeError::Malformed("QoS 3")),
    };
    let dup = flags & 8 != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(DecodeError::Malformed("DUP with QoS 0"));
    }
    let topic = from.text()?;
    if topic.as_bytes().iter().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(DecodeError::Malformed("a topic with wildcards"));
    }
    let id = if qos == QoS::AtLeastOnce { Some(packet_id(&mut from)?) } else { None };
    let properties = match version {
        Version::V5 => Properties::read(&mut from, bearer::PUBLISH)?,
        Version::V311 => None,
    };
    let alias = properties.as_ref().is_some_and(|found| found.topic_alias.is_some());
    if topic.is_empty() && !alias {
        return Err(DecodeError::Protocol("an empty topic without an alias"));
    }
    let response = properties.as_ref().and_then(|found| found.response_topic.as_ref());
    if response.is_some_and(|topic: &Text| topic.as_bytes().iter().any(|byte| matches!(byte, b'+' | b'#'))) {
        return Err(DecodeError::Protocol("a response topic with wildcards"));
    }
    Ok(Received { topic, payload: from.rest(), qos, dup, retain: flags & 1 != 0, id, properties })
}

fn puback(mut from: Reader, version: Version) -> Decoded<Ack> {
    let id = packet_id(&mut from)?;
    if version == Version::V311 {
        from.end()?;
        return Ok(Ack { id, reason: Reason::SUCCESS, properties: None });
    }
    let (reason, properties) = reason_and_properties(from, bearer::ACK)?;
    Ok(Ack { id, reason, properties })
}

fn connack(mut from: Reader, version: Version) -> Decoded<ConnAck> {
    let flags = from.u8()?;
    if flags > 1 {
        return Err(DecodeError::Malformed("reserved flags in CONNACK"));
    }
    let code = from.u8()?;
    // A server that knows only 3.1.1 answers so to any version.
    let old = version == Version::V311 || (from.is_empty() && (1..=5).contains(&code));
    let (reason, properties) = if old {
        (Reason::of_311(code), None)
    } else {
        (Reason(code), Properties::read(&mut from, bearer::CONNACK)?)
    };
    from.end()?;
    if flags == 1 && reason != Reason::SUCCESS {
        return Err(DecodeError::Protocol("a refusal that says that there is a session"));
    }
    Ok(ConnAck { session_present: flags == 1, reason, properties })
}

fn suback(mut from: Reader, version: Version) -> Decoded<Acks> {
    let id = packet_id(&mut from)?;
    let properties = match version {
        Version::V5 => Properties::read(&mut from, bearer::ACK)?,
        Version::V311 => None,
    };
    if from.is_empty() {
        return Err(DecodeError::Protocol("an acknowledgement without reason codes"));
    }
    Ok(Acks { id, reasons: from.rest().iter().copied().map(Reason).collect(), properties })
}

fn farewell(from: Reader) -> Decoded<Farewell> {
    let (reason, properties) = reason_and_properties(from, bearer::DISCONNECT)?;
    if properties.as_ref().is_some_and(|found| found.session_expiry.is_some()) {
        return Err(DecodeError::Protocol("a session expiry in a server's DISCONNECT"));
    }
    Ok(Farewell { reason, properties })
}

/// Both may be left out from behind.
fn reason_and_properties(mut from: Reader, bearer: u16) -> Decoded<(Reason, Option<Box<Properties>>)> {
    let reason = if from.is_empty() { Reason::SUCCESS } else { Reason(from.u8()?) };
    let properties = if from.is_empty() { None } else { Properties::read(&mut from, bearer)? };
    from.end()?;
    Ok((reason, properties))
}

fn packet_id(from: &mut Reader) -> Decoded<u16> {
    match from.u16()? {
        0 => Err(DecodeError::Protocol("packet identifier 0")),
        id => Ok(id),
    }
}
