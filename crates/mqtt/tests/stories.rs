//! What the machine promises, one story each, in virtual time.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use refresh_session_core::{Code, Error};
use refresh_session_mqtt::{
    Backoff, Cause, Event, FullPolicy, Limits, Outcome, Phase, Properties, Publish, QoS, Queue, Reason,
    Settings, Subscription, Version,
};
use support::bench::{Bench, message};
use support::peer::{self, Said};

const SECOND: Duration = Duration::from_secs(1);
const V5: Version = Version::V5;

fn settings() -> Settings {
    Settings::new("gw")
}

fn wish(filter: &str) -> Subscription {
    Subscription { filter: filter.into(), qos: QoS::AtLeastOnce, ..Subscription::default() }
}

fn published(said: &[Said]) -> Vec<(u16, String)> {
    let each = said.iter().filter_map(|said| match said {
        Said::Publish { id, payload, .. } => Some((*id, String::from_utf8(payload.clone()).unwrap())),
        _ => None,
    });
    each.collect()
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.unwrap_err().code().as_str()
}

fn last_error(bench: &Bench) -> Error {
    let error = bench.events.iter().rev().find_map(|event| match event {
        Event::Disconnected { error, .. } => Some(error.clone()),
        _ => None,
    });
    error.expect("a disconnect")
}

// -------------------------------------------------------------------------------------------------- acknowledgements

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
    bench.says(&peer::publish(V5, "t", b"y", Some(7), false));
    let second = token(&bench);
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    bench.says(&peer::publish(V5, "t", b"y", Some(7), true));
    assert_eq!(code(bench.machine.handle_acknowledge(second, Reason::SUCCESS)), "ERR_MQTT_STALE_ACK");
    assert_eq!(bench.said(), []);
}

// ------------------------------------------------------------------------------------------------- time, cancel, queue

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

// -------------------------------------------------------------------------------------------------------------- limits

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

// ------------------------------------------------------------------------------------------------------- subscriptions

