//! A message on its way through the broker.

use std::{sync::Arc, time::Duration};

use super::codec::{Properties, Publish, Value, Version, id};

/// A message. Many clients may be waiting for the same one.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Counts the messages; what was published first has the smaller one.
    pub(crate) number: u64,
    pub(crate) topic: String,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Those that are passed on.
    pub(crate) properties: Properties,
    /// Who published it; `None` if the broker itself did.
    pub(crate) from: Option<String>,
    /// When nobody wants it any more.
    pub(crate) expires: Option<Duration>,
}

impl Message {
    /// A message of the broker's own.
    pub(crate) fn of_broker(topic: impl Into<String>, payload: impl AsRef<[u8]>) -> Self {
        Self {
            number: 0,
            topic: topic.into(),
            payload: Arc::from(payload.as_ref()),
            qos: 1,
            retain: false,
            properties: Properties::default(),
            from: None,
            expires: None,
        }
    }

    /// As a client gets it, without a packet identifier; `None` if it has expired.
    pub(crate) fn publish(&self, version: Version, qos: u8, retain: bool, now: Duration) -> Option<Publish> {
        let mut properties = Properties::default();
        let left = self.expires.map(|expires| expires.checked_sub(now));
        if let Some(left) = left {
            let seconds = left.filter(|left| !left.is_zero())?.as_secs_f64().ceil();
            if version == Version::V5 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "at most a week"
                )]
                properties.push(id::MESSAGE_EXPIRY, Value::Number(seconds as u32));
            }
        }
        if version == Version::V5 {
            for (id, value) in self.properties.iter() {
                properties.push(*id, value.clone());
            }
        }
        Some(Publish {
            dup: false,
            qos,
            retain,
            topic: self.topic.clone(),
            id: None,
            properties,
            payload: Arc::clone(&self.payload),
        })
    }
}
