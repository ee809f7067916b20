//! Subscriptions, and the sessions that hold them.

use refresh_session_mqtt::RetainHandling;

use super::*;

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
fn options_that_a_subscription_cannot_have_are_refused_before_the_wire() {
    let wishes = [
        Subscription { no_local: true, ..wish("a") },
        Subscription { retain_as_published: true, ..wish("a") },
        Subscription { retain_handling: RetainHandling::Never, ..wish("a") },
    ];
    for wish in wishes {
        let of_v311 = Settings { version: Version::V311, ..settings() };
        for (settings, is_fine) in [(settings(), true), (of_v311, false)] {
            let mut bench = Bench::online(settings);
            let begun = bench.machine.handle_subscribe(bench.now, vec![wish.clone()], None);
            assert_eq!(begun.err().map(|error| error.code()), (!is_fine).then_some(Code::MqttProperty));
            assert_eq!(bench.said().is_empty(), !is_fine);
        }
    }
    let mut bench = Bench::online(settings());
    let shared = Subscription { no_local: true, ..wish("$share/g/a") };
    assert!(bench.machine.handle_subscribe(bench.now, vec![shared], None).is_err());
    assert_eq!(bench.said(), []);
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

#[test]
fn a_part_that_was_granted_in_a_lost_session_is_asked_for_again() {
    let mut bench = Bench::online(settings());
    let wishes = (0..9).map(|at| wish(&format!("f/{at}"))).collect();
    let operation = bench.machine.handle_subscribe(bench.now, wishes, None).unwrap();
    let Said::Subscribe { id, .. } = bench.said()[0] else { panic!() };
    bench.says(&peer::suback(V5, id, &[1; 8]));
    bench.lose();
    bench.pass_to_open();
    bench.connect(false);
    for said in bench.said() {
        let Said::Subscribe { id, filters } = said else { panic!() };
        bench.says(&peer::suback(V5, id, &vec![if filters.len() == 8 { 0x87 } else { 1 }; filters.len()]));
    }
    let Some(Outcome::Answered { reasons }) = bench.outcome(operation) else { panic!() };
    assert_eq!((reasons[0], reasons[8]), (Reason::NOT_AUTHORIZED, Reason(1)), "what holds now, not then");
    assert_eq!(bench.machine.stats().subscriptions, 1);
}

#[test]
fn what_the_server_may_have_granted_counts() {
    let mut settings = settings();
    settings.connect.properties.session_expiry = Some(3600);
    let mut bench = Bench::online(settings);
    bench.machine.handle_subscribe(bench.now, vec![wish("a")], None).unwrap();
    bench.said();
    bench.lose();
    bench.pass_to_open();
    bench.connect(true);
    // The first was granted, though its answer was lost; the second is refused.
    let Said::Subscribe { id, .. } = bench.said()[0] else { panic!() };
    bench.says(&peer::suback(V5, id, &[0x80]));
    let many = |count: usize| (0..count).map(|at| wish(&format!("f/{at}"))).collect::<Vec<_>>();
    let refused = bench.machine.handle_subscribe(bench.now, many(50), None);
    assert_eq!(code(refused), "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS");
    bench.machine.handle_subscribe(bench.now, many(49), None).unwrap();
}
