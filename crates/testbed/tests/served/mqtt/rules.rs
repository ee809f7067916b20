//! The limits of AWS, and what happens beyond them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    bed::{Bed, bounded},
    mqtt::talk::{Talk, connect, packet, publish, reason, rules, subscribe},
};

#[tokio::test]
async fn what_aws_does_not_take_ends_the_connection_with_its_reason() {
    let bed = Bed::start(&[]);
    bounded(async {
        let deep = ["x"; 9].join("/");
        let filters = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|filter| (filter, 1));
        let large = vec![b'x'; 128 * 1024];
        for (number, (bytes, reason)) in [
            (publish(5, &deep, 0, 0, &[], b""), 0x90),
            (publish(5, &"x".repeat(257), 0, 0, &[], b""), 0x90),
            (publish(5, "a/+", 0, 0, &[], b""), 0x90),
            (publish(5, "a", 0, 0, &[0x23, 0, 9], b""), 0x94),
            (publish(5, "", 0, 0, &[0x23, 0, 8], b""), 0x82),
            (publish(5, "a", 0, 0, &[], &large), 0x95),
            (publish(5, "denied/a", 0, 0, &[], b""), 0x87),
            (subscribe(5, 1, &filters, &[]), 0x97),
            (subscribe(5, 1, &[("a", 1)], &[0x0b, 1]), 0xa1),
            (subscribe(5, 1, &[("$share/g/a", 5)], &[]), 0x82),
            (connect(5, "again", 2, 60, &[]), 0x82),
            (packet(0xf0, &[]), 0x82),
            (packet(0x00, &[]), 0x82),
            (packet(0x36, b"\0\x01a\0\x01\0"), 0x81),
        ]
        .into_iter()
        .enumerate()
        {
            let mut talk = Talk::with(&bed, 5, &format!("five-{number}")).await;
            talk.send(&bytes).await;
            assert_eq!(talk.farewell().await, Some(reason), "{number}");
        }
        // 3.1.1 has no words for it.
        for (number, bytes) in [
            publish(4, &deep, 0, 0, &[], b""),
            publish(4, "denied/a", 1, 1, &[], b""),
            subscribe(4, 1, &[("denied/a", 1)], &[]),
            subscribe(4, 1, &filters, &[]),
        ]
        .into_iter()
        .enumerate()
        {
            let mut talk = Talk::with(&bed, 4, &format!("three-{number}")).await;
            talk.send(&bytes).await;
            assert_eq!(talk.farewell().await, None, "{number}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_against_the_policy_has_its_reason() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = Talk::with(&bed, 5, "gw").await;
        talk.publish("denied/a", 1, "x").await;
        assert_eq!(reason(&talk.packet().await.unwrap()), 0x87);
        talk.send(&subscribe(5, 2, &[("denied/a", 1), ("a", 1), ("a/#/b", 0)], &[])).await;
        assert_eq!(talk.packet().await.unwrap().1[3..], [0x87, 1, 0x8f]);
        let policy = json!([{"effect": "Allow", "action": "iot:Publish", "resource": "up/*"}]);
        bed.control("PUT", "/mqtt/policy", policy).await;
        talk.publish("up/a", 3, "x").await;
        assert_eq!(reason(&talk.packet().await.unwrap()), 0);
        talk.publish("a", 4, "x").await;
        assert_eq!(reason(&talk.packet().await.unwrap()), 0x87);
        let mut other = Talk::open(&bed, 5).await;
        other.send(&connect(5, "other", 2, 60, &[])).await;
        assert_eq!(other.packet().await.unwrap().1[1], 0x87);
    })
    .await;
}

#[tokio::test]
async fn of_qos_2_and_of_too_much_nothing_is_said() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"rateClock": "virtual"})).await;
        let mut talk = Talk::with(&bed, 5, "gw").await;
        talk.send(&publish(5, "a", 1, 2, &[], b"x")).await;
        talk.send(&subscribe(5, 2, &[("a", 2)], &[])).await;
        assert!(talk.is_silent().await);
        // The one of QoS 2 counts too.
        for id in 1..=102 {
            talk.publish("a", id, "x").await;
            if id < 100 {
                assert_eq!(talk.packet().await.unwrap().1[..2], id.to_be_bytes());
            }
        }
        assert!(talk.is_silent().await);
        bed.control("POST", "/mqtt/advance", json!({"seconds": 1})).await;
        talk.publish("a", 103, "x").await;
        assert_eq!(talk.packet().await.unwrap().1[..2], 103_u16.to_be_bytes());
        let Value::Array(all) = bed.control("GET", "/mqtt/received?brief=true", json!({})).await else {
            panic!()
        };
        let counted = |outcome: &str| all.iter().filter(|it| it["outcome"] == outcome).count();
        assert_eq!((counted("qos-2"), counted("accepted"), counted("discarded")), (1, 100, 3));
    })
    .await;
}

