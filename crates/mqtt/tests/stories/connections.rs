//! From CONNECT to the end of a connection.

use super::*;

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
    assert_eq!(attempt(&bench), Some(1));
    // The next one is brief, and is counted.
    bench.pass_to_open();
    bench.connect(false);
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
    // The resolver comes up after the link.
    for most in [2, 4, 8] {
        fail(&mut bench, Code::Dns);
        assert!(bench.pass_to_open() <= most * SECOND, "the pauses begin anew");
    }
    fail(&mut bench, Code::ServerCertificate);
    bench.machine.handle_network_up(bench.now);
    assert!(bench.pass_to_open() >= 60 * SECOND, "the network is not to blame for that");
    bench.connect(false);
    bench.machine.handle_network_up(bench.now);
    assert_eq!(bench.said(), [Said::Ping], "has the connection survived?");
}

#[test]
fn a_network_that_comes_back_during_an_attempt_counts_when_that_fails() {
    let mut bench = Bench::new(settings());
    let fail = |bench: &mut Bench| {
        let link = bench.link.take().unwrap();
        bench.machine.handle_failed(bench.now, link, Error::new(Code::Dns, "tried: found"));
        bench.pump();
    };
    for round in 0..20 {
        for _ in 0..8 {
            fail(&mut bench);
            bench.pass_to_open();
        }
        bench.machine.handle_network_up(bench.now);
        fail(&mut bench);
        assert!(bench.pass_to_open() <= 2 * SECOND, "round {round}");
    }
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

#[test]
fn it_pings_although_one_side_speaks() {
    // Only the server: it must hear from us.
    let mut bench = Bench::online(settings());
    let mut said = Vec::new();
    for _ in 0..6 {
        bench.pass(10 * SECOND);
        bench.says(&peer::publish(V5, "t", b"x", None, false));
        said.extend(bench.said());
    }
    assert_eq!(said, [Said::Ping]);
    // Only we: nobody may be there any more.
    let mut bench = Bench::online(settings());
    for _ in 0..8 {
        bench.pass(10 * SECOND);
        let message = Publish { qos: QoS::AtMostOnce, ..message("t", "x") };
        bench.machine.handle_publish(bench.now, message, None).unwrap();
        bench.pump();
    }
    assert_eq!(bench.machine.phase(), Phase::Online);
    bench.pass(4 * SECOND);
    assert_eq!(last_error(&bench).code(), Code::MqttKeepAlive);
}

#[test]
fn what_was_encoded_is_written_before_the_farewell() {
    let mut bench = Bench::online(settings());
    for payload in ["x".repeat(20_000), "small".into()] {
        let message = Publish { qos: QoS::AtMostOnce, ..message("t", &payload) };
        bench.machine.handle_publish(bench.now, message, None).unwrap();
    }
    let mut wire = bytes::BytesMut::from(bench.machine.poll_transmit(bench.now).unwrap());
    bench.machine.handle_close(bench.now, None);
    let farewell = std::iter::from_fn(|| bench.machine.poll_event()).find_map(|event| match event {
        Event::Shut { farewell, .. } => farewell,
        _ => None,
    });
    wire.extend_from_slice(&farewell.unwrap().0);
    let said: Vec<_> = std::iter::from_fn(|| peer::read(&mut wire, V5)).collect();
    assert_eq!(published(&said).iter().map(|(_, payload)| payload.len()).collect::<Vec<_>>(), [20_000, 5]);
    assert_eq!(said.last(), Some(&Said::Disconnect));
}

#[test]
fn neither_password_nor_payload_is_shown() {
    let mut settings = settings();
    settings.connect.username = Some("user?token=canary".into());
    settings.connect.password = Some("canary".into());
    let mut bench = Bench::new(settings.clone());
    let link = bench.link.unwrap();
    bench.machine.handle_publish(bench.now, message("t", "canary"), None).unwrap();
    bench.machine.handle_up(bench.now, link);
    let early = format!("{settings:?} {:?}", bench.machine);
    bench.pump();
    bench.says(&peer::connack(V5, false, 0, &[]));
    bench.says(&peer::publish(V5, "t", b"canary", Some(1), false));
    bench.machine.handle_close(bench.now, None);
    bench.pump();
    let shown = format!("{early} {:?} {:?} {:?}", bench.machine, bench.events, message("t", "canary"));
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("Message(\"t\", 6 bytes"), "{shown}");
}

#[test]
fn a_transport_or_a_server_that_does_not_answer_is_given_up() {
    let mut bench = Bench::new(settings());
    let silent = bench.link.unwrap();
    bench.pass(10 * SECOND);
    assert_eq!(last_error(&bench).code(), Code::ConnectTimeout);
    bench.pass_to_open();
    bench.machine.handle_up(bench.now, silent);
    assert_eq!(bench.machine.phase(), Phase::Opening, "that one is given up");
    bench.greet();
    bench.pass(19 * SECOND);
    assert_eq!(bench.machine.phase(), Phase::Greeting);
    bench.pass(SECOND);
    assert_eq!(last_error(&bench).code(), Code::MqttNoAnswer);
}

#[test]
fn what_comes_from_an_earlier_link_is_ignored() {
    let mut bench = Bench::online(settings());
    let old = bench.link.unwrap();
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    let mut late = bytes::BytesMut::from(&peer::publish(V5, "t", b"x", Some(1), false)[..]);
    bench.machine.handle_input(bench.now, old, &mut late);
    bench.machine.handle_input(bench.now, old, &mut bytes::BytesMut::from(&[0_u8; 9][..]));
    bench.machine.handle_lost(bench.now, old, None);
    bench.machine.handle_failed(bench.now, old, Error::new(Code::Connect, "late"));
    bench.machine.handle_up(bench.now, old);
    assert_eq!((bench.said(), bench.machine.phase()), (vec![], Phase::Online));
    assert_eq!(bench.machine.stats().received, 0);
    assert!(late.is_empty(), "nobody will ever want it");
}
