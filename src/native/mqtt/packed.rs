//! Commands and deliveries in packed form. `src/ts/mqtt/packed.ts` is the other half.
//!
//! JavaScript packs the commands of one turn of its event loop into one buffer and hands that over in one call. What has
//! come up is packed here, and fetched in one call too. Crossing costs more than all the rest for a message.
//!
//! # Commands
//!
//! Records one after another. Numbers are little-endian; a *text* is its length in bytes (u32) and UTF-8, *bytes*
//! likewise; a *limit* is a u32 of milliseconds, 0xffffffff for none.
//!
//! | First byte | Command | Then |
//! |---|---|---|
//! | 1 | connect | |
//! | 2 | disconnect | |
//! | 3 | close | drain: limit |
//! | 4 | publish | operation u32, flags u8, limit, topic text, properties if flagged, payload bytes unless it is beside |
//! | 5 | subscribe | operation u32, limit, count u32, so often: flags u8, filter text |
//! | 6 | unsubscribe | operation u32, limit, count u32, so often: filter text |
//! | 7 | cancel | operation u32 |
//! | 8 | acknowledge | message u32, reason u8 |
//! | 9 | the network is up | |
//!
//! | Flags of | 1 | 2 | 4 | 8 | 16, 32 |
//! |---|---|---|---|---|---|
//! | publish | QoS 1 | retain | settles when stored | has properties | payload is beside (16) |
//! | subscribe | QoS 1 | no local | retain as published | | retain handling, 0 to 2 |
//!
//! Properties are a u8 of which are there, and those, in this order: 1 the payload is UTF-8 (nothing follows), 2 message
//! expiry u32, 4 content type text, 8 response topic text, 16 correlation data bytes, 32 user properties: count u32, so
//! often name text and value text.
//!
//! A payload beside is handed over as a buffer of its own with the call: one at most, of the last record.
//!
//! # Deliveries
//!
//! Words (u32 in the machine's byte order) in a buffer that JavaScript lends. The topics and payloads of all messages follow one
//! another in a second one, if they have room there; the last word says how many bytes they are. Beside these, if there
//! is need: `bytes`, what had no room there; `large`, payloads over 16 KiB; `rare`, objects.
//!
//! | Low byte of the first word | Delivery | Above it | Then |
//! |---|---|---|---|
//! | 1 | an operation has settled, well | reason | operation |
//! | 2 | it is stored | | operation |
//! | 3 | a message | flags | topic, length of payload, number |
//! | 4 | anything else: the next object in `rare` | | |
//!
//! A topic is its length in the lower 16 bits. Above them, in 8 bits: 0, or 1 more than its place among those that JavaScript
//! remembers. Bit 24 is set if it is there already: then its bytes are left out.
//!
//! Flags of a message: 1 QoS 1, 2 retain, 4 dup, 8 payload is the next of `large`, 16 properties are the next object of
//! `rare`, 32 it has a number.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use refresh_session_mqtt::{Outcome, Properties, Publish, QoS, Reason, RetainHandling, Subscription, Text};
use refresh_session_session::mqtt::{Command, Delivery};

use super::topics::{Told, Topics};

/// A payload over that is handed over by itself.
pub(crate) const LARGE: usize = 16 * 1024;

/// Words for one delivery, at most.
pub(crate) const DELIVERY_WORDS: usize = 4;

/// Above the lower half of a topic's word: its bytes are left out.
const KNOWN: u32 = 1 << 8;

/// The records are not what `packed.ts` writes; a defect of ours.
#[derive(Debug)]
pub(crate) struct Malformed;

/// The commands in `records`. What is malformed ends it; the commands before that are there.
pub(crate) fn unpack(mut records: Bytes, mut beside: Option<Bytes>) -> (Vec<Command>, Result<(), Malformed>) {
    let mut commands = Vec::with_capacity(records.len() / TYPICAL);
    while records.has_remaining() {
        match command(&mut records, &mut beside) {
            Ok(command) => commands.push(command),
            Err(malformed) => return (commands, Err(malformed)),
        }
    }
    (commands, Ok(()))
}

/// A guess at the bytes of a record: the list of commands seldom grows.
const TYPICAL: usize = 96;

type Unpacked<T> = Result<T, Malformed>;

fn command(from: &mut Bytes, beside: &mut Option<Bytes>) -> Unpacked<Command> {
    Ok(match byte(from)? {
        1 => Command::Connect,
        2 => Command::Disconnect,
        3 => Command::Close { drain: limit(from)? },
        4 => publish(from, beside)?,
        5 => {
            let (operation, limit) = (word(from)?, limit(from)?);
            Command::Subscribe { operation, subscriptions: list(from, subscription)?, limit }
        }
        6 => {
            let (operation, limit) = (word(from)?, limit(from)?);
            Command::Unsubscribe { operation, filters: list(from, text)?, limit }
        }
        7 => Command::Cancel { operation: word(from)? },
        8 => Command::Acknowledge { message: word(from)?, reason: Reason(byte(from)?) },
        9 => Command::NetworkUp,
        _ => return Err(Malformed),
    })
}

fn publish(from: &mut Bytes, beside: &mut Option<Bytes>) -> Unpacked<Command> {
    let (operation, flags, limit, topic) = (word(from)?, byte(from)?, limit(from)?, text(from)?);
    let properties = if flags & 8 == 0 { None } else { Some(Box::new(properties(from)?)) };
    let payload = if flags & 16 == 0 { data(from)? } else { beside.take().ok_or(Malformed)? };
    let (qos, retain, until_stored) = (qos(flags), flags & 2 != 0, flags & 4 != 0);
    let message = Publish { topic, payload, qos, retain, properties };
    Ok(Command::Publish { operation, message, limit, until_stored })
}

