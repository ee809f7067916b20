//! The codec against the two specifications, byte by byte, and against one that others wrote.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

use bytes::{Bytes, BytesMut};
use refresh_session_mqtt::codec::encode::{self, PublishHead};
use refresh_session_mqtt::codec::{
    Connect, DecodeError, Incoming, Properties, QoS, RetainHandling, Subscription, Version, Will, decode,
};
use refresh_session_mqtt::{Reason, Text};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

const V5: Version = Version::V5;
const V311: Version = Version::V311;

fn read(version: Version, bytes: &[u8]) -> Result<Option<Incoming>, DecodeError> {
    decode(&mut BytesMut::from(bytes), version, 1000)
}

fn whole(version: Version, bytes: &[u8]) -> Incoming {
    read(version, bytes).unwrap().unwrap()
}

#[track_caller]
fn refused(version: Version, bytes: &[u8], reason: Reason) {
    assert_eq!(read(version, bytes).unwrap_err().reason(), reason, "{bytes:02x?}");
}

#[test]
fn lengths() {
    for cut in [&[][..], &[0xd0], &[0x30, 0x80], &[0x30, 0x80, 0x80, 0x80], &[0x30, 5, 0, 1, b'a']] {
        assert_eq!(read(V5, cut), Ok(None), "{cut:02x?}");
    }
    refused(V5, &[0x30, 0xff, 0xff, 0xff, 0xff, 1], Reason::MALFORMED);
    refused(V5, &[0xd0, 0x80, 0], Reason::MALFORMED);
    assert_eq!(read(V311, &[0xd0, 0x80, 0]), Ok(Some(Incoming::PingResp)), "3.1.1 does not forbid it");
    // Looked at before the packet is there.
    assert_eq!(read(V5, &[0x30, 0xe6, 7]), Err(DecodeError::TooLarge { size: 1001, max: 1000 }));
    assert_eq!(read(V5, &[0x30, 0xe5, 7]), Ok(None));
}

#[test]
fn every_packet_byte_by_byte_and_two_at_once() {
    let stream = [0x20u8, 3, 0, 0, 0, 0x32, 7, 0, 1, b'a', 0, 9, 0, b'x', 0xd0, 0];
    let mut buffer = BytesMut::new();
    let mut seen = 0;
    for byte in stream {
        buffer.extend_from_slice(&[byte]);
        seen += usize::from(decode(&mut buffer, V5, 100).unwrap().is_some());
    }
    assert_eq!((seen, buffer.len()), (3, 0));
    let mut buffer = BytesMut::from(&stream[..]);
    for _ in 0..3 {
        assert!(decode(&mut buffer, V5, 100).unwrap().is_some());
    }
    assert_eq!(decode(&mut buffer, V5, 100), Ok(None));
}

#[test]
fn first_bytes() {
    refused(V5, &[0x00, 0], Reason::MALFORMED);
    for flags in 1..16 {
        for kind in [0x20, 0x40, 0x90, 0xb0, 0xd0, 0xe0, 0xf0] {
            refused(V5, &[kind | flags, 4, 0, 1, 0, 0], Reason::MALFORMED);
        }
    }
    for kind in [0x10, 0x80, 0xa0, 0xc0, 0xf0] {
        refused(V5, &[kind, 0], Reason::PROTOCOL);
    }
    for kind in [0x50, 0x60, 0x70] {
        refused(V5, &[kind, 2, 0, 1], Reason::QOS);
    }
    refused(V5, &[0xd0, 1, 9], Reason::MALFORMED);
    refused(V311, &[0xe0, 0], Reason::PROTOCOL);
}