#[tokio::test]
async fn a_hundred_publishes_may_wait_for_their_puback() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"publishesPerSecond": null, "unacknowledged": 3})).await;
        bed.control("PUT", "/mqtt/faults", json!({"mode": "no-puback"})).await;
        let mut talk = Talk::with(&bed, 5, "gw").await;
        for id in 1..=3 {
            talk.publish("a", id, "x").await;
        }
        assert!(talk.is_silent().await);
        talk.publish("a", 4, "x").await;
        assert_eq!(talk.farewell().await, Some(0x93));
    })
    .await;
}

#[tokio::test]
async fn more_than_half_a_mebibyte_a_second_is_read_later() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"publishesPerSecond": null})).await;
        let mut talk = Talk::with(&bed, 5, "gw").await;
        let large = vec![b'x'; 100_000];
        let begun = Instant::now();
        for id in 1..=8 {
            talk.send(&publish(5, "a", id, 1, &[], &large)).await;
            talk.packet().await.unwrap();
        }
        // Of the 800,000 bytes 524,288 come at once.
        assert!(begun.elapsed() > Duration::from_millis(400), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test]
async fn connects_have_their_limits_too() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"rateClock": "virtual"})).await;
        let ask = async |version, client_id: &str| {
            let mut talk = Talk::open(&bed, version).await;
            talk.send(&connect(version, client_id, 2, 60, &[])).await;
            talk.packet().await.unwrap().1[1]
        };
        assert_eq!(ask(5, "gw").await, 0);
        assert_eq!((ask(5, "gw").await, ask(4, "gw").await), (0x97, 3));
        bed.control("POST", "/mqtt/advance", json!({"seconds": 1})).await;
        assert_eq!(ask(5, "gw").await, 0);
        assert_eq!((ask(5, &"x".repeat(129)).await, ask(4, "$x").await), (0x85, 2));
        assert_eq!((ask(5, "denied-gw").await, ask(4, "denied-four").await), (0x87, 5));
        assert_eq!(ask(3, "old").await, 1);
    })
    .await;
}

#[tokio::test]
async fn keep_alives_lie_between_half_a_minute_and_twenty() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (number, (asked, agreed)) in
            [(0, 1200), (5, 30), (60, 60), (u16::MAX, 1200)].into_iter().enumerate()
        {
            let client_id = format!("gw-{number}");
            let (_, connack) = Talk::with_connect(&bed, 5, &connect(5, &client_id, 2, asked, &[])).await;
            assert_eq!(connack[3..6], [&[0x13][..], &u16::to_be_bytes(agreed)].concat(), "{connack:?}");
        }
        let mut five = Talk::with_connect(&bed, 5, &connect(5, "five", 2, 10, &[])).await.0;
        let mut three = Talk::with_connect(&bed, 4, &connect(4, "three", 2, 30, &[])).await.0;
        let advance = async |seconds| {
            bed.control("POST", "/mqtt/advance", json!({"seconds": seconds, "keepAlive": true})).await;
        };
        advance(40).await;
        for talk in [&mut five, &mut three] {
            talk.send(&packet(0xc0, &[])).await;
            assert_eq!(talk.packet().await, Some((0xd0, vec![])));
        }
        advance(44).await;
        assert!(five.is_silent().await);
        advance(2).await;
        assert_eq!((five.farewell().await, three.farewell().await), (Some(0x8d), None));
    })
    .await;
}

#[tokio::test]
async fn more_than_fifty_subscriptions_are_too_many() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = Talk::with(&bed, 5, "gw").await;
        for number in 0..50 {
            talk.subscribe(&format!("a/{number}")).await;
        }
        talk.subscribe("a/49").await;
        talk.send(&subscribe(5, 9, &[("a/50", 1)], &[])).await;
        assert_eq!(talk.packet().await.unwrap(), (0x90, vec![0, 9, 0, 0x97]));
        assert_eq!(talk.farewell().await, Some(0x97));
    })
    .await;
}

#[tokio::test]
async fn without_rules_all_of_it_works() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!("off")).await;
        let mut talk = Talk::with(&bed, 5, "gw").await;
        let mut burst = Vec::new();
        for id in 1..=1000 {
            burst.extend(publish(5, &["x"; 12].join("/"), id, 1, &[], b"x"));
        }
        talk.send(&burst).await;
        for id in 1..=1000_u16 {
            assert_eq!(talk.packet().await.unwrap().1[..2], id.to_be_bytes());
        }
        assert_eq!(bed.control("GET", "/mqtt/received", json!({})).await, json!([]));
        rules(&bed, json!("aws")).await;
    })
    .await;
}