#[test]
fn filters_go_eight_to_a_packet_and_settle_together() {
    let mut bench = Bench::online(settings());
    let wishes = (0..20).map(|at| wish(&format!("f/{at}"))).collect();
    let operation = bench.machine.handle_subscribe(bench.now, wishes, None).unwrap();
    let said = bench.said();
    let packets: Vec<_> = said
        .iter()
        .map(|said| match said {
            Said::Subscribe { id, filters } => (*id, filters.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(packets.iter().map(|(_, filters)| *filters).collect::<Vec<_>>(), [8, 8, 4]);
    bench.says(&peer::suback(V5, packets[2].0, &[1, 1, 1, 0x87]));
    bench.says(&peer::suback(V5, packets[0].0, &[1; 8]));
    assert!(bench.outcome(operation).is_none());
    bench.says(&peer::suback(V5, packets[1].0, &[0; 8]));
    let Some(Outcome::Answered { reasons }) = bench.outcome(operation) else { panic!() };
    assert_eq!(
        (reasons.len(), reasons[0], reasons[8], reasons[19]),
        (20, Reason(1), Reason(0), Reason(0x87))
    );
    assert_eq!(bench.machine.stats().subscriptions, 19);
}

#[test]
fn a_refused_subscription_is_an_error_that_names_the_filter() {
    let mut bench = Bench::online(settings());
    let operation = bench.machine.handle_subscribe(bench.now, vec![wish("secret/#")], None).unwrap();
    let Said::Subscribe { id, .. } = bench.said()[0] else { panic!() };
    bench.says(&peer::suback(V5, id, &[0x87]));
    let Some(Outcome::Refused { error, .. }) = bench.outcome(operation) else { panic!() };
    assert!(error.message().contains("secret/#") && error.message().contains("not authorized"), "{error}");
    assert!(error.hint().unwrap().contains("iot:Subscribe"));
}

#[test]
fn only_a_lost_session_has_subscriptions_asked_for_again() {
    let mut settings = settings();
    settings.connect.properties.session_expiry = Some(3600);
    let mut bench = Bench::online(settings);
    let wishes = (0..10).map(|at| wish(&format!("f/{at}"))).collect();
    bench.machine.handle_subscribe(bench.now, wishes, None).unwrap();
    for said in bench.said() {
        let Said::Subscribe { id, filters } = said else { panic!() };
        bench.says(&peer::suback(V5, id, &vec![1; filters.len()]));
    }
    bench.lose();
    bench.pass_to_open();
    assert!(matches!(bench.greet(), Said::Connect { clean: false, .. }), "the session is asked for");
    bench.says(&peer::connack(V5, true, 0, &[]));
    assert_eq!(bench.said(), []);
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    let said = bench.said();
    assert!(
        matches!(&said[..], [Said::Subscribe { filters, .. }, Said::Subscribe { .. }] if filters.len() == 8)
    );
    let Said::Subscribe { id, .. } = said[1] else { panic!() };
    bench.says(&peer::suback(V5, id, &[1, 0x87]));
    assert!(matches!(
        bench.events.last(),
        Some(Event::SubscriptionLost { reason: Reason::NOT_AUTHORIZED, .. })
    ));
}

#[test]
fn a_session_that_may_have_been_made_by_an_unanswered_connect_is_not_trusted() {
    let mut settings = settings();
    settings.connect.properties.session_expiry = Some(3600);
    let mut bench = Bench::online(settings);
    bench.machine.handle_subscribe(bench.now, vec![wish("a")], None).unwrap();
    let Said::Subscribe { id, .. } = bench.said()[0] else { panic!() };
    bench.says(&peer::suback(V5, id, &[1]));
    bench.lose();
    bench.pass_to_open();
    // The server has forgotten the session and made a new one; its CONNACK is lost.
    bench.greet();
    bench.lose();
    bench.pass_to_open();
    bench.connect(true);
    assert!(matches!(&bench.said()[..], [Said::Subscribe { filters, .. }] if filters == &["a"]));
}

#[test]
fn about_one_filter_one_request_at_a_time() {
    let mut bench = Bench::online(settings());
    bench.machine.handle_subscribe(bench.now, vec![wish("a")], None).unwrap();
    bench.machine.handle_unsubscribe(bench.now, vec!["a".into(), "b".into()], None).unwrap();
    let said = bench.said();
    assert!(
        matches!(&said[..], [Said::Subscribe { .. }, Said::Unsubscribe { filters, .. }] if filters == &["b"])
    );
    let Said::Subscribe { id, .. } = said[0] else { panic!() };
    bench.says(&peer::suback(V5, id, &[1]));
    assert!(matches!(&bench.said()[..], [Said::Unsubscribe { filters, .. }] if filters == &["a"]));
}

// --------------------------------------------------------------------------------------------------------- connections

#[test]
fn connack_says_what_holds() {
    let mut bench = Bench::new(Settings { connect: Settings::new("").connect, ..settings() });
    // Client identifier "srv", keep-alive 30 s, receive maximum 2.
    bench.connect_with(false, &[18, 0, 3, b's', b'r', b'v', 19, 0, 30, 33, 0, 2]);
    assert_eq!(bench.machine.client_id().as_str(), "srv");
    for payload in ["1", "2", "3"] {
        bench.publish("t", payload);
    }
    assert_eq!(published(&bench.said()).len(), 2);
    bench.pass(27 * SECOND);
    assert_eq!(bench.said(), [Said::Ping]);
    bench.lose();
    bench.pass_to_open();
    assert!(matches!(bench.greet(), Said::Connect { client_id, .. } if client_id == "srv"));
}

#[test]
fn a_refusal_says_what_to_look_at() {
    let mut bench = Bench::new(settings());
    bench.greet();
    bench.says(&peer::connack(V5, false, 0x87, &[31, 0, 2, b'n', b'o']));
    let error = last_error(&bench);
    assert_eq!((error.code().as_str(), error.retryable()), ("ERR_MQTT_CONNECT_REFUSED", false));
    assert!(error.message().contains("not authorized (0x87): \"no\""), "{error}");
    assert!(error.hint().unwrap().contains("iot:Connect"));
    assert!(bench.pass_to_open() >= 60 * SECOND);
    let tls = Error::new(Code::ServerCertificate, "TLS: not trusted");
    bench.machine.handle_failed(bench.now, bench.link.unwrap(), tls);
    bench.pump();
    assert_eq!(last_error(&bench).code().as_str(), "ERR_SERVER_CERTIFICATE");
    assert!(bench.pass_to_open() >= 60 * SECOND, "it will not be trusted in a second either");
}

#[test]
fn a_hang_up_under_3_1_1_is_explained() {
    let mut bench = Bench::online(Settings { version: Version::V311, ..settings() });
    bench.publish("t", "x");
    bench.said();
    bench.lose();
    let error = last_error(&bench);
    assert!(error.hint().unwrap().contains("policy denies the topic"), "{error:?}");
}

#[test]
fn a_good_connection_resets_the_schedule_and_a_brief_one_does_not() {
    let backoff = Backoff { min: SECOND, max: 64 * SECOND, stable: 30 * SECOND };
    let attempt = |bench: &Bench| {
        bench.events.iter().rev().find_map(|event| match event {
            Event::Reconnecting { attempt, .. } => Some(*attempt),
            _ => None,
        })
    };
    let mut bench = Bench::online(Settings { backoff, ..settings() });
    for expected in 2..6 {
        bench.lose();
        assert_eq!(attempt(&bench), Some(expected));
        bench.pass_to_open();
        bench.connect(false);
    }
    bench.pass(30 * SECOND);
    bench.lose();
    assert_eq!(attempt(&bench), Some(2));
}

#[test]
fn a_network_that_comes_back_ends_a_pause_that_it_caused() {
    let mut bench = Bench::new(settings());
    let fail = |bench: &mut Bench, code| {
        let link = bench.link.take().unwrap();
        bench.machine.handle_failed(bench.now, link, Error::new(code, "tried: found"));
        bench.pump();
    };
    for _ in 0..8 {
        fail(&mut bench, Code::Dns);
        bench.pass_to_open();
    }
    fail(&mut bench, Code::Dns);
    bench.machine.handle_network_up(bench.now);
    assert!(bench.pass_to_open() <= SECOND);
    fail(&mut bench, Code::ServerCertificate);
    bench.machine.handle_network_up(bench.now);
    assert!(bench.pass_to_open() >= 60 * SECOND, "the network is not to blame for that");
    bench.connect(false);
    bench.machine.handle_network_up(bench.now);
    assert_eq!(bench.said(), [Said::Ping], "has the connection survived?");
}

#[test]
fn two_connects_are_a_second_apart() {
    let mut bench = Bench::online(settings());
    bench.machine.handle_stop(bench.now);
    bench.pump();
    bench.machine.handle_start(bench.now);
    bench.pump();
    assert_eq!(bench.machine.phase(), Phase::Waiting);
    assert_eq!(bench.pass_to_open(), SECOND);
}

#[test]
fn a_connection_is_replaced_in_a_quiet_moment_before_its_life_is_over() {
    let day = Duration::from_hours(24);
    let mut bench = Bench::online(Settings { life: Some(day), ..settings() });
    let start = bench.now;
    while bench.machine.phase() == Phase::Online {
        bench.pass(SECOND);
        for said in bench.said() {
            match said {
                Said::Ping => bench.says(&peer::PINGRESP),
                Said::Disconnect => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let lasted = bench.now.since(start);
    assert!(
        lasted > day.checked_sub(Duration::from_mins(61)).unwrap()
            && lasted < day.checked_sub(Duration::from_mins(14)).unwrap(),
        "{lasted:?}"
    );
    assert!(bench.pass_to_open() <= SECOND);

    // What is on the wire is awaited; what comes meanwhile waits for the next connection.
    let mut bench = Bench::online(Settings { life: Some(24 * SECOND), ..settings() });
    bench.pass(22 * SECOND);
    let first = bench.publish("t", "1");
    let id = published(&bench.said())[0].0;
    bench.pass(2 * SECOND);
    assert_eq!(bench.machine.phase(), Phase::Draining);
    let second = bench.publish("t", "2");
    assert_eq!(bench.said(), []);
    bench.says(&peer::puback(V5, id, 0));
    assert!(matches!(bench.outcome(first), Some(Outcome::Acknowledged { .. })));
    assert_eq!(bench.said(), [Said::Disconnect]);
    bench.pass_to_open();
    bench.connect(false);
    assert_eq!(published(&bench.said()).len(), 1);
    assert!(bench.outcome(second).is_none());
}

#[test]
fn a_second_connack_a_wrong_session_and_garbage_end_the_connection() {
    for (bytes, reason) in [
        (peer::connack(V5, false, 0, &[]), "a second CONNACK"),
        (vec![0x30, 3, 0, 0, 0], "empty topic"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "reserved flags"),
        (peer::suback(V5, 9, &[0]), ""),
    ] {
        let mut bench = Bench::online(settings());
        bench.says(&bytes);
        if reason.is_empty() {
            assert_eq!(bench.machine.phase(), Phase::Online, "an answer to nothing is ignored");
        } else {
            assert_eq!(bench.said(), [Said::Disconnect]);
            assert!(matches!(last_error(&bench).code(), Code::MqttProtocol), "{:?}", last_error(&bench));
            assert!(last_error(&bench).message().contains(reason), "{:?}", last_error(&bench));
        }
    }
    let mut bench = Bench::new(settings());
    bench.greet();
    bench.says(&peer::connack(V5, true, 0, &[]));
    assert!(last_error(&bench).message().contains("clean start"), "a session where none was asked for");
}

#[test]
fn a_server_that_exceeds_our_window_is_left() {
    let mut settings = settings();
    settings.manual_ack = true;
    settings.connect.properties.receive_maximum = Some(2);
    let mut bench = Bench::online(settings);
    for id in 1..=3 {
        bench.says(&peer::publish(V5, "t", b"x", Some(id), false));
    }
    assert!(last_error(&bench).message().contains("receive maximum"));
}

#[test]
fn aliases_save_topics_and_end_with_their_connection() {
    let mut bench = Bench::new(Settings { topic_aliases: true, ..settings() });
    bench.connect_with(false, &[34, 0, 1]);
    let topics = |bench: &mut Bench| {
        for topic in ["a", "a", "b"] {
            bench.publish(topic, "x");
        }
        let each = bench.said().into_iter().filter_map(|said| match said {
            Said::Publish { topic, alias, .. } => Some((topic, alias)),
            _ => None,
        });
        each.collect::<Vec<_>>()
    };
    let expected = [("a".to_string(), Some(1)), (String::new(), Some(1)), ("b".to_string(), None)];
    assert_eq!(topics(&mut bench), expected);
    bench.lose();
    bench.pass_to_open();
    bench.connect_with(false, &[34, 0, 1]);
    assert_eq!(topics(&mut bench)[..3], [expected[0].clone(), expected[1].clone(), expected[2].clone()]);

    // Those of the server: only if it was told that it may.
    let aliased = [0x30, 7, 0, 1, b't', 3, 35, 0, 1];
    let again = [0x30, 6, 0, 0, 3, 35, 0, 1];
    let mut settings = settings();
    settings.connect.properties.topic_alias_maximum = Some(1);
    let mut bench = Bench::online(settings);
    bench.says(&aliased);
    bench.says(&again);
    assert!(matches!(bench.events.last(), Some(Event::Message(message)) if message.topic.as_str() == "t"));
    let mut bench = Bench::online(self::settings());
    bench.says(&aliased);
    assert!(last_error(&bench).message().contains("alias"));
}

#[test]
fn limits_can_be_lifted_one_by_one() {
    let limits = Limits { topic: 1000, slashes: None, filters_per_packet: 20, ..Limits::AWS };
    let mut bench = Bench::online(Settings { limits, ..settings() });
    bench.publish(&"a/".repeat(300), "x");
    let wishes = (0..20).map(|at| wish(&format!("f/{at}"))).collect();
    bench.machine.handle_subscribe(bench.now, wishes, None).unwrap();
    assert!(
        bench
            .said()
            .iter()
            .any(|said| matches!(said, Said::Subscribe { filters, .. } if filters.len() == 20))
    );
}