#[test]
fn disconnect_may_leave_out_what_is_behind() {
    for (bytes, reason) in [
        (&[0xe0, 0][..], Reason::SUCCESS),
        (&[0xe0, 1, 0x8e], Reason::TAKEN_OVER),
        (&[0xe0, 2, 0x8e, 0], Reason::TAKEN_OVER),
        (&[0xe0, 1, 0x42], Reason(0x42)),
    ] {
        let Incoming::Disconnect(farewell) = whole(V5, bytes) else { panic!() };
        assert_eq!((farewell.reason, farewell.properties), (reason, None));
    }
    let Incoming::Disconnect(farewell) = whole(V5, &[0xe0, 8, 0x87, 6, 31, 0, 3, b'n', b'o', b'!']) else {
        panic!()
    };
    assert_eq!(farewell.properties.unwrap().reason_string.unwrap().as_str(), "no!");
    refused(V5, &[0xe0, 7, 0, 5, 17, 0, 0, 0, 1], Reason::PROTOCOL);
}

#[test]
fn publish() {
    let Incoming::Publish(found) = whole(V5, &[0x3b, 7, 0, 1, b'a', 0, 9, 0, b'x']) else { panic!() };
    assert_eq!((found.topic.as_str(), &found.payload[..], found.id), ("a", &b"x"[..], Some(9)));
    assert!(found.dup && found.retain && found.qos == QoS::AtLeastOnce && found.properties.is_none());
    let Incoming::Publish(found) = whole(V311, &[0x30, 3, 0, 1, b'a']) else { panic!() };
    assert!(found.payload.is_empty() && found.id.is_none());

    refused(V5, &[0x34, 6, 0, 1, b'a', 0, 9, 0], Reason::QOS);
    refused(V5, &[0x36, 6, 0, 1, b'a', 0, 9, 0], Reason::MALFORMED);
    refused(V5, &[0x38, 4, 0, 1, b'a', 0], Reason::MALFORMED);
    refused(V5, &[0x32, 6, 0, 1, b'a', 0, 0, 0], Reason::PROTOCOL);
    refused(V5, &[0x30, 3, 0, 0, 0], Reason::PROTOCOL);
    refused(V311, &[0x30, 2, 0, 0], Reason::PROTOCOL);
    for topic in [&b"#"[..], b"+", b"\0", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"] {
        let mut bytes =
            vec![0x30, u8::try_from(3 + topic.len()).unwrap(), 0, u8::try_from(topic.len()).unwrap()];
        bytes.extend_from_slice(topic);
        bytes.push(0);
        refused(V5, &bytes, Reason::MALFORMED);
    }
}

#[test]
fn properties() {
    let publish = |properties: &[u8]| {
        let mut bytes = vec![0x30, u8::try_from(4 + properties.len() + 1).unwrap(), 0, 1, b'a'];
        bytes.push(u8::try_from(properties.len()).unwrap());
        bytes.extend_from_slice(properties);
        bytes.push(b'X');
        bytes
    };
    let Incoming::Publish(found) = whole(V5, &publish(&[11, 1, 11, 0x80, 1, 1, 1])) else { panic!() };
    assert_eq!(&found.payload[..], b"X", "behind two identifiers nothing slips into the payload");
    let properties = found.properties.unwrap();
    assert_eq!((properties.subscription_ids, properties.payload_format), (vec![1, 128], Some(true)));

    let user = [38, 0, 1, b'k', 0, 1, b'v', 38, 0, 1, b'k', 0, 0];
    let Incoming::Publish(found) = whole(V5, &publish(&user)) else { panic!() };
    let user = found.properties.unwrap().user;
    assert_eq!(user, [("k".into(), "v".into()), ("k".into(), "".into())]);

    for malformed in [
        &[1][..],
        &[38, 0, 1, b'k'],
        &[33, 0, 1],
        &[17, 0, 0, 0, 1],
        &[99, 0],
        &[8, 0, 9, b'a'],
        &[3, 0, 1, 0],
        &[0x80],
    ] {
        refused(V5, &publish(malformed), Reason::MALFORMED);
    }
    for wrong in [&[1, 2][..], &[1, 1, 1, 1], &[35, 0, 0], &[11, 0], &[35, 0, 1, 35, 0, 2], &[8, 0, 1, b'#']]
    {
        refused(V5, &publish(wrong), Reason::PROTOCOL);
    }
    // A length that ends within a property, past the end, or is cut itself.
    refused(V5, &[0x30, 9, 0, 1, b'a', 2, 8, 0, 2, b'h', b'e'], Reason::MALFORMED);
    refused(V5, &[0x30, 6, 0, 1, b'a', 50, 1, 1], Reason::MALFORMED);
    refused(V5, &[0x30, 4, 0, 1, b'a', 0x80], Reason::MALFORMED);
}

