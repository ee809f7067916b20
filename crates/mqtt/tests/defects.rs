//! The defects of rumqttc's event loop, each as what must not happen here.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use refresh_session_mqtt::{
    Event, Limits, Machine, Outcome, Phase, Publish, QoS, Settings, Subscription, Version,
};
use support::bench::{Bench, message};
use support::peer::{self, Said};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        limits: Limits { publishes_per_second: None, bytes_per_second: None, ..Limits::AWS },
        ..Settings::new("gw")
    }
}

fn persistent() -> Settings {
    let mut settings = settings();
    settings.connect.clean_start = false;
    settings.connect.properties.session_expiry = Some(3600);
    settings
}

fn ids(said: &[Said]) -> Vec<u16> {
    let id = |said: &Said| match said {
        Said::Publish { id, .. } => Some(*id),
        _ => None,
    };
    said.iter().filter_map(id).collect()
}

#[test]
fn d01_a_lost_session_leaves_nothing_that_blocks() {
    let mut bench = Bench::online(settings());
    for at in 0..100 {
        bench.publish("t", &at.to_string());
    }
    // The window is full and one more waits when the session goes.
    let last = bench.publish("t", "last");
    assert_eq!(ids(&bench.said()).len(), 100);
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    let mut rounds = 0;
    while bench.outcome(last).is_none() {
        for id in ids(&bench.said()) {
            bench.says(&peer::puback(Version::V5, id, 0));
        }
        rounds += 1;
        assert!(rounds < 10, "blocked");
    }
    assert_eq!(bench.machine.stats().acknowledged, 101);
}

#[test]
fn d02_a_refused_message_makes_room_for_the_next() {
    let mut bench = Bench::new(settings());
    bench.connect_with(false, &[33, 0, 1]);
    let first = bench.publish("t", "1");
    let second = bench.publish("t", "2");
    let id = ids(&bench.said());
    assert_eq!(id.len(), 1, "the window is 1");
    bench.says(&peer::puback(Version::V5, id[0], 0x87));
    assert_eq!(bench.failure(first), Some("ERR_MQTT_PUBLISH_REFUSED"));
    let id = ids(&bench.said());
    bench.says(&peer::puback(Version::V5, id[0], 0));
    assert!(matches!(bench.outcome(second), Some(Outcome::Acknowledged { .. })));
}

#[test]
fn d03_nothing_is_dropped_in_silence_when_the_session_is_gone() {
    let mut bench = Bench::online(settings());
    let sent = bench.publish("t", "on the wire");
    bench.said();
    bench.lose();
    let queued = bench.publish("t", "queued");
    let wish = Subscription { filter: "s".into(), ..Subscription::default() };
    let subscription = bench.machine.handle_subscribe(bench.now, vec![wish], None).unwrap();
    bench.pass_to_open();
    bench.connect(false);
    let said = bench.said();
    assert!(matches!(&said[0], Said::Subscribe { filters, .. } if filters == &["s"]), "{said:?}");
    let payloads = said[1..].iter().map(|said| match said {
        Said::Publish { payload, dup: false, .. } => String::from_utf8(payload.clone()).unwrap(),
        other => panic!("{other:?}"),
    });
    let payloads = payloads.collect::<Vec<_>>();
    assert_eq!(payloads, ["on the wire", "queued"]);
    let Said::Subscribe { id, .. } = said[0] else { panic!() };
    bench.says(&peer::suback(Version::V5, id, &[0]));
    for id in ids(&said) {
        bench.says(&peer::puback(Version::V5, id, 0));
    }
    for operation in [sent, queued, subscription] {
        assert!(matches!(
            bench.outcome(operation),
            Some(Outcome::Acknowledged { .. } | Outcome::Answered { .. })
        ));
    }
}

#[test]
fn d04_a_machine_is_small_before_it_is_used() {
    // Of rumqttc's version 5: 13.5 MiB. All our tables grow with what is in them; this holds the type itself.
    assert!(std::mem::size_of::<Machine>() < 2048, "{}", std::mem::size_of::<Machine>());
}

#[test]
fn d05_acknowledgements_in_any_order_hold_up_nobody() {
    let mut bench = Bench::online(settings());
    let first = bench.publish("t", "slow");
    let slow = ids(&bench.said())[0];
    // More messages than there are packet identifiers, all around the one that is not answered.
    for round in 0..70_000_u32 {
        bench.publish("t", "x");
        let id = ids(&bench.said());
        assert_eq!(id.len(), 1, "held up in round {round}");
        assert_ne!(id[0], slow, "an identifier in use was used again");
        bench.says(&peer::puback(Version::V5, id[0], 0));
        bench.events.clear();
    }
    bench.says(&peer::puback(Version::V5, slow, 0));
    assert!(matches!(bench.outcome(first), Some(Outcome::Acknowledged { .. })));
}

