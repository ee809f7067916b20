//! Each fault does what its table says.

use serde_json::{Value, json};

use crate::{
    bed::{Bed, bounded},
    mqtt::talk::{Talk, connect, packet, puback, publish, reason, rules, subscribe},
};

/// A client whose connection has this fault.
async fn victim(bed: &Bed, client_id: &str, mut fault: Value) -> Talk {
    fault["clientId"] = json!(client_id);
    bed.control("PUT", "/mqtt/faults", fault).await;
    Talk::with(bed, 5, client_id).await
}

#[tokio::test]
async fn connects_can_go_wrong() {
    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"connectsPerSecond": null})).await;
        let script = json!([
            {"mode": "no-connack", "count": 1},
            {"mode": "connack", "reason": 0x97, "count": 1},
            {"mode": "reset-after", "bytes": 3, "toward": "client", "count": 1},
            {"mode": "reset-after", "bytes": 10, "toward": "server", "count": 1},
        ]);
        bed.control("PUT", "/mqtt/faults", script).await;
        let ask = async |version| {
            let mut talk = Talk::open(&bed, version).await;
            talk.send(&connect(version, "gw", 2, 60, &[])).await;
            talk
        };
        assert!(ask(5).await.is_silent().await);
        let mut refused = ask(4).await;
        assert_eq!((refused.packet().await, refused.packet().await), (Some((0x20, vec![0, 3])), None));
        assert_eq!(ask(5).await.packet().await, None);
        assert_eq!(ask(5).await.packet().await, None);
        assert_eq!(ask(5).await.packet().await.unwrap().0, 0x20);
        let events = bed.events("mqtt.connect", 5).await;
        assert_eq!((&events[0]["fault"]["mode"], &events[4]["fault"]), (&json!("no-connack"), &json!(null)));

        let hour = &[0x11, 0, 0, 0x0e, 0x10];
        drop(Talk::with_connect(&bed, 5, &connect(5, "kept", 0, 60, hour)).await);
        bed.control("PUT", "/mqtt/faults", json!({"mode": "lose-session", "count": 1})).await;
        assert_eq!(Talk::with_connect(&bed, 5, &connect(5, "kept", 0, 60, hour)).await.1[0], 0);
    })
    .await;
}

#[tokio::test]
async fn pubacks_can_be_missing_late_wrong_and_in_any_order() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk = victim(&bed, "missing", json!({"mode": "no-puback", "times": 1})).await;
        talk.publish("a", 1, "x").await;
        talk.publish("a", 2, "x").await;
        assert_eq!(talk.packet().await.unwrap().1, [0, 2]);

        let mut talk = victim(&bed, "late", json!({"mode": "late-puback", "ms": 100, "times": 1})).await;
        talk.publish("a", 1, "x").await;
        talk.publish("a", 2, "x").await;
        assert_eq!([talk.packet().await.unwrap().1[1], talk.packet().await.unwrap().1[1]], [2, 1]);

        let mut reader = Talk::with(&bed, 5, "reader").await;
        reader.subscribe("a").await;
        let mut talk = victim(&bed, "wrong", json!({"mode": "puback", "reason": 0x97, "times": 1})).await;
        talk.publish("a", 1, "refused").await;
        talk.publish("a", 2, "taken").await;
        let reasons = [reason(&talk.packet().await.unwrap()), reason(&talk.packet().await.unwrap())];
        assert_eq!((reasons, reader.payload().await.as_str()), ([0x97, 0], "taken"));

        let mut talk = victim(&bed, "mixed", json!({"mode": "reorder-pubacks", "size": 3})).await;
        for id in 1..=3 {
            talk.publish("b", id, "x").await;
        }
        for id in [3, 2, 1] {
            assert_eq!(talk.packet().await.unwrap().1, [0, id]);
        }
    })
    .await;
}

#[tokio::test]
async fn messages_can_come_twice_and_in_any_order() {
    let bed = Bed::start(&[]);
    bounded(async {
        let burst = async |topic: &str, count: u32| {
            let body = json!({"topic": topic, "payload": "m", "count": count});
            bed.control("POST", "/mqtt/publish", body).await;
        };
        let mut talk = victim(&bed, "mixed", json!({"mode": "reorder-messages", "size": 2})).await;
        talk.subscribe("a").await;
        burst("a", 4).await;
        for payload in ["m1", "m0", "m3", "m2"] {
            assert_eq!(talk.payload().await, payload);
        }
        let mut talk = victim(&bed, "twice", json!({"mode": "redeliver", "times": 1})).await;
        talk.subscribe("b").await;
        burst("b", 1).await;
        let (one, two) = (talk.message().await, talk.message().await);
        assert_eq!((one.0, two.0, &one.3), (0x32, 0x32, &two.3));
        assert_ne!(one.2, two.2);
        talk.send(&[puback(two.2), puback(one.2)].concat()).await;
        assert!(talk.is_silent().await);
        burst("b", 1).await;
        assert_eq!(talk.payload().await, "m0");
        assert!(talk.is_silent().await);
    })
    .await;
}