fn subscription(from: &mut Bytes) -> Unpacked<Subscription> {
    let flags = byte(from)?;
    Ok(Subscription {
        filter: text(from)?,
        qos: qos(flags),
        no_local: flags & 2 != 0,
        retain_as_published: flags & 4 != 0,
        retain_handling: match flags >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::Never,
            _ => return Err(Malformed),
        },
    })
}

fn properties(from: &mut Bytes) -> Unpacked<Properties> {
    let there = byte(from)?;
    let has = |bit: u8| there & bit != 0;
    Ok(Properties {
        payload_format: has(1).then_some(true),
        message_expiry: has(2).then(|| word(from)).transpose()?,
        content_type: has(4).then(|| text(from)).transpose()?,
        response_topic: has(8).then(|| text(from)).transpose()?,
        correlation_data: has(16).then(|| data(from)).transpose()?,
        user: if has(32) { list(from, |from| Ok((text(from)?, text(from)?)))? } else { Vec::new() },
        ..Properties::default()
    })
}

fn qos(flags: u8) -> QoS {
    if flags & 1 == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce }
}

fn limit(from: &mut Bytes) -> Unpacked<Option<Duration>> {
    Ok(match word(from)? {
        u32::MAX => None,
        millis => Some(Duration::from_millis(millis.into())),
    })
}

/// A count and so many. Each takes a byte at least: a count that is too large comes to its end soon, and reserves nothing.
fn list<T>(from: &mut Bytes, mut one: impl FnMut(&mut Bytes) -> Unpacked<T>) -> Unpacked<Vec<T>> {
    (0..word(from)?).map(|_| one(from)).collect()
}

/// One that MQTT does not allow, such as with a NUL character, is refused where it is used, and not here.
fn text(from: &mut Bytes) -> Unpacked<Text> {
    let bytes = data(from)?;
    Ok(Text::new(bytes.clone()).unwrap_or_else(|| Text::from(String::from_utf8_lossy(&bytes).into_owned())))
}

fn data(from: &mut Bytes) -> Unpacked<Bytes> {
    let length = usize::try_from(word(from)?).map_err(|_| Malformed)?;
    if length > from.len() {
        return Err(Malformed);
    }
    Ok(from.split_to(length))
}

fn word(from: &mut Bytes) -> Unpacked<u32> {
    from.try_get_u32_le().map_err(|_| Malformed)
}

fn byte(from: &mut Bytes) -> Unpacked<u8> {
    from.try_get_u8().map_err(|_| Malformed)
}

/// Packed deliveries, but for their words.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// How many words there are.
    pub(crate) words: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) large: Vec<Bytes>,
    pub(crate) rare: Vec<Rare>,
}

/// What becomes an object.
#[derive(Debug)]
pub(crate) enum Rare {
    /// Of a message.
    Properties(Box<Properties>),
    /// Any other delivery.
    Other(Delivery),
}

/// Packs deliveries while `words` has room for one more.
pub(crate) fn pack(
    deliveries: &mut VecDeque<Delivery>,
    topics: &mut Topics,
    words: &mut [u32],
    room: &mut [u8],
) -> Packed {
    let mut packed = Packed::default();
    let Some((in_room, words)) = words.split_last_mut() else { return packed };
    while words.len() - packed.words >= DELIVERY_WORDS {
        let Some(delivery) = deliveries.pop_front() else { break };
        let record = packed.add(delivery, topics);
        let (room, used) = (packed.words, record.1);
        words[room..room + used].copy_from_slice(&record.0[..used]);
        packed.words += used;
    }
    *in_room = 0;
    if let Some(room) = room.get_mut(..packed.bytes.len()) {
        room.copy_from_slice(&packed.bytes);
        *in_room = length(packed.bytes.len());
        packed.bytes.clear();
    }
    packed
}

type Record = ([u32; DELIVERY_WORDS], usize);

impl Packed {
    fn add(&mut self, delivery: Delivery, topics: &mut Topics) -> Record {
        match delivery {
            Delivery::Settled { operation, outcome: Outcome::Written } => ([1, operation, 0, 0], 2),
            Delivery::Settled { operation, outcome: Outcome::Acknowledged { reason, properties: None } } => {
                ([1 | u32::from(reason.0) << 8, operation, 0, 0], 2)
            }
            Delivery::Stored { operation } => ([2, operation, 0, 0], 2),
            Delivery::Message { message, number } => {
                let large = message.payload.len() > LARGE;
                let flags = [
                    message.qos == QoS::AtLeastOnce,
                    message.retain,
                    message.dup,
                    large,
                    message.properties.is_some(),
                    number.is_some(),
                ];
                let flags = flags.iter().rev().fold(0, |bits, flag| bits << 1 | u32::from(*flag));
                let topic = self.topic(message.topic.as_bytes(), topics);
                let payload = length(message.payload.len());
                if large {
                    self.large.push(message.payload);
                } else {
                    self.bytes.extend_from_slice(&message.payload);
                }
                self.rare.extend(message.properties.map(Rare::Properties));
                ([3 | flags << 8, topic, payload, number.unwrap_or_default()], 4)
            }
            other => {
                self.rare.push(Rare::Other(other));
                ([4, 0, 0, 0], 1)
            }
        }
    }

    /// The word of a topic.
    fn topic(&mut self, topic: &[u8], topics: &mut Topics) -> u32 {
        let told = topics.tell(topic);
        if !matches!(told, Told::Known(_)) {
            self.bytes.extend_from_slice(topic);
        }
        let above = match told {
            Told::Alone => 0,
            Told::New(place) => length(place) + 1,
            Told::Known(place) => (length(place) + 1) | KNOWN,
        };
        length(topic.len()) | above << 16
    }
}

/// No packet of MQTT is longer than 256 MiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or_default()
}
