//! Messages a second of machine and codec alone: 256 bytes, QoS 1, 100 in flight, over memory.
//!
//! `cargo run --release -p refresh-session-mqtt --example throughput`

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "an example")]

use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use refresh_session_core::BootTime;
use refresh_session_mqtt::{Event, Limits, LinkId, Machine, Outcome, Publish, QoS, Settings, Text};

const MESSAGES: u64 = 2_000_000;
const IN_FLIGHT: usize = 100;
const PAYLOAD: usize = 256;
const TOPIC: &str = "gateway/gw-0042/telemetry";

fn main() {
    let sent = best(send);
    let received = best(receive);
    println!("sent and acknowledged: {sent:.0} messages/s");
    println!("received and acknowledged: {received:.0} messages/s");
}

fn best(run: fn() -> u64) -> f64 {
    let rates = (0..3).map(|_| {
        let start = now();
        let messages = run();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let messages = messages as f64;
        messages / now().duration_since(start).as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}

/// The machine publishes, a server of a few lines acknowledges.
fn send() -> u64 {
    let (mut machine, link, at) = connected();
    let payload = Bytes::from(vec![7; PAYLOAD]);
    let topic = Text::from(TOPIC);
    let (mut begun, mut done) = (0, 0);
    let mut wire = BytesMut::new();
    let mut acks = BytesMut::new();
    while done < MESSAGES {
        while machine.stats().pending < IN_FLIGHT && begun < MESSAGES {
            let message = Publish {
                topic: topic.clone(),
                payload: payload.clone(),
                qos: QoS::AtLeastOnce,
                ..Publish::default()
            };
            machine.handle_publish(at, message, Some(Duration::from_mins(1))).expect("room");
            begun += 1;
        }
        while let Some(bytes) = machine.poll_transmit(at) {
            wire.extend_from_slice(&bytes);
        }
        acknowledge(&mut wire, &mut acks);
        machine.handle_input(at, link, &mut acks);
        while let Some(event) = machine.poll_event() {
            let Event::Settled { outcome: Outcome::Acknowledged { .. }, .. } = event else {
                panic_at(&event)
            };
            done += 1;
        }
        let _ = machine.poll_timeout();
    }
    done
}

/// A server of a few lines publishes, the machine acknowledges.
fn receive() -> u64 {
    let (mut machine, link, at) = connected();
    let (mut received, mut acknowledged) = (0_u64, 0_u64);
    let mut read = BytesMut::new();
    while received < MESSAGES {
        for id in 1..=u16::try_from(IN_FLIGHT).unwrap() {
            read.put_u8(0x32);
            let length = 2 + TOPIC.len() + 2 + 1 + PAYLOAD;
            read.put_u8(u8::try_from(length & 0x7f).unwrap() | 0x80);
            read.put_u8(u8::try_from(length >> 7).unwrap());
            read.put_u16(u16::try_from(TOPIC.len()).unwrap());
            read.put_slice(TOPIC.as_bytes());
            read.put_u16(id);
            read.put_u8(0);
            read.put_bytes(7, PAYLOAD);
        }
        machine.handle_input(at, link, &mut read);
        while let Some(event) = machine.poll_event() {
            let Event::Message(message) = event else { panic_at(&event) };
            assert_eq!(message.payload.len(), PAYLOAD);
            received += 1;
        }
        while let Some(bytes) = machine.poll_transmit(at) {
            acknowledged += u64::try_from(bytes.len() / 4).unwrap();
        }
        let _ = machine.poll_timeout();
    }
    assert_eq!(received, acknowledged);
    received
}

fn connected() -> (Machine, LinkId, BootTime) {
    let at = BootTime::default();
    let limits = Limits { unacknowledged: 100, ..Limits::NONE };
    let mut machine = Machine::new(Settings { limits, ..Settings::new("gw-0042") }, 1).expect("settings");
    machine.handle_start(at);
    let Some(Event::Open { link, .. }) = machine.poll_event() else { unreachable_open() };
    machine.handle_up(at, link);
    while machine.poll_transmit(at).is_some() {}
    machine.handle_input(at, link, &mut BytesMut::from(&[0x20, 3, 0, 0, 0][..]));
    assert!(matches!(machine.poll_event(), Some(Event::Connected { .. })));
    (machine, link, at)
}

/// Reads PUBLISH by PUBLISH and answers each.
fn acknowledge(wire: &mut BytesMut, acks: &mut BytesMut) {
    while wire.len() > 5 {
        assert_eq!(wire[0] & 0xf6, 0x32);
        let length = usize::from(wire[1] & 0x7f) | usize::from(wire[2]) << 7;
        let topic = usize::from(u16::from_be_bytes([wire[3], wire[4]]));
        let id = [wire[5 + topic], wire[6 + topic]];
        wire.advance(3 + length);
        acks.put_slice(&[0x40, 2, id[0], id[1]]);
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::panic, reason = "an example")]
fn panic_at(event: &Event) -> ! {
    panic!("unexpected: {event:?}")
}

#[expect(clippy::panic, reason = "an example")]
fn unreachable_open() -> ! {
    panic!("a machine that starts opens a link")
}
