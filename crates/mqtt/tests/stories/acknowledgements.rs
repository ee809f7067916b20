//! Acknowledgements, both ways.

use super::*;

#[test]
fn acknowledgements_carry_their_reason_to_their_operation() {
    let mut bench = Bench::online(settings());
    let operations = ["1", "2", "3"].map(|payload| bench.publish("t", payload));
    let sent = published(&bench.said());
    for (at, reason) in [(2, 0x10), (0, 0), (1, 0x97)] {
        bench.says(&peer::puback(V5, sent[at].0, reason));
    }
    let outcome = |at: usize| bench.outcome(operations[at]);
    assert!(matches!(outcome(0), Some(Outcome::Acknowledged { reason: Reason::SUCCESS, .. })));
    assert!(matches!(outcome(1), Some(Outcome::Refused { reasons, .. }) if reasons == &[Reason(0x97)]));
    assert!(matches!(outcome(2), Some(Outcome::Acknowledged { reason: Reason(0x10), .. })));
}

#[test]
fn qos_0_settles_when_it_is_handed_to_the_transport() {
    let mut bench = Bench::new(settings());
    let operation = bench
        .machine
        .handle_publish(bench.now, Publish { qos: QoS::AtMostOnce, ..message("t", "x") }, None)
        .unwrap();
    bench.pump();
    assert!(bench.outcome(operation).is_none());
    bench.connect(false);
    assert!(matches!(bench.outcome(operation), Some(Outcome::Written)));
}

#[test]
fn a_message_that_is_not_acknowledged_has_the_connection_made_anew() {
    let mut bench = Bench::online(settings());
    let operation = bench.publish("t", "x");
    bench.said();
    bench.pass(30 * SECOND);
    assert!(matches!(
        bench.events.iter().rev().find(|event| matches!(event, Event::Disconnected { .. })),
        Some(Event::Disconnected { cause: Cause::NoAcknowledgement, .. })
    ));
    assert_eq!(bench.said(), [Said::Disconnect]);
    bench.pass_to_open();
    bench.connect(false);
    let again = published(&bench.said());
    assert_eq!(again.len(), 1);
    bench.says(&peer::puback(V5, again[0].0, 0));
    assert!(matches!(bench.outcome(operation), Some(Outcome::Acknowledged { .. })));
}

#[test]
fn a_token_is_good_once_and_on_its_own_connection_only() {
    let mut bench = Bench::online(Settings { manual_ack: true, ..settings() });
    bench.says(&peer::publish(V5, "t", b"x", Some(7), false));
    let token = |bench: &Bench| match bench.events.last() {
        Some(Event::Message(message)) => message.ack.unwrap(),
        other => panic!("{other:?}"),
    };
    let first = token(&bench);
    assert_eq!(bench.said(), [], "nothing is acknowledged by itself");
    bench.machine.handle_acknowledge(first, Reason::SUCCESS).unwrap();
    assert_eq!(bench.said(), [Said::PubAck { id: 7 }]);
    assert_eq!(code(bench.machine.handle_acknowledge(first, Reason::SUCCESS)), "ERR_MQTT_STALE_ACK");
    assert_eq!(bench.said(), []);

    // The first of each of two connections, with the same identifier.
    let mut bench = Bench::online(Settings { manual_ack: true, ..settings() });
    bench.says(&peer::publish(V5, "t", b"y", Some(7), false));
    let old = token(&bench);
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    bench.says(&peer::publish(V5, "t", b"y", Some(7), true));
    assert_eq!(code(bench.machine.handle_acknowledge(old, Reason::SUCCESS)), "ERR_MQTT_STALE_ACK");
    assert_eq!(bench.said(), []);
}

#[test]
fn in_a_stream_acknowledgements_leave_together_and_reading_may_wait() {
    let mut bench = Bench::online(Settings { limits: Limits::NONE, ..settings() });
    let message = |id| peer::publish(V5, "t", b"x", Some(id), false);
    bench.says(&message(1));
    assert_eq!(bench.said(), [Said::PubAck { id: 1 }]);
    assert!(!bench.machine.may_read_later());

    bench.says(&(1..=64).flat_map(message).collect::<Vec<_>>());
    assert_eq!(bench.said(), (1..=64).map(|id| Said::PubAck { id }).collect::<Vec<_>>());
    assert!(bench.machine.may_read_later());
    bench.says(&message(65));
    assert_eq!(bench.said(), []);
    assert_eq!(bench.machine.acknowledgements_wanted(), 31);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.said(), [Said::PubAck { id: 65 }]);

    bench.publish("t", "x");
    assert!(!bench.machine.may_read_later(), "an answer is awaited");
    let sent = published(&bench.said());
    bench.says(&peer::puback(V5, sent[0].0, 0));
    assert!(bench.machine.may_read_later());

    bench.pass(Duration::from_millis(10));
    bench.says(&message(66));
    assert_eq!(bench.said(), [Said::PubAck { id: 66 }], "after a pause it is no stream");
    assert!(!bench.machine.may_read_later());
}

#[test]
fn what_leaves_takes_waiting_acknowledgements_along_before_it() {
    let mut bench = Bench::online(Settings { limits: Limits::NONE, ..settings() });
    let message = |id| peer::publish(V5, "t", b"x", Some(id), false);
    bench.says(&(1..=64).flat_map(message).collect::<Vec<_>>());
    bench.said();
    bench.says(&message(65));
    assert_eq!(bench.said(), []);
    bench.publish("t", "y");
    let said = bench.said();
    assert!(matches!(said[..], [Said::PubAck { id: 65 }, Said::Publish { .. }]), "{said:?}");
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.said(), [], "once");
}
