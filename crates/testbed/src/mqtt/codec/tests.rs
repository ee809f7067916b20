//! Packets as the standards show them, and what they forbid.

use std::sync::Arc;

use super::*;

fn read(bytes: &[u8], version: Version) -> Result<FromClient, Malformed> {
    let body = frame(bytes, 1 << 20)?.expect("a whole packet");
    assert_eq!(body.end, bytes.len());
    decode(bytes[0], &bytes[body], version)
}

#[test]
fn a_connect_of_either_version() {
    let v5 = b"\x10\x1b\x00\x04MQTT\x05\xc2\x00\x3c\x05\x11\x00\x00\x0e\x10\x00\x02gw\x00\x01u\x00\x02pw";
    let FromClient::Connect(connect) = read(v5, connect_version(&v5[2..]).unwrap()).unwrap() else {
        panic!()
    };
    assert_eq!((connect.version, connect.clean, connect.keep_alive), (Version::V5, true, 60));
    assert_eq!(connect.properties.number(id::SESSION_EXPIRY), Some(3600));
    assert_eq!((connect.user.as_deref(), connect.password.as_deref()), (Some("u"), Some(&b"pw"[..])));

    let v3 = b"\x10\x16\x00\x04MQTT\x04\x26\x00\x0a\x00\x02gw\x00\x01t\x00\x03bye";
    let FromClient::Connect(connect) = read(v3, connect_version(&v3[2..]).unwrap()).unwrap() else {
        panic!()
    };
    let will = connect.will.as_ref().unwrap();
    assert_eq!((will.topic.as_str(), &*will.payload, will.retain), ("t", &b"bye"[..], true));
    assert_eq!(connect_version(b"\x00\x06MQIsdp\x03"), None);
}

#[test]
fn what_the_standard_forbids_has_its_reason() {
    for (bytes, reason, said) in [
        (&b"\x10\x0d\x00\x04MQTT\x05\x01\x00\x3c\x00\x00\x00"[..], 0x81, "flags"),
        (b"\x32\x05\x00\x01t\x00\x00", 0x82, "identifier is zero"),
        (b"\x36\x05\x00\x01t\x00\x01", 0x81, "flags"),
        (b"\x30\x06\x00\x01t\x02\x01\x02", 0x82, "cannot be 2"),
        (b"\x30\x06\x00\x01t\x02\x21\x02", 0x82, "does not belong"),
        (b"\x30\x06\x00\x01t\x02\x70\x02", 0x81, "no property"),
        (b"\x30\x03\x00\x01\x00", 0x81, "U+0000"),
        (b"\x30\x03\x00\x01\xff", 0x81, "UTF-8"),
        (b"\x82\x03\x00\x01\x00", 0x82, "without a filter"),
        (b"\x80\x03\x00\x01\x00", 0x81, "flags"),
        (b"\x82\x07\x00\x01\x00\x00\x01t\x03", 0x81, "options"),
        (b"\xc0\x01\x00", 0x81, "left"),
        (b"\x20\x02\x00\x00", 0x82, "does not send"),
    ] {
        let refused = read(bytes, Version::V5).unwrap_err();
        assert!(refused.reason == reason && refused.sentence.contains(said), "{bytes:?}: {refused:?}");
    }
    assert_eq!(frame(b"\x30\xff\xff\xff\xff\x01", 100).unwrap_err().reason, 0x81);
    assert_eq!(frame(b"\x30\x80\x00", 100).unwrap_err().reason, 0x81);
    assert_eq!(frame(b"\x30\xff\x7f", 100).unwrap_err().reason, 0x95);
    assert_eq!(frame(b"\x30\xff", 100), Ok(None));
    assert_eq!(frame(b"\x30\x02\x00", 100), Ok(None));
}

#[test]
fn packets_of_servers() {
    let connack = ToClient::Connack {
        session_present: true,
        reason: 0,
        properties: Properties::default().with(id::RECEIVE_MAXIMUM, 100),
    };
    assert_eq!(encode(&connack, Version::V5), b"\x20\x06\x01\x00\x03\x21\x00\x64");
    assert_eq!(encode(&connack, Version::V311), b"\x20\x02\x01\x00");
    let publish = Publish {
        dup: false,
        qos: 1,
        retain: true,
        topic: "t".to_owned(),
        id: Some(7),
        properties: Properties::default().with_text(id::CONTENT_TYPE, "x"),
        payload: Arc::from(&b"hi"[..]),
    };
    let bytes = encode(&ToClient::Publish(publish.clone()), Version::V5);
    assert_eq!(bytes, b"\x33\x0c\x00\x01t\x00\x07\x04\x03\x00\x01xhi");
    // What is sent is what would be read.
    assert_eq!(read(&bytes, Version::V5).unwrap(), FromClient::Publish(publish));
    let suback = ToClient::Suback { id: 1, reasons: vec![1, 0x87] };
    assert_eq!(encode(&suback, Version::V5), b"\x90\x05\x00\x01\x00\x01\x87");
    assert_eq!(encode(&suback, Version::V311), b"\x90\x04\x00\x01\x01\x87");
    let puback = ToClient::Puback { id: 1, reason: 0, properties: Properties::default() };
    assert_eq!(encode(&puback, Version::V5), b"\x40\x02\x00\x01");
}