#[test]
fn connack() {
    for (code, reason) in [(0, 0), (1, 0x84), (2, 0x85), (3, 0x88), (4, 0x86), (5, 0x87), (6, 0x80)] {
        let Incoming::ConnAck(found) = whole(V311, &[0x20, 2, 0, code]) else { panic!() };
        assert_eq!(found.reason, Reason(reason));
    }
    let Incoming::ConnAck(found) = whole(V5, &[0x20, 2, 0, 1]) else { panic!() };
    assert_eq!(found.reason, Reason::VERSION, "a server that knows only 3.1.1");
    refused(V5, &[0x20, 2, 0, 0], Reason::MALFORMED);
    refused(V5, &[0x20, 3, 2, 0, 0], Reason::MALFORMED);
    refused(V5, &[0x20, 3, 1, 0x87, 0], Reason::PROTOCOL);
    refused(V5, &[0x20, 6, 0, 0, 3, 33, 0, 0], Reason::PROTOCOL);
    refused(V5, &[0x20, 8, 0, 0, 5, 39, 0, 0, 0, 0], Reason::PROTOCOL);
    refused(V5, &[0x20, 4, 0, 0, 0, 0], Reason::MALFORMED);
    refused(V5, &[0x20, 5, 0, 0, 2, 36, 2], Reason::PROTOCOL);
    // As AWS IoT answers.
    let aws = [
        0x20, 27, 1, 0, 24, 17, 0, 0, 14, 16, 33, 0, 100, 36, 1, 37, 1, 39, 0, 2, 0, 0, 34, 0, 8, 41, 0, 42,
        1,
    ];
    let Incoming::ConnAck(found) = whole(V5, &aws) else { panic!() };
    let properties = found.properties.unwrap();
    assert!(found.session_present && properties.subscription_ids_available == Some(false));
    assert_eq!((properties.session_expiry, properties.receive_maximum), (Some(3600), Some(100)));
    assert_eq!((properties.maximum_packet_size, properties.topic_alias_maximum), (Some(131_072), Some(8)));
}

#[test]
fn acknowledgements() {
    for (bytes, reason) in
        [(&[0x40, 2, 0, 1][..], 0), (&[0x40, 3, 0, 1, 0x87], 0x87), (&[0x40, 4, 0, 1, 0x97, 0], 0x97)]
    {
        let Incoming::PubAck(found) = whole(V5, bytes) else { panic!() };
        assert_eq!((found.id, found.reason), (1, Reason(reason)));
    }
    let Incoming::PubAck(found) = whole(V5, &[0x40, 3, 0, 1, 0x33]) else { panic!() };
    assert_eq!(found.reason, Reason(0x33), "a code that nobody knows is passed on");
    for (version, bytes) in [
        (V5, &[0x40, 6, 0, 1, 0, 0, 9, 9][..]),
        (V5, &[0x40, 1, 0]),
        (V311, &[0x40, 3, 0, 1, 0]),
        (V311, &[0xb0, 3, 0, 1, 1]),
        (V5, &[0x90, 2, 0, 1]),
    ] {
        refused(version, bytes, Reason::MALFORMED);
    }
    for (version, bytes) in [
        (V5, &[0x40, 2, 0, 0][..]),
        (V5, &[0x90, 3, 0, 1, 0]),
        (V5, &[0xb0, 3, 0, 1, 0]),
        (V311, &[0x90, 2, 0, 1]),
    ] {
        refused(version, bytes, Reason::PROTOCOL);
    }
    let Incoming::SubAck(found) = whole(V311, &[0x90, 4, 0, 7, 1, 0x80]) else { panic!() };
    assert_eq!((found.id, found.reasons), (7, vec![Reason::GRANTED_1, Reason::UNSPECIFIED]));
    let Incoming::UnsubAck(found) = whole(V311, &[0xb0, 2, 0, 7]) else { panic!() };
    assert_eq!((found.id, found.reasons.len()), (7, 0));
}