#[tokio::test]
async fn subscriptions_and_pings_can_go_unanswered() {
    let bed = Bed::start(&[]);
    bounded(async {
        let script = json!({"mode": "several", "faults": [
            {"mode": "suback", "reasons": [0x87], "times": 1},
            {"mode": "no-suback", "times": 1},
            {"mode": "no-unsuback", "times": 1},
            {"mode": "no-pingresp", "times": 1},
        ]});
        let mut talk = victim(&bed, "gw", script).await;
        talk.send(&subscribe(5, 1, &[("a", 1)], &[])).await;
        assert_eq!(talk.packet().await.unwrap().1, [0, 1, 0, 0x87]);
        for bytes in [subscribe(5, 2, &[("a", 1)], &[]), packet(0xa2, b"\0\x03\0\0\x01a"), packet(0xc0, &[])]
        {
            talk.send(&bytes).await;
            assert!(talk.is_silent().await);
            talk.send(&bytes).await;
            assert!(talk.packet().await.is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn connections_end_break_and_fall_silent_as_told() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut talk =
            victim(&bed, "disconnect", json!({"mode": "disconnect", "reason": 0x8b, "after": 2})).await;
        talk.publish("a", 1, "x").await;
        talk.publish("a", 2, "x").await;
        assert!(talk.packet().await.is_some() && talk.packet().await.is_some());
        assert_eq!(talk.farewell().await, Some(0x8b));
        for (number, fault) in
            [json!({"mode": "close"}), json!({"mode": "close", "polite": false})].into_iter().enumerate()
        {
            let mut talk = victim(&bed, &format!("close-{number}"), fault).await;
            assert_eq!(talk.packet().await, None);
        }
        let mut talk = victim(&bed, "garbage", json!({"mode": "garbage", "hex": "00ff"})).await;
        assert!(!talk.is_silent().await);
        let mut talk = victim(&bed, "oversized", json!({"mode": "oversized", "bytes": 300_000})).await;
        assert_eq!(talk.packet().await.unwrap().0, 0x30);

        bed.control("DELETE", "/mqtt/faults", json!({})).await;
        for mode in ["stall", "half-open"] {
            let mut talk = Talk::with(&bed, 5, mode).await;
            let path = format!("/mqtt/clients/{mode}/fault");
            bed.control("POST", &path, json!({"mode": mode})).await;
            talk.publish("a", 1, "x").await;
            let message = json!({"topic": "a", "clientId": mode});
            bed.control("POST", "/mqtt/publish", message).await;
            assert!(talk.is_silent().await);
        }
        let mut five = Talk::with(&bed, 5, "five").await;
        bed.control("POST", "/mqtt/clients/five/kick", json!({"reason": 0x98})).await;
        let mut three = Talk::with(&bed, 4, "three").await;
        bed.control("POST", "/mqtt/clients/three/kick", json!({})).await;
        assert_eq!((five.farewell().await, three.farewell().await), (Some(0x98), None));
        assert_eq!(bed.ask("POST", "/mqtt/clients/nobody/kick", "{}").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_link_to_the_broker_can_be_bad_too() {
    let bed = Bed::start(&[]);
    bounded(async {
        for door in ["mqtt", "mqttAlpn"] {
            assert!(bed.ready["link"][door].as_str().unwrap().starts_with("localhost:"));
        }
        let received = bed.control("GET", "/mqtt/received?waitMs=0&atLeast=0", json!({})).await;
        assert_eq!(received, json!([]));
        let mut talk = Talk::with(&bed, 5, "gw").await;
        talk.send(&publish(5, "a/b", 1, 1, &[], &[0xff])).await;
        let received =
            bed.control("GET", "/mqtt/received?topic=a/%2B&atLeast=1&waitMs=9000", json!({})).await;
        assert_eq!((&received[0]["payloadHex"], &received[0]["packetId"]), (&json!("ff"), &json!(1)));
        assert_eq!(received[0]["sha256"].as_str().unwrap().len(), 64);
    })
    .await;
}
