//! Messages either way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use refresh_session_core::Code;
use refresh_session_mqtt::{Outcome, Reason, Subscription};

use super::bed::{Bed, message};
use crate::mqtt::words::{Command, Delivery};

fn settled(deliveries: &[Delivery]) -> Vec<(u32, Option<Code>)> {
    deliveries
        .iter()
        .filter_map(|delivery| match delivery {
            Delivery::Settled { operation, outcome } => Some((
                *operation,
                match outcome {
                    Outcome::Failed { error, .. } | Outcome::Refused { error, .. } => Some(error.code()),
                    _ => None,
                },
            )),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn messages_settle_under_the_callers_numbers_in_one_wake() {
    let mut bed = Bed::new(|_| {});
    let mut server = bed.connected().await;
    bed.deliveries().await;
    let wakes = bed.wakes.load(Ordering::Relaxed);
    for payload in ["a", "b", "c"] {
        bed.publish(payload);
    }
    for payload in ["a", "b", "c"] {
        assert_eq!(server.takes().await, payload);
    }
    let deliveries = bed.deliveries().await;
    assert_eq!(settled(&deliveries), [(1, None), (2, None), (3, None)]);
    assert_eq!(bed.wakes.load(Ordering::Relaxed), wakes + 1, "nobody collected in between");
}

#[tokio::test]
async fn what_is_wrong_settles_too() {
    let bed = Bed::new(|settings| settings.queue.offline = false);
    let publish = |operation, topic: &str| Command::Publish {
        operation,
        message: refresh_session_mqtt::Publish { topic: topic.into(), ..message("x") },
        limit: None,
        until_stored: operation == 3,
    };
    bed.connection.submit(vec![publish(1, "a/#"), publish(2, "t"), publish(3, "t")]);
    let subscriptions = vec![Subscription { filter: "a/#/b".into(), ..Subscription::default() }];
    bed.connection.submit(vec![Command::Subscribe { operation: 4, subscriptions, limit: None }]);
    assert_eq!(
        settled(&bed.deliveries().await),
        [
            (1, Some(Code::MqttTopic)),
            (2, Some(Code::MqttOffline)),
            (3, Some(Code::InvalidOption)),
            (4, Some(Code::MqttTopic))
        ]
    );
}

#[tokio::test]
async fn an_operation_can_be_given_up() {
    let bed = Bed::new(|_| {});
    let publish = Command::Publish { operation: 7, message: message("x"), limit: None, until_stored: false };
    bed.connection.submit(vec![publish, Command::Cancel { operation: 7 }, Command::Cancel { operation: 8 }]);
    assert_eq!(settled(&bed.deliveries().await), [(7, Some(Code::MqttCancelled))]);
}

#[tokio::test]
async fn an_operation_has_its_time() {
    let bed = Bed::new(|_| {});
    let limit = Some(Duration::from_secs(3));
    bed.connection.submit(vec![Command::Publish {
        operation: 7,
        message: message("x"),
        limit,
        until_stored: false,
    }]);
    bed.time.pass(Duration::from_secs(2)).await;
    assert_eq!(settled(&bed.deliveries().await), []);
    bed.time.pass(Duration::from_secs(2)).await;
    assert_eq!(settled(&bed.deliveries().await), [(7, Some(Code::MqttTimeout))]);
}

/// A caller that takes nothing holds up the server, not the memory; and the connection lives.
#[tokio::test]
async fn what_nobody_collects_is_not_read() {
    let mut bed = Bed::new(|settings| settings.connect.keep_alive = 30);
    let mut server = bed.connected().await;
    bed.deliveries().await;
    let payload = vec![b'x'; 8000];
    let telling = tokio::spawn(async move {
        for _ in 0..400 {
            server.tells(&payload).await;
        }
        server
    });
    bed.time.pass(Duration::from_mins(10)).await;
    assert!(!telling.is_finished(), "3.2 MB in memory");
    assert!(bed.connection.stats().machine.received < 100);
    assert!(bed.connection.stats().connected, "unread bytes are a sign of life");
    let mut came = 0;
    while came < 400 {
        came += bed
            .deliveries()
            .await
            .iter()
            .filter(|delivery| matches!(delivery, Delivery::Message { message, .. } if message.payload.len() == 8000))
            .count();
    }
    let _server = telling.await.unwrap();
}

#[tokio::test]
async fn a_message_is_acknowledged_by_its_number() {
    let mut bed = Bed::new(|settings| settings.manual_ack = true);
    let mut server = bed.connected().await;
    bed.deliveries().await;
    // PUBLISH of QoS 1, id 9.
    server.say(&[0x32, 7, 0, 1, b't', 0, 9, 0, b'x']).await;
    let deliveries = bed.deliveries().await;
    let [Delivery::Message { number: Some(number), .. }] = deliveries[..] else { panic!("{deliveries:?}") };
    let acknowledge = || Command::Acknowledge { message: number, reason: Reason::SUCCESS };
    bed.connection.submit(vec![acknowledge(), acknowledge()]);
    assert_eq!(server.packet().await, [0x40, 0, 9]);
    bed.connection.submit(vec![Command::NetworkUp]);
    assert_eq!(server.packet().await, [0xc0], "no second PUBACK");
}
