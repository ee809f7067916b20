//! The driver's messages that are on the disk too: stored before they are sent, and forgotten when they are over.

use std::collections::HashSet;

use refresh_session_core::{BootTime, Clock, Code, Error};
use refresh_session_mqtt::{Machine, OpId, Outcome};
use refresh_session_spool::RecordId;

use super::driver::is_closed;
use super::operations::{Operations, Owner};
use super::store::{Done, Left, Pending, Store};
use super::words::{Delivery, OperationNumber};

/// The queue on disk as the driver deals with it.
#[derive(Debug)]
pub(super) struct Keeping {
    store: Store,
    to_store: Vec<Pending>,
    to_remove: Vec<RecordId>,
    /// Given up on their way to the disk.
    cancelled: HashSet<OperationNumber>,
}

impl Keeping {
    pub(super) fn new(store: Store) -> Self {
        Self { store, to_store: Vec::new(), to_remove: Vec::new(), cancelled: HashSet::new() }
    }

    /// What an earlier process has left goes first.
    pub(super) fn replay(
        left: Vec<Left>,
        now: BootTime,
        machine: &mut Machine,
        operations: &mut Operations,
        ttl: Option<std::time::Duration>,
    ) -> (Vec<RecordId>, Vec<Delivery>) {
        let (mut over, mut deliveries) = (Vec::new(), Vec::new());
        for Left { record, mut message, age } in left {
            let topic = message.topic.clone();
            let aged = |life: std::time::Duration| life.checked_sub(age).filter(|left| !left.is_zero());
            let expiry = message.properties.as_mut().and_then(|found| found.message_expiry.as_mut());
            let seconds = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
            let expired = expiry.is_some_and(|expiry| {
                *expiry = expiry.saturating_sub(seconds);
                *expiry == 0
            });
            let limit = ttl.map(aged);
            let begun = if expired || limit == Some(None) {
                Err(Error::new(Code::MqttExpired, "a stored message: it was not sent in its time"))
            } else {
                machine.handle_publish(now, message, limit.flatten())
            };
            match begun {
                Ok(id) => operations.begun(id, Owner::Stored { record, caller: None, topic }),
                Err(error) => {
                    over.push(record);
                    let outcome = Outcome::Failed { error, was_sent: false };
                    deliveries.push(Delivery::Released { topic, outcome });
                }
            }
        }
        (over, deliveries)
    }

    pub(super) fn keep(&mut self, pending: Pending) {
        self.to_store.push(pending);
    }

    /// It is over. What a close has ended stays for the next process.
    pub(super) fn over(&mut self, record: RecordId, outcome: &Outcome) {
        if !is_closed(outcome) {
            self.to_remove.push(record);
        }
    }

    pub(super) fn forget(&mut self, records: Vec<RecordId>) {
        self.to_remove.extend(records);
    }

    /// Whether the operation was on its way to the disk.
    pub(super) fn cancel(&mut self, operation: OperationNumber) {
        if self.is_busy() {
            self.cancelled.insert(operation);
        }
    }

    /// Gives the disk what has come together.
    pub(super) fn flush(&mut self, clock: &dyn Clock) {
        if !self.to_store.is_empty() {
            self.store.append(std::mem::take(&mut self.to_store), clock);
        }
        if !self.to_remove.is_empty() {
            self.store.remove(std::mem::take(&mut self.to_remove));
        }
    }

    /// Whether anything is on its way to the disk.
    pub(super) fn is_busy(&self) -> bool {
        self.store.is_busy() || !self.to_store.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    pub(super) async fn done(&mut self) -> Done {
        self.store.done().await
    }

    /// What is on the disk now goes on its way to the server.
    pub(super) fn stored(
        &mut self,
        done: Done,
        now: BootTime,
        machine: &mut Machine,
        operations: &mut Operations,
    ) -> Vec<Delivery> {
        let all = match done {
            Done::Warning(warning) => return vec![Delivery::Warning(warning)],
            Done::Stored(all) => all,
        };
        let mut deliveries = Vec::new();
        for (pending, stored) in all {
            let operation = pending.operation;
            let begun = stored.and_then(|record| self.begin(pending, record, now, machine, &mut deliveries));
            match begun {
                Ok((id, owner)) => operations.begun(id, owner),
                Err(error) => {
                    let outcome = Outcome::Failed { error, was_sent: false };
                    deliveries.push(Delivery::Settled { operation, outcome });
                }
            }
        }
        if !self.store.is_busy() {
            self.cancelled.clear();
        }
        deliveries
    }

    fn begin(
        &mut self,
        pending: Pending,
        record: RecordId,
        now: BootTime,
        machine: &mut Machine,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(OpId, Owner), Error> {
        let Pending { operation, message, limit, until_stored } = pending;
        if self.cancelled.remove(&operation) {
            self.to_remove.push(record);
            return Err(Error::new(Code::MqttCancelled, "publishing: given up by the caller"));
        }
        let topic = message.topic.clone();
        let limit = limit.filter(|_| !until_stored);
        let id = machine.handle_publish(now, message, limit).inspect_err(|error| {
            if error.code() != Code::Closed {
                self.to_remove.push(record);
            }
        })?;
        let caller = (!until_stored).then_some(operation);
        if until_stored {
            deliveries.push(Delivery::Stored { operation });
        }
        Ok((id, Owner::Stored { record, caller, topic }))
    }

    /// The directory is free after this.
    pub(super) async fn finish(mut self, clock: &dyn Clock) {
        self.flush(clock);
        self.store.finish().await;
    }
}

/// For a message that was to settle when it is stored.
pub(super) fn nowhere_to_store(storable: bool) -> Error {
    let (found, hint) = if storable {
        ("is \"stored\", and there is no queue on disk", "Give `offlineQueue.directory` to `session.mqtt()`.")
    } else {
        ("is \"stored\" for a message of QoS 0", "Only messages of QoS 1 are stored: give `qos: 1`.")
    };
    Error::invalid_option("until", found).with_hint(hint)
}
