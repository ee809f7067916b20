//! One user's connection: commands in, deliveries out.

use std::sync::Arc;

use refresh_session_core::crypto::random;
use refresh_session_core::{Result, Warning};
use refresh_session_mqtt::{Machine, Settings};

use super::driver::{Begin, Driver};
use super::keeping::Keeping;
use super::mailbox::Mailbox;
use super::operations::Operations;
use super::options::MqttQueueOptions;
use super::store::{Bounds, Opened, Store};
use super::wire::Dial;
use super::words::{Command, Delivery, MqttStats};
use crate::{Surroundings, task};

/// Called when deliveries have come up after a [`collect`](MqttConnection::collect) that left none. Must neither wait nor
/// call back nor panic.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A connection to an MQTT server that stays up. Dropped, it closes at once.
#[derive(Debug)]
pub struct MqttConnection {
    mailbox: Arc<Mailbox>,
}

impl MqttConnection {
    /// Starts a driver. `identity`: whose messages the queue on disk holds.
    pub(super) fn start(
        mut settings: Settings,
        queue: Option<&MqttQueueOptions>,
        identity: String,
        dial: Arc<dyn Dial>,
        around: Surroundings,
        wake: Wake,
    ) -> Result<(Self, Vec<Warning>)> {
        let bounds = Bounds { messages: settings.queue.max_messages, bytes: settings.queue.max_bytes };
        let opened = match queue {
            Some(queue) => Store::open(queue, identity, bounds, around.calendar.clone(), &*around.clock)?,
            None => None,
        };
        let (store, left, warnings) = match opened {
            Some(Opened { store, left, warnings }) => (Some(store), left, warnings),
            None => (None, Vec::new(), Vec::new()),
        };
        // What an earlier process was allowed to leave is not refused by this one.
        let queue = &mut settings.queue;
        queue.max_messages = queue.max_messages.max(left.len());
        queue.max_bytes = queue
            .max_bytes
            .max(left.iter().map(|left| left.message.topic.len() + left.message.payload.len()).sum());
        let ttl = queue.ttl;
        let mut machine = Machine::new(settings, random::seed()?)?;
        let mut operations = Operations::default();
        let mut keeping = store.map(Keeping::new);
        let mut deliveries = Vec::new();
        if let Some(keeping) = &mut keeping {
            let now = around.clock.boot();
            let (over, released) = Keeping::replay(left, now, &mut machine, &mut operations, ttl);
            keeping.forget(over);
            deliveries = released;
        }
        let mailbox = Arc::new(Mailbox::new(wake));
        let begin = Begin { machine, operations, keeping, deliveries };
        let runtime = around.runtime.clone();
        task::spawn(&runtime, Driver::new(begin, mailbox.clone(), dial, around).run());
        Ok((Self { mailbox }, warnings))
    }

    /// Takes commands, in order. Never waits. What is wrong with one, its operation settles with.
    pub fn submit(&self, commands: Vec<Command>) {
        self.mailbox.submit(commands);
    }

    /// What has come up, in order, about `budget` bytes at most; `true` if there is more: then nobody is woken for it.
    #[must_use]
    pub fn collect(&self, budget: usize) -> (Vec<Delivery>, bool) {
        self.mailbox.collect(budget)
    }

    /// How things stand.
    #[must_use]
    pub fn stats(&self) -> MqttStats {
        self.mailbox.stats()
    }

    /// Resolves when the connection is over and its transport closed.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mailbox = self.mailbox.clone();
        async move { mailbox.ended().await }
    }
}

impl Drop for MqttConnection {
    fn drop(&mut self) {
        self.mailbox.submit(vec![Command::Close { drain: None }]);
    }
}
