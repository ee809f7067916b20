//! Messages and sessions: what is kept for whom, and for how long.

use serde_json::json;

use crate::{
    bed::{Bed, bounded},
    mqtt::talk::{Talk, connect, connect_with, packet, publish, rules, subscribe, will},
};

const HOUR: &[u8] = &[0x11, 0, 0, 0x0e, 0x10];

async fn free(bed: &Bed) {
    rules(bed, json!({"connectsPerSecond": null})).await;
}

async fn advance(bed: &Bed, seconds: u32) {
    bed.control("POST", "/mqtt/advance", json!({"seconds": seconds})).await;
}

#[tokio::test]
async fn a_session_waits_as_long_as_it_was_asked_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        free(&bed).await;
        // In 3.1.1 without a word: an hour.
        for (version, kept) in [(5, HOUR), (4, &[][..])] {
            let client_id = format!("gw-{version}");
            let resume = connect(version, &client_id, 0, 60, kept);
            let (mut talk, connack) = Talk::with_connect(&bed, version, &resume).await;
            assert_eq!(connack[0], 0);
            talk.subscribe("a/+").await;
            drop(talk);
            bed.events("mqtt.disconnect", 1).await;
            bed.control("POST", "/mqtt/publish", json!({"topic": "a/b", "payload": "m", "count": 3})).await;
            advance(&bed, 3500).await;
            let (mut talk, connack) = Talk::with_connect(&bed, version, &resume).await;
            assert_eq!(connack[0], 1);
            for payload in ["m0", "m1", "m2"] {
                assert_eq!(talk.payload().await, payload);
            }
            talk.send(&packet(0xe0, &[])).await;
            assert_eq!(talk.packet().await, None);
            advance(&bed, 3601).await;
            assert_eq!(Talk::with_connect(&bed, version, &resume).await.1[0], 0);
            bed.control("DELETE", "/log", json!({})).await;
        }
        // A clean start forgets.
        let mut talk = Talk::with_connect(&bed, 5, &connect(5, "clean", 2, 60, HOUR)).await.0;
        talk.subscribe("a").await;
        assert_eq!(Talk::with_connect(&bed, 5, &connect(5, "clean", 2, 60, HOUR)).await.1[0], 0);
        assert_eq!(talk.farewell().await, Some(0x8e));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_under_another_number_and_without_dup() {
    let bed = Bed::start(&[]);
    bounded(async {
        free(&bed).await;
        let resume = connect(5, "gw", 0, 60, &[HOUR, &[0x21, 0, 2]].concat());
        let mut talk = Talk::with_connect(&bed, 5, &resume).await.0;
        talk.subscribe("a").await;
        bed.control("POST", "/mqtt/publish", json!({"topic": "a", "payload": "m", "count": 3})).await;
        let first = talk.message().await;
        assert_eq!((first.0, first.3.as_str()), (0x32, "m0"));
        assert_eq!(talk.message().await.3, "m1");
        // The client takes two at a time.
        assert!(talk.is_silent().await);
        bed.control("POST", "/mqtt/clients/gw/redeliver", json!({})).await;
        let again = talk.message().await;
        assert_eq!((again.0, again.3.as_str()), (0x32, "m0"));
        assert!(again.2 > 2, "{again:?}");
        drop(talk);

        let mut talk = Talk::with_connect(&bed, 5, &resume).await.0;
        let again = talk.message().await;
        assert_eq!((again.0, again.3.as_str()), (0x32, "m0"));
        assert!(again.2 > 4, "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn the_older_of_two_connections_has_to_go() {
    let bed = Bed::start(&[]);
    bounded(async {
        free(&bed).await;
        let mut five = Talk::with(&bed, 5, "gw").await;
        let mut three = Talk::with(&bed, 4, "gw").await;
        assert_eq!(five.farewell().await, Some(0x8e));
        let _newest = Talk::with(&bed, 5, "gw").await;
        assert_eq!(three.farewell().await, None);
        let clients = bed.control("GET", "/mqtt/clients", json!({})).await;
        assert_eq!(clients.as_array().unwrap().len(), 1, "{clients}");
    })
    .await;
}

#[tokio::test]
async fn a_will_is_published_when_its_time_comes() {
    let bed = Bed::start(&[]);
    bounded(async {
        free(&bed).await;
        let mut reader = Talk::with(&bed, 5, "reader").await;
        reader.subscribe("will/#").await;
        let now = connect_with(5, "now", 0x0e, 60, &[], &will(5, "will/now", &[]));
        drop(Talk::with_connect(&bed, 5, &now).await);
        assert_eq!(reader.message().await.1, "will/now");

        let mut polite = Talk::with_connect(&bed, 5, &now).await.0;
        polite.send(&packet(0xe0, &[])).await;
        assert_eq!(polite.packet().await, None);
        let mut with_will = Talk::with_connect(&bed, 5, &now).await.0;
        with_will.send(&packet(0xe0, &[4])).await;
        assert_eq!(reader.message().await.1, "will/now");

        let delay = &[0x18, 0, 0, 0, 60];
        let later = connect_with(5, "later", 0x0c, 60, HOUR, &will(5, "will/later", delay));
        drop(Talk::with_connect(&bed, 5, &later).await);
        bed.events("mqtt.disconnect", 4).await;
        assert!(reader.is_silent().await);
        // Who comes back in time has no will.
        drop(Talk::with_connect(&bed, 5, &later).await);
        bed.events("mqtt.disconnect", 5).await;
        advance(&bed, 59).await;
        assert!(reader.is_silent().await);
        advance(&bed, 1).await;
        assert_eq!(reader.message().await.1, "will/later");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_dropped_leaves_its_session_and_its_will() {
    let bed = Bed::start(&[]);
    bounded(async {
        free(&bed).await;
        let mut reader = Talk::with_connect(&bed, 5, &connect(5, "reader", 0, 60, HOUR)).await.0;
        reader.subscribe("will").await;
        let lost = connect_with(5, "lost", 0x0e, 60, &[], &will(5, "will", &[]));
        let mut lost = Talk::with_connect(&bed, 5, &lost).await.0;
        bed.control("POST", "/connections/drop", json!({})).await;
        assert_eq!(lost.packet().await, None);
        // The will may come before the end; without an acknowledgement it comes again.
        while reader.packet().await.is_some() {}
        let (mut reader, connack) = Talk::with_connect(&bed, 5, &connect(5, "reader", 0, 60, HOUR)).await;
        assert_eq!((connack[0], reader.payload().await.as_str()), (1, "farewell"));
        // A reset leaves nothing.
        bed.control("POST", "/reset", json!({})).await;
        assert_eq!(reader.packet().await, None);
        assert_eq!(bed.control("GET", "/mqtt/clients", json!({})).await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn retained_messages_are_not_for_wildcards() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = Talk::with(&bed, 5, "gw").await;
        talk.send(&packet(0x31, &[&b"\0\x03a/b\0"[..], b"kept"].concat())).await;
        talk.subscribe("a/+").await;
        assert!(talk.is_silent().await);
        talk.subscribe("a/b").await;
        let (first, _, _, payload) = talk.message().await;
        assert_eq!((first, payload.as_str()), (0x31, "kept"));
        // Only for a new subscription; never.
        for options in [0x11, 0x21] {
            talk.send(&subscribe(5, 2, &[("a/b", options)], &[])).await;
            assert_eq!(talk.packet().await.unwrap().0, 0x90);
            assert!(talk.is_silent().await);
        }
        talk.send(&packet(0x31, b"\0\x03a/b\0")).await;
        // It is the last of its topic, and for whoever has subscribed.
        assert_eq!(talk.message().await.3, "");
        talk.subscribe("a/b").await;
        assert!(talk.is_silent().await);
    })
    .await;
}

#[tokio::test]
async fn a_group_shares_what_it_subscribes_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut one = Talk::with(&bed, 5, "one").await;
        let mut two = Talk::with(&bed, 4, "two").await;
        one.subscribe("$share/g/a/#").await;
        two.subscribe("$share/g/a/#").await;
        bed.control("POST", "/mqtt/publish", json!({"topic": "a/b", "payload": "m", "count": 4})).await;
        let ours = [one.payload().await, one.payload().await];
        let theirs = [two.payload().await, two.payload().await];
        assert_eq!((ours, theirs), (["m0", "m2"].map(str::to_owned), ["m1", "m3"].map(str::to_owned)));
        assert!(one.is_silent().await && two.is_silent().await);
    })
    .await;
}

#[tokio::test]
async fn what_has_expired_is_not_delivered() {
    let bed = Bed::start(&[]);
    bounded(async {
        free(&bed).await;
        let resume = connect(5, "gw", 0, 60, HOUR);
        let mut talk = Talk::with_connect(&bed, 5, &resume).await.0;
        talk.subscribe("a").await;
        drop(talk);
        bed.events("mqtt.disconnect", 1).await;
        for (payload, seconds) in [("short", 10), ("long", 100)] {
            let message = json!({"topic": "a", "payload": payload, "expirySeconds": seconds});
            bed.control("POST", "/mqtt/publish", message).await;
        }
        advance(&bed, 50).await;
        let mut talk = Talk::with_connect(&bed, 5, &resume).await.0;
        let (_, body) = talk.packet().await.unwrap();
        // Topic, packet identifier, and what is left of its time.
        assert_eq!(body[5..7], [5, 2], "{body:?}");
        let left = u32::from_be_bytes([body[7], body[8], body[9], body[10]]);
        assert!((45..=50).contains(&left), "{left}");
        assert!(body.ends_with(b"long") && talk.is_silent().await);
    })
    .await;
}

#[tokio::test]
async fn aliases_stand_for_topics_in_either_direction() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"sendsTopicAliases": true})).await;
        let mut talk = Talk::with_connect(&bed, 5, &connect(5, "gw", 2, 60, &[0x22, 0, 1])).await.0;
        talk.send(&subscribe(5, 1, &[("a", 0)], &[])).await;
        talk.packet().await;
        talk.send(&publish(5, "a", 0, 0, &[0x23, 0, 8], b"one")).await;
        talk.send(&publish(5, "", 0, 0, &[0x23, 0, 8], b"two")).await;
        assert_eq!(talk.packet().await.unwrap().1, b"\0\x01a\x03\x23\0\x01one");
        assert_eq!(talk.packet().await.unwrap().1, b"\0\0\x03\x23\0\x01two");
    })
    .await;
}

#[tokio::test]
async fn basic_ingest_goes_to_its_rule_and_nowhere_else() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = Talk::with(&bed, 5, "gw").await;
        talk.subscribe("$aws/#").await;
        let deep = format!("$aws/rules/counter/{}", ["x"; 8].join("/"));
        talk.publish(&deep, 2, "x").await;
        assert_eq!(talk.packet().await, Some((0x40, vec![0, 2])));
        assert!(talk.is_silent().await);
        assert_eq!(bed.events("mqtt.publish", 1).await[0]["rule"], "counter");
    })
    .await;
}
