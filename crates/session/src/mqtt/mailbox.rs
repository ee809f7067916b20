//! Where a connection and its driver meet: commands one way, deliveries the other.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use refresh_session_core::{Code, Error};
use refresh_session_mqtt::Outcome;
use tokio::sync::Notify;

use super::connection::Wake;
use super::words::{Command, Delivery, MqttStats, OperationNumber};

/// Messages that nobody has collected: beyond so many bytes nothing more is read from the server.
const MOST_UNCOLLECTED: usize = 512 * 1024;
/// What a delivery takes besides its text and payload.
const OVERHEAD: usize = 96;

/// Commands, deliveries and numbers of one connection.
pub(super) struct Mailbox {
    inbox: Mutex<Inbox>,
    arrived: Notify,
    outbox: Mutex<Outbox>,
    room: Notify,
    wake: Wake,
    stats: Mutex<MqttStats>,
    over: AtomicBool,
    ended: Notify,
}

#[derive(Default)]
struct Inbox {
    commands: Vec<Command>,
    /// Fewer acknowledgements, and nothing else, need not wake the driver: it has nothing to do with them yet, and looks in
    /// by itself before they are late.
    wanted: usize,
    /// There are commands that it was not woken for.
    unheard: bool,
}

#[derive(Default)]
struct Outbox {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// The caller was woken and has not emptied it since.
    woken: bool,
}

impl Mailbox {
    pub(super) fn new(wake: Wake) -> Self {
        Self {
            inbox: Mutex::default(),
            arrived: Notify::new(),
            outbox: Mutex::default(),
            room: Notify::new(),
            wake,
            stats: Mutex::default(),
            over: AtomicBool::new(false),
            ended: Notify::new(),
        }
    }

    // The caller's side.

    pub(super) fn submit(&self, commands: Vec<Command>) {
        let mut inbox = lock(&self.inbox);
        if self.over.load(Ordering::Acquire) {
            drop(inbox);
            return self.refuse(&commands);
        }
        let is_urgent = !commands.iter().all(|command| matches!(command, Command::Acknowledge { .. }));
        if inbox.commands.is_empty() {
            inbox.commands = commands;
        } else {
            inbox.commands.extend(commands);
        }
        let wake = is_urgent || inbox.commands.len() >= inbox.wanted;
        inbox.unheard |= !wake;
        drop(inbox);
        if wake {
            self.arrived.notify_one();
        }
    }

    /// Deliveries of about `budget` bytes, and whether there are more.
    pub(super) fn collect(&self, budget: usize) -> (Vec<Delivery>, bool) {
        let mut outbox = lock(&self.outbox);
        let was_full = outbox.bytes >= MOST_UNCOLLECTED;
        let mut taken = Vec::new();
        let mut size = 0;
        while size < budget
            && let Some(delivery) = outbox.deliveries.pop_front()
        {
            size += weight(&delivery);
            taken.push(delivery);
        }
        outbox.bytes -= size;
        let more = !outbox.deliveries.is_empty();
        outbox.woken = more;
        let has_room = outbox.bytes < MOST_UNCOLLECTED;
        drop(outbox);
        if was_full && has_room {
            self.room.notify_one();
        }
        (taken, more)
    }

    pub(super) fn stats(&self) -> MqttStats {
        *lock(&self.stats)
    }

    /// Resolves when the driver has ended.
    pub(super) async fn ended(&self) {
        let ended = self.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        if !self.over.load(Ordering::Acquire) {
            ended.await;
        }
    }

    // The driver's side.

    /// What has arrived; empty if nothing has.
    pub(super) fn take(&self) -> Vec<Command> {
        let mut inbox = lock(&self.inbox);
        inbox.unheard = false;
        std::mem::take(&mut inbox.commands)
    }

