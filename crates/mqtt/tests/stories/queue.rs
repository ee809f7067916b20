//! Time, cancelling and the queue.

use super::*;

#[test]
fn an_error_says_whether_it_was_on_the_wire() {
    let mut bench = Bench::online(settings());
    let sent = bench.publish_within("t", "1", Some(5 * SECOND));
    let cancelled = bench.publish("t", "2");
    let id = published(&bench.said());
    bench.machine.handle_cancel(bench.now, cancelled);
    bench.pass(5 * SECOND);
    assert!(matches!(bench.outcome(sent), Some(Outcome::Failed { was_sent: true, .. })));
    assert_eq!(
        (bench.failure(sent), bench.failure(cancelled)),
        (Some("ERR_MQTT_TIMEOUT"), Some("ERR_MQTT_CANCELLED"))
    );
    // Their identifiers are not given to others while the server may still answer.
    assert_eq!(bench.machine.stats().packet_ids, 2);
    bench.says(&peer::puback(V5, id[0].0, 0));
    bench.says(&peer::puback(V5, id[1].0, 0));
    assert_eq!((bench.machine.stats().packet_ids, bench.machine.stats().in_flight), (0, 0));

    let mut bench = Bench::new(settings());
    let waiting = bench.publish_within("t", "3", Some(5 * SECOND));
    bench.pass(5 * SECOND);
    assert!(matches!(bench.outcome(waiting), Some(Outcome::Failed { was_sent: false, .. })));
}

#[test]
fn a_full_queue_does_what_its_policy_says() {
    let queue =
        |policy| Settings { queue: Queue { max_messages: 2, policy, ..Queue::default() }, ..settings() };
    let mut bench = Bench::new(queue(FullPolicy::Reject));
    let kept = ["1", "2"].map(|payload| bench.publish("t", payload));
    let refused = bench.machine.handle_publish(bench.now, message("t", "3"), None);
    assert_eq!(code(refused), "ERR_MQTT_QUEUE_FULL");
    assert!(kept.iter().all(|id| bench.outcome(*id).is_none()));

    let mut bench = Bench::new(queue(FullPolicy::DropOldest));
    let all = ["1", "2", "3"].map(|payload| bench.publish("t", payload));
    assert_eq!(all.map(|id| bench.failure(id)), [Some("ERR_MQTT_DROPPED"), None, None]);

    let mut bench = Bench::new(queue(FullPolicy::DropNewest));
    let all = ["1", "2", "3"].map(|payload| bench.publish("t", payload));
    assert_eq!(all.map(|id| bench.failure(id)), [None, None, Some("ERR_MQTT_DROPPED")]);

    let mut settings = queue(FullPolicy::DropOldest);
    settings.queue.max_bytes = 10;
    let mut bench = Bench::new(settings);
    let first = bench.publish("t", "12345");
    let large = bench.machine.handle_publish(bench.now, message("t", "1234567890"), None);
    assert_eq!(code(large), "ERR_MQTT_QUEUE_FULL");
    assert_eq!(bench.failure(first), None, "nothing is dropped for what can never fit");
}

#[test]
fn without_an_offline_queue_messages_need_a_connection() {
    let mut bench =
        Bench::new(Settings { queue: Queue { offline: false, ..Queue::default() }, ..settings() });
    assert_eq!(code(bench.machine.handle_publish(bench.now, message("t", "x"), None)), "ERR_MQTT_OFFLINE");
    bench.connect(false);
    bench.publish("t", "x");
    assert_eq!(published(&bench.said()).len(), 1);
}

#[test]
fn an_expiry_is_shortened_by_the_time_in_the_queue() {
    let mut bench = Bench::new(settings());
    let properties = Box::new(Properties { message_expiry: Some(100), ..Properties::default() });
    let message = Publish { properties: Some(properties), ..message("t", "x") };
    bench.machine.handle_publish(bench.now, message, None).unwrap();
    bench.pass(8 * SECOND);
    let link = bench.link.unwrap();
    bench.machine.handle_up(bench.now, link);
    while bench.machine.poll_transmit(bench.now).is_some() {}
    let answer = peer::connack(V5, false, 0, &[]);
    bench.machine.handle_input(bench.now, link, &mut bytes::BytesMut::from(&answer[..]));
    let bytes = bench.machine.poll_transmit(bench.now).unwrap();
    assert!(bytes.windows(5).any(|window| window == [2, 0, 0, 0, 92]), "{bytes:02x?}");
}

#[test]
fn draining_goes_on_over_new_connections_until_its_time_is_over() {
    let mut bench = Bench::online(settings());
    let operation = bench.publish("t", "x");
    bench.said();
    bench.machine.handle_close(bench.now, Some(60 * SECOND));
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    let id = published(&bench.said())[0].0;
    bench.says(&peer::puback(V5, id, 0));
    assert!(matches!(bench.outcome(operation), Some(Outcome::Acknowledged { .. })));
    assert_eq!((bench.said(), bench.machine.phase()), (vec![Said::Disconnect], Phase::Closed));

    let mut bench = Bench::new(settings());
    let operation = bench.publish("t", "x");
    bench.machine.handle_close(bench.now, Some(60 * SECOND));
    bench.pass(59 * SECOND);
    assert_eq!(bench.failure(operation), None);
    bench.pass(SECOND);
    assert_eq!((bench.failure(operation), bench.machine.phase()), (Some("ERR_CLOSED"), Phase::Closed));

    // Nobody would ever connect it.
    let mut bench = Bench::online(settings());
    bench.machine.handle_stop(bench.now);
    let operation = bench.publish("t", "x");
    bench.machine.handle_close(bench.now, Some(60 * SECOND));
    bench.pump();
    assert_eq!((bench.failure(operation), bench.machine.phase()), (Some("ERR_CLOSED"), Phase::Closed));
}

#[test]
fn after_a_stop_messages_wait_for_the_next_start() {
    let mut bench = Bench::online(settings());
    let first = bench.publish("t", "1");
    bench.said();
    bench.machine.handle_stop(bench.now);
    let second = bench.publish("t", "2");
    bench.pass(3600 * SECOND);
    assert_eq!((bench.outcome(first).is_none(), bench.outcome(second).is_none()), (true, true));
    bench.said();
    bench.machine.handle_start(bench.now);
    bench.pump();
    bench.connect(false);
    let again: Vec<_> = published(&bench.said()).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(again, ["1", "2"]);
}

#[test]
fn a_time_to_live_counts_only_until_a_message_is_sent() {
    let queue = Queue { ttl: Some(3 * SECOND), ..Queue::default() };
    let mut bench = Bench::online(Settings { queue, ..settings() });
    let sent = bench.publish("t", "x");
    let id = published(&bench.said())[0].0;
    bench.pass(10 * SECOND);
    assert_eq!(bench.failure(sent), None);
    bench.says(&peer::puback(V5, id, 0));
    assert!(matches!(bench.outcome(sent), Some(Outcome::Acknowledged { .. })));
}
