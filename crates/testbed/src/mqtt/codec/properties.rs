//! The properties of MQTT 5 (section 2.2.2): one table says which there are, of what type, and where they may be.

use serde_json::{Map, Value as Json, json};

use super::{Malformed, reader::Reader, writer::Writer};
use crate::random;

/// The identifiers.
pub(crate) mod id {
    pub(crate) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_ID: u8 = 0x0b;
    pub(crate) const SESSION_EXPIRY: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(crate) const WILL_DELAY: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(crate) const RESPONSE_INFORMATION: u8 = 0x1a;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1c;
    pub(crate) const REASON_STRING: u8 = 0x1f;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_AVAILABLE: u8 = 0x2a;
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One byte that is 0 or 1.
    Flag,
    Two,
    /// Two bytes that are not zero.
    TwoAboveZero,
    Four,
    /// Four bytes that are not zero.
    FourAboveZero,
    Variable,
    Text,
    Binary,
    Pair,
}

/// Where properties of clients stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Connect,
    Will,
    Publish,
    Ack,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Auth,
}

const MESSAGE: &[Place] = &[Place::Publish, Place::Will];

/// Identifier, type, and where clients may have it.
const TABLE: [(u8, Kind, &[Place]); 27] = [
    (id::PAYLOAD_FORMAT, Kind::Flag, MESSAGE),
    (id::MESSAGE_EXPIRY, Kind::Four, MESSAGE),
    (id::CONTENT_TYPE, Kind::Text, MESSAGE),
    (id::RESPONSE_TOPIC, Kind::Text, MESSAGE),
    (id::CORRELATION_DATA, Kind::Binary, MESSAGE),
    (id::SUBSCRIPTION_ID, Kind::Variable, &[Place::Subscribe]),
    (id::SESSION_EXPIRY, Kind::Four, &[Place::Connect, Place::Disconnect]),
    (id::ASSIGNED_CLIENT_ID, Kind::Text, &[]),
    (id::SERVER_KEEP_ALIVE, Kind::Two, &[]),
    (id::AUTHENTICATION_METHOD, Kind::Text, &[Place::Connect, Place::Auth]),
    (id::AUTHENTICATION_DATA, Kind::Binary, &[Place::Connect, Place::Auth]),
    (id::REQUEST_PROBLEM_INFORMATION, Kind::Flag, &[Place::Connect]),
    (id::WILL_DELAY, Kind::Four, &[Place::Will]),
    (id::REQUEST_RESPONSE_INFORMATION, Kind::Flag, &[Place::Connect]),
    (id::RESPONSE_INFORMATION, Kind::Text, &[]),
    (id::SERVER_REFERENCE, Kind::Text, &[]),
    (id::REASON_STRING, Kind::Text, &[Place::Ack, Place::Disconnect, Place::Auth]),
    (id::RECEIVE_MAXIMUM, Kind::TwoAboveZero, &[Place::Connect]),
    (id::TOPIC_ALIAS_MAXIMUM, Kind::Two, &[Place::Connect]),
    (id::TOPIC_ALIAS, Kind::Two, &[Place::Publish]),
    (id::MAXIMUM_QOS, Kind::Flag, &[]),
    (id::RETAIN_AVAILABLE, Kind::Flag, &[]),
    (
        id::USER_PROPERTY,
        Kind::Pair,
        &[
            Place::Connect,
            Place::Will,
            Place::Publish,
            Place::Ack,
            Place::Subscribe,
            Place::Unsubscribe,
            Place::Disconnect,
            Place::Auth,
        ],
    ),
    (id::MAXIMUM_PACKET_SIZE, Kind::FourAboveZero, &[Place::Connect]),
    (id::WILDCARD_AVAILABLE, Kind::Flag, &[]),
    (id::SUBSCRIPTION_IDS_AVAILABLE, Kind::Flag, &[]),
    (id::SHARED_AVAILABLE, Kind::Flag, &[]),
];

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u32),
    Text(String),
    Binary(Vec<u8>),
    Pair(String, String),
}

/// Properties in the order they came in or go out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    entries: Vec<(u8, Value)>,
}

impl Properties {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(u8, Value)> {
        self.entries.iter()
    }

    /// One more.
    pub(crate) fn push(&mut self, id: u8, value: Value) {
        self.entries.push((id, value));
    }

    /// The same with a number more.
    pub(crate) fn with(mut self, id: u8, value: u32) -> Self {
        self.push(id, Value::Number(value));
        self
    }

    /// The same with a text more.
    pub(crate) fn with_text(mut self, id: u8, value: &str) -> Self {
        self.push(id, Value::Text(value.to_owned()));
        self
    }

