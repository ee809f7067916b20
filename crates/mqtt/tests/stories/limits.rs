//! What is refused or held back before the wire.

use super::*;

#[test]
fn what_aws_would_punish_is_refused_before_the_wire() {
    let mut bench = Bench::online(settings());
    let now = bench.now;
    let mut publish = |message| code(bench.machine.handle_publish(now, message, None));
    assert_eq!(publish(message(&"x".repeat(257), "")), "ERR_MQTT_TOPIC");
    assert_eq!(publish(message("a/b/c/d/e/f/g/h/i", "")), "ERR_MQTT_TOPIC");
    assert_eq!(publish(message("a/#", "")), "ERR_MQTT_TOPIC");
    assert_eq!(publish(message("t", &"x".repeat(128 * 1024))), "ERR_MQTT_PACKET_TOO_LARGE");
    let alias = Box::new(Properties { topic_alias: Some(1), ..Properties::default() });
    assert_eq!(publish(Publish { properties: Some(alias), ..message("t", "") }), "ERR_MQTT_PROPERTY");
    assert_eq!(QoS::try_from(2).unwrap_err().code().as_str(), "ERR_MQTT_QOS");
    let many = |from: usize, to: usize| (from..to).map(|at| wish(&format!("f/{at}"))).collect::<Vec<_>>();
    assert_eq!(
        code(bench.machine.handle_subscribe(now, many(0, 51), None)),
        "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS"
    );
    bench.machine.handle_subscribe(now, many(0, 50), None).unwrap();
    assert_eq!(
        code(bench.machine.handle_subscribe(now, many(50, 51), None)),
        "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS"
    );
    bench.machine.handle_subscribe(now, many(0, 50), None).expect("those are no new ones");
    assert_eq!(bench.events.iter().filter(|event| matches!(event, Event::Settled { .. })).count(), 0);
}

#[test]
fn messages_leave_at_the_rate_that_aws_takes() {
    let mut bench = Bench::online(settings());
    for at in 0..500 {
        bench
            .machine
            .handle_publish(
                bench.now,
                Publish { qos: QoS::AtMostOnce, ..message("t", &at.to_string()) },
                None,
            )
            .unwrap();
    }
    let mut seconds = Vec::new();
    for _ in 0..5 {
        seconds.push(published(&bench.said()).len());
        bench.pass(SECOND);
    }
    let all: usize = seconds.iter().sum();
    assert!(seconds.iter().all(|count| *count <= 100) && all >= 360, "{seconds:?}");
}

#[test]
fn messages_that_come_count_too() {
    let mut bench = Bench::online(settings());
    for _ in 0..90 {
        bench.says(&peer::publish(V5, "t", b"x", None, false));
    }
    bench.publish("t", "x");
    assert_eq!(published(&bench.said()).len(), 0);
    bench.pass(SECOND);
    assert_eq!(published(&bench.said()).len(), 1);
}

#[test]
fn what_the_server_lacks_is_refused_and_what_waits_for_it_settles() {
    let mut bench = Bench::new(settings());
    let retained = Publish { retain: true, ..message("t", "x") };
    let early = bench.machine.handle_publish(bench.now, retained.clone(), None).unwrap();
    let shared = bench.machine.handle_subscribe(bench.now, vec![wish("$share/g/a")], None).unwrap();
    // No retained messages, no shared subscriptions, packets of 100 bytes.
    bench.connect_with(false, &[37, 0, 42, 0, 39, 0, 0, 0, 100]);
    assert_eq!(bench.said(), []);
    assert_eq!(
        (bench.failure(early), bench.failure(shared)),
        (Some("ERR_MQTT_UNSUPPORTED"), Some("ERR_MQTT_SUBSCRIBE_REFUSED"))
    );
    assert_eq!(code(bench.machine.handle_publish(bench.now, retained, None)), "ERR_MQTT_UNSUPPORTED");
    let large = message("t", &"x".repeat(100));
    assert_eq!(code(bench.machine.handle_publish(bench.now, large, None)), "ERR_MQTT_PACKET_TOO_LARGE");
    assert_eq!(
        code(bench.machine.handle_subscribe(bench.now, vec![wish("$share/g/a")], None)),
        "ERR_MQTT_UNSUPPORTED"
    );
}
