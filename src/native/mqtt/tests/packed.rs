//! The packed form against what `packed.ts` writes, against itself, and against bytes that nobody writes.

#![allow(unreachable_pub, reason = "the module under test is part of another crate")]

#[path = "../packed.rs"]
mod packed;
#[path = "../topics.rs"]
mod topics;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use packed::{DELIVERY_WORDS, LARGE, Rare, pack, unpack};
use refresh_session_mqtt::{Message, Outcome, Properties, QoS, Reason, RetainHandling, Text};
use refresh_session_session::mqtt::{Command, Delivery};
use topics::{Told, Topics};

/// What the TypeScript half writes: its own test holds it to the same file.
fn records() -> BTreeMap<&'static str, Bytes> {
    let lines = include_str!("records.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, hex)| (name, unhex(hex))).collect()
}

fn unhex(hex: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or_default();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn one(name: &str) -> Command {
    let (mut commands, understood) = unpack(records()[name].clone(), Some(Bytes::from_static(b"beside")));
    assert!(understood.is_ok(), "{name}");
    assert_eq!(commands.len(), 1, "{name}");
    commands.remove(0)
}

#[test]
fn what_javascript_writes_is_understood() {
    assert!(matches!(one("connect"), Command::Connect));
    assert!(matches!(one("disconnect"), Command::Disconnect));
    assert!(matches!(one("close"), Command::Close { drain: None }));
    assert!(matches!(one("drain"), Command::Close { drain: Some(limit) } if limit == Duration::from_secs(5)));
    assert!(matches!(one("cancel"), Command::Cancel { operation: 5 }));
    assert!(matches!(one("acknowledge"), Command::Acknowledge { message: 6, reason: Reason(0x80) }));
}

#[test]
fn messages() {
    let Command::Publish { operation, message, limit, until_stored } = one("publish") else { panic!() };
    assert_eq!((operation, limit, until_stored), (7, None, false));
    assert_eq!((message.topic.as_str(), &message.payload[..]), ("a/b", &b"hello"[..]));
    assert_eq!((message.qos, message.retain, message.properties), (QoS::AtMostOnce, false, None));

    let Command::Publish { operation, message, limit, until_stored } = one("bytes") else { panic!() };
    assert_eq!((operation, limit, until_stored), (u32::MAX - 1, Some(Duration::from_millis(1500)), true));
    assert_eq!((message.topic.as_str(), &message.payload[..]), ("ä/€/😀", &[0, 1, 255][..]));
    assert_eq!((message.qos, message.retain), (QoS::AtLeastOnce, true));

    let Command::Publish { message, .. } = one("beside") else { panic!() };
    assert_eq!(&message.payload[..], b"beside");

    let Command::Publish { message, .. } = one("properties") else { panic!() };
    let pair = |name: &str, value: &str| (Text::from(name), Text::from(value));
    let wanted = Properties {
        payload_format: Some(true),
        message_expiry: Some(60),
        content_type: Some("text/plain".into()),
        response_topic: Some("re/ply".into()),
        correlation_data: Some(Bytes::from_static(&[9, 8])),
        user: vec![pair("one", "1"), pair("more", "2"), pair("more", "3")],
        ..Properties::default()
    };
    assert_eq!(message.properties.as_deref(), Some(&wanted));
    assert_eq!(&message.payload[..], b"x");
}

#[test]
fn filters() {
    let Command::Subscribe { operation, subscriptions, limit } = one("subscribe") else { panic!() };
    assert_eq!((operation, limit), (3, Some(Duration::from_mins(1))));
    let names: Vec<_> = subscriptions.iter().map(|wish| wish.filter.as_str()).collect();
    assert_eq!(names, ["a/+", "$share/g/b/#"]);
    for wish in &subscriptions {
        assert!(wish.no_local && wish.retain_as_published);
        assert_eq!((wish.qos, wish.retain_handling), (QoS::AtLeastOnce, RetainHandling::Never));
    }
    let Command::Unsubscribe { operation, filters, .. } = one("unsubscribe") else { panic!() };
    assert_eq!((operation, filters), (4, vec!["a/+".into(), "b".into()]));
}

/// Every record cut short, and every record with every byte changed: commands or an end, never a panic, nor memory for a
/// count that nobody could fill.
#[test]
fn bytes_that_nobody_writes() {
    for record in records().values() {
        for length in 1..record.len() {
            let (_, understood) = unpack(record.slice(..length), None);
            assert!(understood.is_err());
        }
        for at in 0..record.len() {
            for byte in 0..=255 {
                let mut changed = record.to_vec();
                changed[at] = byte;
                let _ = unpack(changed.into(), Some(Bytes::new()));
            }
        }
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..200_000 {
        let mut bytes = vec![0_u8; 48];
        for byte in &mut bytes {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Small numbers lead further than large ones.
            *byte = (random >> 32).to_le_bytes()[0] & if random & 1 == 0 { 0x07 } else { 0xff };
        }
        let _ = unpack(bytes.into(), None);
    }
}

#[test]
fn a_text_with_nul_arrives_so_that_the_machine_refuses_it() {
    let mut record = records()["publish"].to_vec();
    let slash = record.iter().position(|byte| *byte == b'/').unwrap_or_default();
    record[slash] = 0;
    let (commands, understood) = unpack(record.into(), None);
    assert!(understood.is_ok());
    assert!(matches!(&commands[..], [Command::Publish { message, .. }] if message.topic.as_str() == "a\0b"));
}

fn message(payload: usize, properties: bool, number: Option<u32>) -> Delivery {
    let message = Message {
        topic: "t/ä".into(),
        payload: vec![7; payload].into(),
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: true,
        properties: properties.then(Box::default),
        ack: None,
    };
    Delivery::Message { message, number }
}

fn settled(operation: u32, outcome: Outcome) -> Delivery {
    Delivery::Settled { operation, outcome }
}

#[test]
fn deliveries_keep_their_order() {
    let acknowledged = |reason, properties| Outcome::Acknowledged { reason: Reason(reason), properties };
    let mut deliveries = VecDeque::from([
        settled(1, Outcome::Written),
        settled(2, acknowledged(0x10, None)),
        settled(3, acknowledged(0, Some(Box::default()))),
        Delivery::Stored { operation: 4 },
        message(3, false, Some(9)),
        message(LARGE + 1, true, None),
        Delivery::Closed,
    ]);
    let mut words = [u32::MAX; 64];
    let packed = pack(&mut deliveries, &mut Topics::default(), &mut words, &mut []);
    assert!(deliveries.is_empty());
    let large = 3 | (1 | 2 | 8 | 16) << 8;
    let wanted = [
        [1, 1].as_slice(),
        &[1 | 0x10 << 8, 2],
        &[4],
        &[2, 4],
        &[3 | (1 | 2 | 32) << 8, 4 | 1 << 16, 3, 9],
        &[large, 4 | 0x101 << 16, u32::try_from(LARGE + 1).unwrap_or_default(), 0],
        &[4],
    ];
    assert_eq!(words[..packed.words], wanted.concat());
    assert_eq!(words.last(), Some(&0));
    assert_eq!(packed.bytes, "t/ä\u{7}\u{7}\u{7}".as_bytes());
    assert_eq!(packed.large.len(), 1);
    assert!(matches!(
        &packed.rare[..],
        [
            Rare::Other(Delivery::Settled { operation: 3, .. }),
            Rare::Properties(properties),
            Rare::Other(Delivery::Closed)
        ]
            if properties.is_empty()
    ));
}

#[test]
fn what_has_no_room_stays() {
    for room in 0..24 {
        let mut deliveries: VecDeque<_> = (0..12).map(|number| settled(number, Outcome::Written)).collect();
        let mut words = vec![0; room];
        let packed = pack(&mut deliveries, &mut Topics::default(), &mut words, &mut []);
        assert!(packed.words <= room);
        assert_eq!(packed.words / 2 + deliveries.len(), 12);
        assert!(room <= DELIVERY_WORDS || packed.words > 0);
    }
}

#[test]
fn topics_and_payloads_are_put_where_there_is_room() {
    let expected = "t/ä\u{7}\u{7}\u{7}".as_bytes();
    for room in 0..2 * expected.len() {
        let mut deliveries = VecDeque::from([message(3, false, None)]);
        let (mut words, mut bytes) = ([0; 8], vec![0; room]);
        let packed = pack(&mut deliveries, &mut Topics::default(), &mut words, &mut bytes);
        let fits = room >= expected.len();
        assert_eq!(packed.bytes, if fits { &[][..] } else { expected });
        assert_eq!(words[7], if fits { 7 } else { 0 });
        assert!(bytes.starts_with(if fits { expected } else { &[] }));
        assert!(bytes.iter().skip(if fits { expected.len() } else { 0 }).all(|byte| *byte == 0));
    }
}

#[test]
fn a_topic_is_told_once_until_sixteen_others_came() {
    let mut topics = Topics::default();
    let name = |number: usize| number.to_string().into_bytes();
    for number in 0..16 {
        assert_eq!(topics.tell(&name(number)), Told::New(number));
        assert_eq!(topics.tell(&name(0)), Told::Known(0));
    }
    assert_eq!(topics.tell(&name(16)), Told::New(0));
    assert_eq!(topics.tell(&name(1)), Told::Known(1));
    assert_eq!(topics.tell(&name(0)), Told::New(1));
    assert_eq!(topics.tell(&[b'x'; 256]), Told::New(2));
    assert_eq!(topics.tell(&[b'x'; 257]), Told::Alone);
}