#[test]
fn d06_a_packet_as_large_as_aws_sends_is_taken() {
    let mut bench = Bench::online(settings());
    let payload = vec![7; 128 * 1024 - 20];
    bench.says(&peer::publish(Version::V5, "t", &payload, Some(1), false));
    let found =
        bench.events.iter().any(|event| matches!(event, Event::Message(found) if found.payload == payload));
    assert!(found && bench.said() == [Said::PubAck { id: 1 }]);
    bench.says(&peer::publish(Version::V5, "t", &vec![7; 128 * 1024], Some(2), false));
    assert_ne!(bench.machine.phase(), Phase::Online, "larger than we said");
}

#[test]
fn d07_reconnects_are_delayed_jittered_and_classified() {
    let mut bench = Bench::online(settings());
    bench.lose();
    let mut waits = vec![bench.pass_to_open()];
    for _ in 0..8 {
        let link = bench.link.unwrap();
        let error = refresh_session_core::Error::new(refresh_session_core::Code::Connect, "refused");
        bench.machine.handle_failed(bench.now, link, error);
        bench.pump();
        waits.push(bench.pass_to_open());
    }
    assert!(waits.iter().all(|wait| (SECOND..=120 * SECOND).contains(wait)), "{waits:?}");
    assert!(waits[0] <= 2 * SECOND && waits[1] <= 4 * SECOND, "{waits:?}");
    assert!(waits.iter().max() > Some(&(16 * SECOND)), "{waits:?}");
    bench.connect(false);
    bench.says(&peer::disconnect(0x8e));
    assert!(bench.pass_to_open() >= 60 * SECOND, "two devices with one name must not fight");
    bench.greet();
    bench.says(&peer::connack(Version::V5, false, 0x87, &[]));
    assert!(bench.pass_to_open() >= 60 * SECOND, "a policy does not heal in a second");
}

#[test]
fn d08_a_full_window_holds_up_messages_only() {
    let mut bench = Bench::new(settings());
    bench.connect_with(false, &[33, 0, 1]);
    bench.publish("t", "1");
    bench.publish("t", "2");
    assert_eq!(ids(&bench.said()).len(), 1);
    let wish = Subscription { filter: "s".into(), ..Subscription::default() };
    bench.machine.handle_subscribe(bench.now, vec![wish], None).unwrap();
    bench.machine.handle_unsubscribe(bench.now, vec!["u".into()], None).unwrap();
    let said = bench.said();
    assert!(matches!(said[..], [Said::Subscribe { .. }, Said::Unsubscribe { .. }]), "{said:?}");
    bench.machine.handle_stop(bench.now);
    assert_eq!(bench.said(), [Said::Disconnect]);
}

#[test]
fn d09_a_dead_link_is_found_within_keep_alive_and_ping_limit() {
    let mut bench = Bench::online(settings());
    bench.pass(53 * SECOND);
    assert_eq!(bench.said(), []);
    bench.pass(SECOND);
    assert_eq!(bench.said(), [Said::Ping]);
    bench.says(&peer::PINGRESP);
    bench.pass(54 * SECOND);
    assert_eq!(bench.said(), [Said::Ping]);
    bench.pass(29 * SECOND);
    assert_eq!(bench.machine.phase(), Phase::Online);
    bench.pass(SECOND);
    assert_eq!(bench.machine.phase(), Phase::Waiting);
    // No keep-alive makes it panic.
    for keep_alive in [0, 1, 4, u16::MAX] {
        let mut settings = Settings { limits: Limits::NONE, ..settings() };
        settings.connect.keep_alive = keep_alive;
        Bench::online(settings).pass(10 * SECOND);
    }
}

#[test]
fn d10_closing_awaits_what_is_on_the_wire_and_takes_nothing_more() {
    let mut bench = Bench::new(settings());
    bench.connect_with(false, &[33, 0, 1]);
    let first = bench.publish("t", "1");
    let second = bench.publish("t", "2");
    bench.machine.handle_close(bench.now, Some(5 * SECOND));
    bench.pump();
    assert_eq!(bench.machine.phase(), Phase::Draining);
    let refused = bench.machine.handle_publish(bench.now, message("t", "3"), None).unwrap_err();
    assert_eq!(refused.code().as_str(), "ERR_CLOSED");
    for _ in 0..2 {
        let id = ids(&bench.said())[0];
        bench.says(&peer::puback(Version::V5, id, 0));
    }
    assert_eq!(bench.said(), [Said::Disconnect]);
    for operation in [first, second] {
        assert!(matches!(bench.outcome(operation), Some(Outcome::Acknowledged { .. })));
    }
    assert!(matches!(bench.events.last(), Some(Event::Closed)) && bench.machine.poll_timeout().is_none());

    let mut bench = Bench::online(settings());
    let stuck = bench.publish("t", "never answered");
    bench.machine.handle_close(bench.now, Some(5 * SECOND));
    bench.pass(5 * SECOND);
    assert_eq!(bench.failure(stuck), Some("ERR_CLOSED"));
    assert!(matches!(bench.outcome(stuck), Some(Outcome::Failed { was_sent: true, .. })));
    // A message that waits for a time to live is not kept for ever either.
    let mut bench = Bench::new(Settings {
        queue: refresh_session_mqtt::Queue { ttl: Some(3 * SECOND), ..Default::default() },
        ..settings()
    });
    let old = bench.publish("t", "old");
    bench.pass(3 * SECOND);
    assert_eq!(bench.failure(old), Some("ERR_MQTT_EXPIRED"));
}