    /// A number, if it is there.
    pub(crate) fn number(&self, wanted: u8) -> Option<u32> {
        self.entries.iter().find_map(|(id, value)| match value {
            Value::Number(number) if *id == wanted => Some(*number),
            _ => None,
        })
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, wanted: u8) -> Option<&str> {
        self.entries.iter().find_map(|(id, value)| match value {
            Value::Text(text) if *id == wanted => Some(text.as_str()),
            _ => None,
        })
    }

    /// Those that belong to a message, by the names of the standard in camel case.
    pub(crate) fn to_json(&self) -> Json {
        let mut shown = Map::new();
        for (id, value) in &self.entries {
            let name = match *id {
                id::PAYLOAD_FORMAT => "payloadFormatIndicator",
                id::MESSAGE_EXPIRY => "messageExpiryInterval",
                id::CONTENT_TYPE => "contentType",
                id::RESPONSE_TOPIC => "responseTopic",
                id::CORRELATION_DATA => "correlationDataHex",
                id::TOPIC_ALIAS => "topicAlias",
                id::USER_PROPERTY => "userProperties",
                _ => continue,
            };
            match value {
                Value::Number(number) => drop(shown.insert(name.to_owned(), json!(number))),
                Value::Text(text) => drop(shown.insert(name.to_owned(), json!(text))),
                Value::Binary(binary) => drop(shown.insert(name.to_owned(), json!(random::hex(binary)))),
                Value::Pair(key, value) => {
                    if let Json::Array(pairs) = shown.entry(name).or_insert_with(|| json!([])) {
                        pairs.push(json!([key, value]));
                    }
                }
            }
        }
        Json::Object(shown)
    }

    /// Only those that pass.
    pub(crate) fn retain(&mut self, keep: impl Fn(u8) -> bool) {
        self.entries.retain(|(id, _)| keep(*id));
    }

    pub(super) fn read(from: &mut Reader<'_>, place: Place) -> Result<Self, Malformed> {
        let length = from.variable()?;
        let mut bytes = Reader::new(from.take(length as usize)?);
        let mut properties = Self::default();
        while !bytes.is_empty() {
            let id = bytes.byte()?;
            let Some((_, kind, places)) = TABLE.iter().find(|(known, ..)| *known == id) else {
                return Err(Malformed::packet(format!("there is no property 0x{id:02x}")));
            };
            if !places.contains(&place) {
                return Err(Malformed::protocol(format!("property 0x{id:02x} does not belong to {place:?}")));
            }
            if *kind != Kind::Pair && properties.entries.iter().any(|(other, _)| *other == id) {
                return Err(Malformed::protocol(format!("property 0x{id:02x} comes twice")));
            }
            properties.push(id, read_value(&mut bytes, *kind, id)?);
        }
        Ok(properties)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        let mut bytes = Writer::default();
        for (id, value) in &self.entries {
            bytes.byte(*id);
            let kind = TABLE.iter().find(|(known, ..)| known == id).map_or(Kind::Flag, |(_, kind, _)| *kind);
            match value {
                Value::Number(number) => match kind {
                    Kind::Two | Kind::TwoAboveZero => bytes.two(u16::try_from(*number).unwrap_or(u16::MAX)),
                    Kind::Four | Kind::FourAboveZero => bytes.four(*number),
                    Kind::Variable => bytes.variable(*number),
                    _ => bytes.byte(u8::try_from(*number).unwrap_or(u8::MAX)),
                },
                Value::Text(text) => bytes.text(text),
                Value::Binary(binary) => bytes.binary(binary),
                Value::Pair(name, value) => {
                    bytes.text(name);
                    bytes.text(value);
                }
            }
        }
        to.variable(u32::try_from(bytes.bytes.len()).unwrap_or(u32::MAX));
        to.bytes.extend(bytes.bytes);
    }
}

fn read_value(bytes: &mut Reader<'_>, kind: Kind, id: u8) -> Result<Value, Malformed> {
    let number = match kind {
        Kind::Text => return bytes.text().map(Value::Text),
        Kind::Binary => return bytes.binary().map(|binary| Value::Binary(binary.to_vec())),
        Kind::Pair => return Ok(Value::Pair(bytes.text()?, bytes.text()?)),
        Kind::Flag => u32::from(bytes.byte()?),
        Kind::Two | Kind::TwoAboveZero => u32::from(bytes.two()?),
        Kind::Four | Kind::FourAboveZero => bytes.four()?,
        Kind::Variable => bytes.variable()?,
    };
    let wrong = match kind {
        Kind::Flag => number > 1,
        Kind::TwoAboveZero | Kind::FourAboveZero | Kind::Variable => number == 0,
        _ => false,
    };
    if wrong {
        return Err(Malformed::protocol(format!("property 0x{id:02x} cannot be {number}")));
    }
    Ok(Value::Number(number))
}
