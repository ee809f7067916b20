//! Bytes to packets.

use std::{ops::Range, sync::Arc};

use super::{
    Malformed, Version,
    packet::{Connect, Filter, FromClient, Publish, Will},
    properties::{Place, Properties},
    reader::Reader,
    reason,
};

/// The first packet's bytes, as a range behind its fixed header, if all of it is there; its whole length is the end of
/// that range. A packet larger than `largest` is refused as soon as its length is known.
pub(crate) fn frame(bytes: &[u8], largest: usize) -> Result<Option<Range<usize>>, Malformed> {
    let Some(header) = bytes.get(1..) else { return Ok(None) };
    let length_bytes = header.iter().take(4).position(|byte| byte & 0x80 == 0);
    let Some(last) = length_bytes else {
        return match header.len() {
            0..4 => Ok(None),
            _ => Err(Malformed::packet("the remaining length is longer than four bytes")),
        };
    };
    let start = last + 2;
    let length = Reader::new(&header[..=last]).variable()? as usize;
    if start + length > largest {
        return Err(Malformed {
            reason: reason::PACKET_TOO_LARGE,
            sentence: format!("a packet of {} bytes", start + length),
        });
    }
    Ok((bytes.len() >= start + length).then_some(start..start + length))
}

/// The version a CONNECT is of, from the bytes behind its fixed header; `None` if it is none this broker knows.
pub(crate) fn connect_version(body: &[u8]) -> Option<Version> {
    let mut bytes = Reader::new(body);
    match (bytes.text().ok()?.as_str(), bytes.byte().ok()?) {
        ("MQTT", 4) => Some(Version::V311),
        ("MQTT", 5) => Some(Version::V5),
        _ => None,
    }
}

/// The packet with this first byte and these bytes behind its fixed header.
pub(crate) fn decode(first: u8, body: &[u8], version: Version) -> Result<FromClient, Malformed> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    let expected = if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
    if kind != 3 && flags != expected {
        return Err(Malformed::packet(format!("flags {flags:04b} in a packet of type {kind}")));
    }
    let mut bytes = Reader::new(body);
    let packet = match kind {
        1 => connect(&mut bytes, version)?,
        3 => publish(&mut bytes, flags, version)?,
        4 => {
            let (id, reason) = ack(&mut bytes, version)?;
            FromClient::Puback { id, reason }
        }
        5..=7 => {
            ack(&mut bytes, version)?;
            FromClient::OfQos2(kind)
        }
        8 => subscribe(&mut bytes, version)?,
        10 => unsubscribe(&mut bytes, version)?,
        12 => FromClient::Pingreq,
        14 => {
            let (reason, properties) = ending(&mut bytes, version, Place::Disconnect)?;
            FromClient::Disconnect { reason, properties }
        }
        15 if version == Version::V5 => {
            ending(&mut bytes, version, Place::Auth)?;
            FromClient::Auth
        }
        _ => return Err(Malformed::protocol(format!("a client does not send packets of type {kind}"))),
    };
    if !bytes.is_empty() {
        return Err(Malformed::packet(format!("bytes are left in a packet of type {kind}")));
    }
    Ok(packet)
}

fn properties(bytes: &mut Reader<'_>, version: Version, place: Place) -> Result<Properties, Malformed> {
    match version {
        Version::V311 => Ok(Properties::default()),
        Version::V5 => Properties::read(bytes, place),
    }
}

