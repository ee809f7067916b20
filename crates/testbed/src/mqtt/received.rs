//! What clients have published, in the order it came, for tests to read.

use std::{collections::VecDeque, sync::Arc};

use ring::digest;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{codec::Publish, topic};
use crate::random;

/// Beyond this many the oldest are forgotten.
const CAPACITY: usize = 100_000;

/// The messages.
pub(crate) struct Received {
    messages: VecDeque<Entry>,
    count: u64,
    recorded: watch::Sender<u64>,
}

struct Entry {
    number: u64,
    client_id: String,
    publish: Publish,
    outcome: &'static str,
}

/// Which to show.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) client_id: Option<String>,
    /// A filter.
    pub(crate) topic: Option<String>,
    /// Without the payloads.
    pub(crate) brief: bool,
}

impl Default for Received {
    fn default() -> Self {
        Self { messages: VecDeque::new(), count: 0, recorded: watch::Sender::new(0) }
    }
}

impl Received {
    /// One more; `outcome` is what the broker made of it.
    pub(crate) fn push(&mut self, client_id: &str, publish: &Publish, outcome: &'static str) {
        self.count += 1;
        if self.messages.len() == CAPACITY {
            self.messages.pop_front();
        }
        let entry =
            Entry { number: self.count, client_id: client_id.to_owned(), publish: publish.clone(), outcome };
        self.messages.push_back(entry);
        self.recorded.send_replace(self.count);
    }

    /// Tells whenever there is one more.
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.recorded.subscribe()
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Those that are wanted, as JSON.
    pub(crate) fn to_json(&self, wanted: &Wanted) -> Vec<Value> {
        let passes = |entry: &&Entry| {
            wanted.client_id.as_ref().is_none_or(|id| *id == entry.client_id)
                && wanted.topic.as_ref().is_none_or(|filter| topic::matches(filter, &entry.publish.topic))
        };
        self.messages.iter().filter(passes).map(|entry| entry.to_json(wanted.brief)).collect()
    }
}

impl Entry {
    fn to_json(&self, brief: bool) -> Value {
        let mut shown = describe(&self.publish);
        shown["number"] = json!(self.number);
        shown["clientId"] = json!(self.client_id);
        shown["outcome"] = json!(self.outcome);
        shown["properties"] = self.publish.properties.to_json();
        if !brief {
            match std::str::from_utf8(&self.publish.payload) {
                Ok(text) => shown["payload"] = json!(text),
                Err(_) => shown["payloadHex"] = json!(random::hex(&self.publish.payload)),
            }
        }
        shown
    }
}

/// A PUBLISH without its payload, as the log has it.
pub(crate) fn describe(publish: &Publish) -> Value {
    let payload: &Arc<[u8]> = &publish.payload;
    json!({
        "topic": publish.topic,
        "qos": publish.qos,
        "retain": publish.retain,
        "dup": publish.dup,
        "packetId": publish.id,
        "bytes": payload.len(),
        "sha256": random::hex(digest::digest(&digest::SHA256, payload).as_ref()),
    })
}