    /// Acknowledgements are heard of when there are so many, or by [`take`](Self::take).
    pub(super) fn want(&self, acknowledgements: usize) {
        let mut inbox = lock(&self.inbox);
        inbox.wanted = acknowledgements;
        let late = inbox.unheard && inbox.commands.len() >= acknowledgements;
        inbox.unheard &= !late;
        drop(inbox);
        if late {
            self.arrived.notify_one();
        }
    }

    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Puts deliveries out, and wakes the caller if it sleeps.
    pub(super) fn deliver(&self, deliveries: &mut Vec<Delivery>) {
        if deliveries.is_empty() {
            return;
        }
        let mut outbox = lock(&self.outbox);
        outbox.bytes += deliveries.iter().map(weight).sum::<usize>();
        outbox.deliveries.extend(deliveries.drain(..));
        let wake = !std::mem::replace(&mut outbox.woken, true);
        drop(outbox);
        if wake {
            (self.wake)();
        }
    }

    /// Whether more messages may be read.
    pub(super) fn has_room(&self) -> bool {
        lock(&self.outbox).bytes < MOST_UNCOLLECTED
    }

    /// May have come about.
    pub(super) async fn room(&self) {
        self.room.notified().await;
    }

    pub(super) fn publish(&self, stats: MqttStats) {
        *lock(&self.stats) = stats;
    }

    /// Nothing is taken any more; what was not taken is refused.
    pub(super) fn end(&self) {
        let left = {
            let mut inbox = lock(&self.inbox);
            self.over.store(true, Ordering::Release);
            std::mem::take(&mut inbox.commands)
        };
        self.refuse(&left);
        self.ended.notify_waiters();
    }

    fn refuse(&self, commands: &[Command]) {
        let mut refused: Vec<_> = commands.iter().filter_map(operation_of).map(refusal).collect();
        self.deliver(&mut refused);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

fn operation_of(command: &Command) -> Option<OperationNumber> {
    match command {
        Command::Publish { operation, .. }
        | Command::Subscribe { operation, .. }
        | Command::Unsubscribe { operation, .. } => Some(*operation),
        _ => None,
    }
}

fn refusal(operation: OperationNumber) -> Delivery {
    let error = Error::new(Code::Closed, "the MQTT connection is closed");
    Delivery::Settled { operation, outcome: Outcome::Failed { error, was_sent: false } }
}

fn weight(delivery: &Delivery) -> usize {
    let content = match delivery {
        Delivery::Message { message, .. } => message.topic.len() + message.payload.len(),
        _ => 0,
    };
    OVERHEAD + content
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in there is left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use refresh_session_mqtt::Reason;

    use super::*;

    fn acknowledge(count: u32) -> Vec<Command> {
        (0..count).map(|message| Command::Acknowledge { message, reason: Reason::SUCCESS }).collect()
    }

    /// Whether the driver is woken.
    async fn wakes(mailbox: &Mailbox) -> bool {
        tokio::select! {
            biased;
            () = mailbox.arrived() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn acknowledgements_wake_the_driver_when_there_are_as_many_as_it_wants() {
        let mailbox = Mailbox::new(Arc::new(|| {}));
        mailbox.submit(acknowledge(1));
        assert!(wakes(&mailbox).await, "at once, unless it says otherwise");
        assert_eq!(mailbox.take().len(), 1);

        mailbox.want(3);
        mailbox.submit(acknowledge(2));
        assert!(!wakes(&mailbox).await);
        mailbox.submit(acknowledge(1));
        assert!(wakes(&mailbox).await);
        assert_eq!(mailbox.take().len(), 3);

        mailbox.submit(acknowledge(1));
        mailbox.submit(vec![Command::NetworkUp]);
        assert!(wakes(&mailbox).await, "whatever else comes does not wait");
        assert_eq!(mailbox.take().len(), 2);
    }

    #[tokio::test]
    async fn acknowledgements_that_came_before_fewer_were_wanted_are_not_forgotten() {
        let mailbox = Mailbox::new(Arc::new(|| {}));
        mailbox.want(8);
        mailbox.submit(acknowledge(2));
        mailbox.want(4);
        assert!(!wakes(&mailbox).await);
        mailbox.want(1);
        assert!(wakes(&mailbox).await);
    }
}