fn client() -> Connect {
    Connect {
        client_id: "gw-0042".into(),
        clean_start: true,
        keep_alive: 60,
        username: Some("user".into()),
        password: Some("secret".into()),
        will: Some(Will {
            topic: "gone".into(),
            payload: Bytes::from_static(b"gw-0042"),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: Some(Box::new(Properties { will_delay: Some(5), ..Properties::default() })),
        }),
        properties: Properties {
            session_expiry: Some(3600),
            receive_maximum: Some(100),
            ..Properties::default()
        },
    }
}

#[test]
fn others_read_what_we_write_in_mqtt_5() {
    let mut out = BytesMut::new();
    encode::connect(&mut out, V5, &client());
    let v5::Packet::Connect(connect, will, login) = v5::Packet::read(&mut out, None).unwrap() else {
        panic!()
    };
    assert_eq!((connect.client_id.as_str(), connect.clean_start, connect.keep_alive), ("gw-0042", true, 60));
    let properties = connect.properties.unwrap();
    assert_eq!((properties.session_expiry_interval, properties.receive_maximum), (Some(3600), Some(100)));
    let will = will.unwrap();
    assert_eq!((&will.topic[..], &will.message[..], will.retain), (&b"gone"[..], &b"gw-0042"[..], true));
    assert_eq!(will.properties.unwrap().delay_interval, Some(5));
    assert_eq!(login.unwrap().password, "secret");

    let properties = Properties {
        content_type: Some("text/plain".into()),
        correlation_data: Some(Bytes::from_static(&[0, 1])),
        message_expiry: Some(7),
        payload_format: Some(true),
        response_topic: Some("r".into()),
        topic_alias: Some(3),
        user: vec![("k".into(), "v".repeat(200).into())],
        ..Properties::default()
    };
    let topic = Text::from("t/é");
    let head = PublishHead {
        topic: &topic,
        qos: QoS::AtLeastOnce,
        dup: true,
        retain: true,
        id: 777,
        properties: Some(&properties),
        payload: 20_000,
    };
    encode::publish(&mut out, V5, &head);
    out.extend_from_slice(&vec![7; 20_000]);
    assert_eq!(out.len(), head.size(V5));
    let v5::Packet::Publish(found) = v5::Packet::read(&mut out, None).unwrap() else { panic!() };
    assert_eq!((&found.topic[..], found.pkid, found.dup, found.retain), ("t/é".as_bytes(), 777, true, true));
    assert_eq!(found.payload.len(), 20_000);
    let seen = found.properties.unwrap();
    assert_eq!((seen.content_type.as_deref(), seen.topic_alias), (Some("text/plain"), Some(3)));
    assert_eq!((seen.message_expiry_interval, seen.payload_format_indicator), (Some(7), Some(1)));
    assert_eq!((seen.user_properties.len(), seen.correlation_data.unwrap().len()), (1, 2));

    let wish = Subscription {
        filter: "a/#".into(),
        qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::Never,
    };
    encode::subscribe(
        &mut out,
        V5,
        9,
        &[wish, Subscription { filter: "b".into(), ..Subscription::default() }],
    );
    let v5::Packet::Subscribe(found) = v5::Packet::read(&mut out, None).unwrap() else { panic!() };
    assert_eq!((found.pkid, found.filters.len(), found.filters[0].path.as_str()), (9, 2, "a/#"));
    assert!(found.filters[0].nolocal && found.filters[0].preserve_retain);
    assert_eq!(found.filters[0].retain_forward_rule, v5::RetainForwardRule::Never);

    encode::unsubscribe(&mut out, V5, 10, &["a/#".into(), "b".into()]);
    let v5::Packet::Unsubscribe(found) = v5::Packet::read(&mut out, None).unwrap() else { panic!() };
    assert_eq!((found.pkid, found.filters), (10, vec!["a/#".to_string(), "b".to_string()]));
    encode::puback(&mut out, V5, 5, Reason::SUCCESS);
    encode::puback(&mut out, V5, 6, Reason(0x99));
    let v5::Packet::PubAck(found) = v5::Packet::read(&mut out, None).unwrap() else { panic!() };
    assert_eq!((found.pkid, found.reason), (5, v5::PubAckReason::Success));
    let v5::Packet::PubAck(found) = v5::Packet::read(&mut out, None).unwrap() else { panic!() };
    assert_eq!((found.pkid, found.reason), (6, v5::PubAckReason::PayloadFormatInvalid));
    encode::ping(&mut out);
    assert!(matches!(v5::Packet::read(&mut out, None), Ok(v5::Packet::PingReq(_))));
    encode::disconnect(&mut out, V5, Reason(0x04));
    let v5::Packet::Disconnect(found) = v5::Packet::read(&mut out, None).unwrap() else { panic!() };
    assert_eq!(found.reason_code, v5::DisconnectReasonCode::DisconnectWithWillMessage);
    assert!(out.is_empty());
}

