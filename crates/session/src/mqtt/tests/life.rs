//! Connecting, losing, closing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use refresh_session_core::{Clock as _, Code, Error};
use refresh_session_mqtt::Outcome;

use super::bed::Bed;
use crate::mqtt::words::{Command, Delivery};

#[tokio::test]
async fn it_connects_when_told_and_stays_connected() {
    let mut bed = Bed::new(|_| {});
    bed.time.settle().await;
    assert_eq!(bed.wakes.load(Ordering::Relaxed), 0, "nothing before it is told");
    let server = bed.connected().await;
    let deliveries = bed.deliveries().await;
    assert!(matches!(deliveries[..], [Delivery::Connected { session_present: false, .. }]), "{deliveries:?}");
    assert!(bed.connection.stats().connected);
    drop(server);
    let deliveries = bed.deliveries().await;
    assert!(
        matches!(
            deliveries[..],
            [
                Delivery::Disconnected { was_connected: true, expected: false, .. },
                Delivery::Reconnecting { attempt: 2, .. }
            ]
        ),
        "{deliveries:?}"
    );
    assert!(!bed.connection.stats().connected);
    let _server = bed.greeted(false).await;
    assert!(matches!(bed.deliveries().await[..], [Delivery::Connected { .. }]));
    assert_eq!(bed.connection.stats().attempts, 2);
}

#[tokio::test]
async fn what_the_dialer_says_is_told_and_it_goes_on() {
    let mut bed = Bed::new(|_| {});
    bed.refuse(vec![Error::new(Code::Dns, "no such name"), Error::new(Code::Connect, "refused")]);
    let _server = bed.connected().await;
    let codes: Vec<_> = bed
        .deliveries()
        .await
        .iter()
        .filter_map(|delivery| match delivery {
            Delivery::Disconnected { error, was_connected: false, .. } => Some(error.code()),
            _ => None,
        })
        .collect();
    assert_eq!(codes, [Code::Dns, Code::Connect]);
}

#[tokio::test]
async fn closing_says_farewell_and_ends_the_task() {
    let mut bed = Bed::new(|_| {});
    let mut server = bed.connected().await;
    let lost = bed.publish("never acknowledged");
    let closed = bed.connection.closed();
    bed.connection.submit(vec![Command::Close { drain: None }]);
    bed.time.settle().await;
    // The message and DISCONNECT.
    assert!(server.is_left().await);
    closed.await;
    let deliveries = bed.deliveries().await;
    let settled = deliveries.iter().any(|delivery| {
        matches!(delivery, Delivery::Settled { operation, outcome: Outcome::Failed { error, .. } }
            if *operation == lost && error.code() == Code::Closed)
    });
    assert!(settled, "{deliveries:?}");
    assert!(matches!(deliveries.last(), Some(Delivery::Closed)));
    // Whoever comes too late hears so.
    let late = bed.publish("too late");
    let deliveries = bed.deliveries().await;
    assert!(
        matches!(&deliveries[..], [Delivery::Settled { operation, .. }] if *operation == late),
        "{deliveries:?}"
    );
    bed.connection.closed().await;
}

#[tokio::test]
async fn a_close_may_drain() {
    let mut bed = Bed::new(|_| {});
    let mut server = bed.connected().await;
    let operation = bed.publish("last words");
    bed.connection.submit(vec![Command::Close { drain: Some(Duration::from_secs(5)) }]);
    bed.time.settle().await;
    assert_eq!(server.takes().await, "last words");
    assert!(server.is_left().await);
    bed.connection.closed().await;
    let deliveries = bed.deliveries().await;
    let acknowledged = deliveries.iter().any(|delivery| {
        matches!(delivery, Delivery::Settled { operation: of, outcome: Outcome::Acknowledged { .. } }
            if *of == operation)
    });
    assert!(acknowledged, "{deliveries:?}");
}

#[tokio::test]
async fn dropping_the_handle_ends_it() {
    let mut bed = Bed::new(|_| {});
    let mut server = bed.connected().await;
    let closed = bed.connection.closed();
    drop(bed);
    assert!(server.is_left().await);
    closed.await;
}

#[tokio::test]
async fn a_network_that_comes_ends_the_wait() {
    let mut bed = Bed::new(|_| {});
    // An outage so long that the pauses are the longest.
    bed.refuse((0..1000).map(|_| Error::new(Code::Connect, "unreachable")).collect());
    bed.connection.submit(vec![Command::Connect]);
    bed.time.pass(Duration::from_mins(20)).await;
    // The driver has no other deadline.
    while bed.time.deadlines()[0].since(bed.time.boot()) < Duration::from_secs(10) {
        bed.time.pass(Duration::from_secs(10)).await;
    }
    bed.refuse(Vec::new());
    let attempts = bed.connection.stats().attempts;
    bed.network.come();
    bed.time.pass(Duration::from_secs(1)).await;
    assert_eq!(bed.connection.stats().attempts, attempts + 1);
    let mut server = bed.greeted(false).await;
    // Connected, it looks whether it still is.
    bed.network.come();
    bed.time.settle().await;
    assert_eq!(server.packet().await, [0xc0], "PINGREQ");
}

#[tokio::test]
async fn a_resume_looks_whether_the_connection_has_survived() {
    let mut bed = Bed::new(|_| {});
    let mut server = bed.connected().await;
    bed.time.suspend(Duration::from_secs(5));
    bed.time.settle().await;
    assert_eq!(server.packet().await, [0xc0], "PINGREQ");
    // Nobody answers.
    bed.time.pass(Duration::from_secs(31)).await;
    let deliveries = bed.deliveries().await;
    let told = deliveries.iter().any(
        |found| matches!(found, Delivery::Disconnected { error, .. } if error.code() == Code::MqttKeepAlive),
    );
    assert!(told, "{deliveries:?}");
}