#[test]
fn d11_a_transport_that_takes_nothing_more_is_given_up() {
    let mut bench = Bench::online(settings());
    // Timers only: nobody polls what is to be written.
    let mut moments = 0;
    while bench.machine.phase() == Phase::Online {
        bench.now = bench.machine.poll_timeout().unwrap().max(bench.now);
        bench.machine.handle_timeout(bench.now);
        moments += 1;
        assert!(moments < 10);
    }
    assert!(bench.now.since(refresh_session_core::BootTime::default()) <= 1090 * SECOND);
}

#[test]
fn d12_nothing_that_comes_in_any_phase_makes_it_panic() {
    let mut rng = fastrand::Rng::with_seed(12);
    let genuine: Vec<Vec<u8>> = vec![
        peer::connack(Version::V5, false, 0, &[33, 0, 5]),
        peer::connack(Version::V5, true, 0, &[]),
        peer::connack(Version::V5, false, 0x97, &[]),
        peer::publish(Version::V5, "t", b"x", Some(3), false),
        peer::publish(Version::V5, "t", b"x", None, false),
        peer::puback(Version::V5, 1, 0),
        peer::puback(Version::V5, 2, 0x87),
        peer::suback(Version::V5, 1, &[0]),
        peer::suback(Version::V5, 3, &[0, 1]),
        peer::unsuback(Version::V5, 3, &[0]),
        peer::PINGRESP.to_vec(),
        peer::disconnect(0x8e),
    ];
    let mut survived = 0_u32;
    for case in 0..20_000_u32 {
        let mut bench = Bench::new(if case % 2 == 0 { settings() } else { persistent() });
        if case % 3 > 0 {
            bench.connect(false);
            bench.publish("t", "1");
            let wish = Subscription { filter: "s".into(), ..Subscription::default() };
            bench.machine.handle_subscribe(bench.now, vec![wish], None).unwrap();
        } else {
            bench.greet();
        }
        for _ in 0..rng.usize(1..5) {
            let mut bytes = genuine[rng.usize(..genuine.len())].clone();
            if rng.bool() {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            bench.says(&bytes);
        }
        survived += u32::from(bench.machine.phase() == Phase::Online);
        bench.pass(SECOND);
        bench.machine.handle_close(bench.now, None);
        bench.pump();
        assert_eq!(bench.machine.phase(), Phase::Closed);
        assert_eq!(bench.machine.stats().pending, 0);
    }
    assert!(survived > 1000 && survived < 19_000, "{survived}");
}

#[test]
fn d13_a_payload_is_not_copied() {
    let mut bench = Bench::online(settings());
    let mut from = bytes::BytesMut::from(&peer::publish(Version::V5, "t", &[7; 500], None, false)[..]);
    let (start, end) = (from.as_ptr() as usize, from.as_ptr() as usize + from.len());
    bench.machine.handle_input(bench.now, bench.link.unwrap(), &mut from);
    let Some(Event::Message(found)) = bench.machine.poll_event() else { panic!() };
    let at = found.payload.as_ptr() as usize;
    assert!(start <= at && at < end);
    // Nor is a large one on its way out.
    let payload = bytes::Bytes::from(vec![7; 50_000]);
    let at = payload.as_ptr();
    let large = Publish { topic: "t".into(), payload, qos: QoS::AtMostOnce, ..Publish::default() };
    bench.machine.handle_publish(bench.now, large, None).unwrap();
    let chunks: Vec<_> = std::iter::from_fn(|| bench.machine.poll_transmit(bench.now)).collect();
    assert!(chunks.iter().any(|chunk| chunk.as_ptr() == at));
}

#[test]
fn a_session_that_was_kept_gets_messages_again_with_dup_and_the_same_identifiers_in_order() {
    let mut bench = Bench::online(persistent());
    for at in 0..3 {
        bench.publish("t", &at.to_string());
    }
    let first = bench.said();
    bench.says(&peer::puback(Version::V5, ids(&first)[1], 0));
    bench.lose();
    bench.publish("t", "later");
    bench.pass_to_open();
    assert!(matches!(bench.greet(), Said::Connect { clean: false, .. }));
    bench.says(&peer::connack(Version::V5, true, 0, &[]));
    let again = bench.said();
    let seen: Vec<_> = again
        .iter()
        .map(|said| match said {
            Said::Publish { payload, dup, .. } => (String::from_utf8(payload.clone()).unwrap(), *dup),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, [("0".into(), true), ("2".into(), true), ("later".into(), false)]);
    assert_eq!(ids(&again)[..2], [ids(&first)[0], ids(&first)[2]]);
    assert!(!ids(&first).contains(&ids(&again)[2]) || ids(&again)[2] == ids(&first)[1]);
}
