//! With a queue on disk.

use std::fs;
use std::path::{Path, PathBuf};

use refresh_session_core::Code;
use refresh_session_mqtt::Outcome;

use super::bed::Bed;
use crate::mqtt::options::MqttQueueOptions;
use crate::mqtt::words::{Command, Delivery};

/// Gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("refresh-session-mqtt-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn queue(&self) -> MqttQueueOptions {
        queue(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn queue(directory: &Path) -> MqttQueueOptions {
    MqttQueueOptions {
        max_messages: None,
        max_bytes: None,
        ttl: None,
        policy: None,
        directory: Some(directory.to_owned()),
        fsync: None,
    }
}

fn is_stored(delivery: &Delivery, wanted: u32) -> bool {
    matches!(delivery, Delivery::Stored { operation } if *operation == wanted)
}

fn has_settled(delivery: &Delivery, wanted: u32) -> bool {
    matches!(delivery, Delivery::Settled { operation, .. } if *operation == wanted)
}

#[tokio::test]
async fn what_is_stored_is_sent_first_by_the_next_one() {
    let folder = Folder::new("next");
    let mut bed = Bed::with(Some(&folder.queue()), |_| {});
    let (first, second) = (bed.publish_until("first", true), bed.publish_until("second", true));
    let mut seen = bed.until(|delivery| is_stored(delivery, second)).await;
    seen.retain(|delivery| is_stored(delivery, first));
    assert_eq!(seen.len(), 1);
    let closed = bed.connection.closed();
    bed.connection.submit(vec![Command::Close { drain: None }]);
    closed.await;
    assert!(matches!(bed.deliveries().await[..], [Delivery::Closed]), "nothing has become of them");

    let mut bed = Bed::with(Some(&folder.queue()), |_| {});
    assert_eq!(bed.warnings.len(), 0, "{:?}", bed.warnings);
    bed.publish("third");
    let mut server = bed.connected().await;
    assert_eq!([server.takes().await, server.takes().await], ["first", "second"]);
    assert_eq!(server.takes().await, "third");
    let all = bed.until(|delivery| has_settled(delivery, 1)).await;
    let released = all
        .iter()
        .filter(|delivery| {
            matches!(delivery, Delivery::Released { outcome: Outcome::Acknowledged { .. }, .. })
        })
        .count();
    assert_eq!(released, 2, "{all:?}");
    let closed = bed.connection.closed();
    bed.connection.submit(vec![Command::Close { drain: None }]);
    closed.await;

    let bed = Bed::with(Some(&folder.queue()), |_| {});
    bed.time.settle().await;
    assert_eq!(bed.connection.stats().stored, 0, "all of them are over");
}

#[tokio::test]
async fn a_close_waits_for_the_disk_and_what_was_not_sent_stays() {
    let folder = Folder::new("close");
    let mut bed = Bed::with(Some(&folder.queue()), |_| {});
    let operation = bed.publish("kept");
    let closed = bed.connection.closed();
    bed.connection.submit(vec![Command::Close { drain: None }]);
    closed.await;
    let settled = bed.deliveries().await.into_iter().find(|delivery| has_settled(delivery, operation));
    let Some(Delivery::Settled { outcome: Outcome::Failed { error, .. }, .. }) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(error.code(), Code::Closed);
    let mut bed = Bed::with(Some(&folder.queue()), |_| {});
    let mut server = bed.connected().await;
    assert_eq!(server.takes().await, "kept");
}

#[tokio::test]
async fn one_directory_is_for_one_connection() {
    let folder = Folder::new("locked");
    let _bed = Bed::with(Some(&folder.queue()), |_| {});
    let error = Bed::open(Some(&folder.queue()), |_| {}).err().unwrap();
    assert_eq!(error.code().as_str(), "ERR_MQTT_QUEUE_LOCKED");
}

#[tokio::test]
async fn what_is_dropped_or_given_up_is_forgotten() {
    let folder = Folder::new("dropped");
    let mut options = folder.queue();
    options.max_messages = Some(2);
    let drop_oldest = |settings: &mut refresh_session_mqtt::Settings| {
        settings.queue.max_messages = 2;
        settings.queue.policy = refresh_session_mqtt::FullPolicy::DropOldest;
    };
    let mut bed = Bed::with(Some(&options), drop_oldest);
    let operations: Vec<_> = ["a", "b", "c"].iter().map(|payload| bed.publish(payload)).collect();
    let dropped = bed.until(|delivery| has_settled(delivery, operations[0])).await;
    assert!(!dropped.iter().any(|delivery| has_settled(delivery, operations[2])));
    bed.connection.submit(vec![Command::Cancel { operation: operations[1] }]);
    bed.until(|delivery| has_settled(delivery, operations[1])).await;
    let closed = bed.connection.closed();
    bed.connection.submit(vec![Command::Close { drain: None }]);
    closed.await;
    let mut bed = Bed::with(Some(&options), drop_oldest);
    let mut server = bed.connected().await;
    assert_eq!(server.takes().await, "c");
}