#[test]
fn others_read_what_we_write_in_mqtt_3_1_1() {
    let mut out = BytesMut::new();
    encode::connect(&mut out, V311, &client());
    let v4::Packet::Connect(connect) = v4::Packet::read(&mut out, 10_000).unwrap() else { panic!() };
    assert_eq!(
        (connect.client_id.as_str(), connect.clean_session, connect.keep_alive),
        ("gw-0042", true, 60)
    );
    assert_eq!(connect.login.unwrap().password, "secret");
    assert_eq!(connect.last_will.unwrap().message, &b"gw-0042"[..]);
    let topic = Text::from("t");
    let head = PublishHead {
        topic: &topic,
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: false,
        id: 1,
        properties: None,
        payload: 3,
    };
    encode::publish(&mut out, V311, &head);
    out.extend_from_slice(b"abc");
    assert_eq!(out.len(), head.size(V311));
    let v4::Packet::Publish(found) = v4::Packet::read(&mut out, 10_000).unwrap() else { panic!() };
    assert_eq!((found.topic.as_str(), found.pkid, &found.payload[..]), ("t", 1, &b"abc"[..]));
    let wish =
        Subscription { filter: "a".into(), qos: QoS::AtLeastOnce, no_local: true, ..Subscription::default() };
    encode::subscribe(&mut out, V311, 2, &[wish]);
    let v4::Packet::Subscribe(found) = v4::Packet::read(&mut out, 10_000).unwrap() else { panic!() };
    assert_eq!((found.pkid, found.filters[0].path.as_str()), (2, "a"));
    encode::unsubscribe(&mut out, V311, 3, &["a".into()]);
    assert!(matches!(v4::Packet::read(&mut out, 10_000), Ok(v4::Packet::Unsubscribe(_))));
    encode::disconnect(&mut out, V311, Reason(0x04));
    assert!(matches!(v4::Packet::read(&mut out, 10_000), Ok(v4::Packet::Disconnect)));
    assert!(out.is_empty());
}

#[test]
fn neither_user_name_nor_password_is_shown() {
    let connect =
        Connect { username: Some("token=canary-1".into()), password: Some("canary-2".into()), ..client() };
    assert!(!format!("{connect:?}").contains("canary"), "{connect:?}");
}