fn connect(bytes: &mut Reader<'_>, version: Version) -> Result<FromClient, Malformed> {
    bytes.text()?;
    bytes.byte()?;
    let flags = bytes.byte()?;
    let keep_alive = bytes.two()?;
    let properties_of_connect = properties(bytes, version, Place::Connect)?;
    let client_id = bytes.text()?;
    let (will_flag, will_qos, will_retain) = (flags & 0x04 != 0, (flags >> 3) & 3, flags & 0x20 != 0);
    let (has_password, has_user) = (flags & 0x40 != 0, flags & 0x80 != 0);
    if flags & 1 != 0 || will_qos == 3 || (!will_flag && (will_qos != 0 || will_retain)) {
        return Err(Malformed::packet(format!("flags {flags:08b} in a CONNECT")));
    }
    if version == Version::V311 && has_password && !has_user {
        return Err(Malformed::packet("a password without a user name"));
    }
    let will = if will_flag {
        let properties = properties(bytes, version, Place::Will)?;
        let topic = bytes.text()?;
        let payload = Arc::from(bytes.binary()?);
        Some(Will { topic, payload, qos: will_qos, retain: will_retain, properties })
    } else {
        None
    };
    let user = if has_user { Some(bytes.text()?) } else { None };
    let password = if has_password { Some(bytes.binary()?.to_vec()) } else { None };
    Ok(FromClient::Connect(Box::new(Connect {
        version,
        clean: flags & 0x02 != 0,
        keep_alive,
        properties: properties_of_connect,
        client_id,
        will,
        user,
        password,
    })))
}

fn publish(bytes: &mut Reader<'_>, flags: u8, version: Version) -> Result<FromClient, Malformed> {
    let (dup, qos, retain) = (flags & 8 != 0, (flags >> 1) & 3, flags & 1 != 0);
    if qos == 3 || (dup && qos == 0) {
        return Err(Malformed::packet(format!("flags {flags:04b} in a PUBLISH")));
    }
    let topic = bytes.text()?;
    let id = if qos > 0 { Some(bytes.packet_id()?) } else { None };
    let properties = properties(bytes, version, Place::Publish)?;
    let payload = Arc::from(bytes.rest());
    Ok(FromClient::Publish(Publish { dup, qos, retain, topic, id, properties, payload }))
}

/// Packet identifier and reason. The latter may be missing, and so may the properties after it.
fn ack(bytes: &mut Reader<'_>, version: Version) -> Result<(u16, u8), Malformed> {
    let id = bytes.packet_id()?;
    if version == Version::V311 || bytes.is_empty() {
        return Ok((id, reason::SUCCESS));
    }
    let reason = bytes.byte()?;
    if !bytes.is_empty() {
        Properties::read(bytes, Place::Ack)?;
    }
    Ok((id, reason))
}

fn ending(bytes: &mut Reader<'_>, version: Version, place: Place) -> Result<(u8, Properties), Malformed> {
    if version == Version::V311 || bytes.is_empty() {
        return Ok((reason::SUCCESS, Properties::default()));
    }
    let reason = bytes.byte()?;
    let properties = if bytes.is_empty() { Properties::default() } else { Properties::read(bytes, place)? };
    Ok((reason, properties))
}

fn subscribe(bytes: &mut Reader<'_>, version: Version) -> Result<FromClient, Malformed> {
    let id = bytes.packet_id()?;
    let properties = properties(bytes, version, Place::Subscribe)?;
    let mut filters = Vec::new();
    while !bytes.is_empty() {
        let filter = bytes.text()?;
        let options = bytes.byte()?;
        let reserved = if version == Version::V5 { 0xc0 } else { 0xfc };
        if options & reserved != 0 || options & 3 == 3 || (options >> 4) & 3 == 3 {
            return Err(Malformed::packet(format!("subscription options {options:08b}")));
        }
        filters.push(Filter {
            filter,
            qos: options & 3,
            no_local: options & 4 != 0,
            retain_as_published: options & 8 != 0,
            retain_handling: (options >> 4) & 3,
        });
    }
    if filters.is_empty() {
        return Err(Malformed::protocol("a SUBSCRIBE without a filter"));
    }
    Ok(FromClient::Subscribe { id, properties, filters })
}

fn unsubscribe(bytes: &mut Reader<'_>, version: Version) -> Result<FromClient, Malformed> {
    let id = bytes.packet_id()?;
    properties(bytes, version, Place::Unsubscribe)?;
    let mut filters = Vec::new();
    while !bytes.is_empty() {
        filters.push(bytes.text()?);
    }
    if filters.is_empty() {
        return Err(Malformed::protocol("an UNSUBSCRIBE without a filter"));
    }
    Ok(FromClient::Unsubscribe { id, filters })
}
