//! Drives one machine: commands, link, time and network in, deliveries out. One task for each connection.

mod waiting;

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{BootTime, Code, Error};
use refresh_session_mqtt::{Cause, Event, LinkId, Machine, OpId, Outcome, Phase, QoS};
use tokio::task::JoinSet;

use super::alarm_clock::AlarmClock;
use super::keeping::{Keeping, nowhere_to_store};
use super::mailbox::Mailbox;
use super::notices::Notices;
use super::operations::{Operations, Owner, Unacknowledged};
use super::store::{Done, Pending};
use super::transport::{Transport, Turn};
use super::wire::{Dial, Wire};
use super::words::{Command, Delivery, MqttStats, OperationNumber};
use crate::Surroundings;
use crate::alarm::Change;
use crate::source::Fetching;
use crate::task::Work;
use waiting::Happened;

/// For the disk to take what it was given when all is over. One that hangs must not hold up the end.
const DISK: Duration = Duration::from_secs(5);
/// In a stream of messages nothing is read for so long after each time: to wake two threads for every message costs more than
/// all that is done with it.
const PAUSE: Duration = Duration::from_millis(1);

/// A connection's task.
pub(super) struct Driver {
    machine: Machine,
    mailbox: Arc<Mailbox>,
    dial: Arc<dyn Dial>,
    around: Surroundings,
    clock: AlarmClock,
    notices: Notices,
    dialing: Option<Dialing>,
    transport: Option<Transport>,
    /// Nothing is read before that.
    paused: Option<BootTime>,
    /// Links that are taking leave.
    leaving: JoinSet<()>,
    operations: Operations,
    unacknowledged: Unacknowledged,
    /// With a queue on disk.
    keeping: Option<Keeping>,
    /// A close that waits for the disk.
    closing: Option<Closing>,
    deliveries: Vec<Delivery>,
    /// What the mailbox was told last.
    wanted: usize,
    stats: MqttStats,
    /// Of the links before this one.
    bytes: (u64, u64),
}

/// A close: how long operations have to settle.
struct Closing {
    drain: Option<Duration>,
}

/// An attempt under way.
struct Dialing {
    link: LinkId,
    attempt: Fetching<'static, Result<Wire, Error>>,
}

/// What a driver begins with.
pub(super) struct Begin {
    pub(super) machine: Machine,
    pub(super) operations: Operations,
    pub(super) keeping: Option<Keeping>,
    /// From before it began.
    pub(super) deliveries: Vec<Delivery>,
}

impl Driver {
    pub(super) fn new(
        begin: Begin,
        mailbox: Arc<Mailbox>,
        dial: Arc<dyn Dial>,
        around: Surroundings,
    ) -> Self {
        Self {
            clock: AlarmClock::new(around.alarm.clone()),
            notices: Notices::new(around.alarm.clone(), around.network.clone()),
            machine: begin.machine,
            mailbox,
            dial,
            around,
            dialing: None,
            transport: None,
            paused: None,
            leaving: JoinSet::new(),
            operations: begin.operations,
            unacknowledged: Unacknowledged::default(),
            keeping: begin.keeping,
            closing: None,
            deliveries: begin.deliveries,
            wanted: 0,
            stats: MqttStats::default(),
            bytes: (0, 0),
        }
    }

    /// Until the machine is closed and every link has taken leave.
    pub(super) async fn run(mut self) {
        loop {
            self.obey_all();
            self.advance();
            if self.machine.phase() == Phase::Closed {
                break;
            }
            match self.happens().await {
                Happened::Arrived | Happened::Room | Happened::Changed(Change::WallClockSet) => {}
                Happened::Dialed(dialed) => self.dialed(dialed),
                Happened::Link(turn) => self.link_turned(turn),
                Happened::Time => self.time(),
                // The network may be another one, and the server may have forgotten us meanwhile.
                Happened::Changed(Change::Resumed) | Happened::NetworkCame => {
                    let now = self.now();
                    self.machine.handle_network_up(now);
                }
                Happened::Disk(done) => self.disk(done),
            }
        }
        while self.leaving.join_next().await.is_some() {}
        if let Some(keeping) = self.keeping.take() {
            let _ = tokio::time::timeout(DISK, keeping.finish(&*self.around.clock)).await;
        }
        self.deliveries.push(Delivery::Closed);
        self.mailbox.deliver(&mut self.deliveries);
        self.mailbox.end();
    }

    fn now(&self) -> BootTime {
        self.around.clock.boot()
    }

    fn obey_all(&mut self) {
        for command in self.mailbox.take() {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Connect => self.machine.handle_start(now),
            Command::Disconnect => self.machine.handle_stop(now),
            Command::Close { drain } if self.keeping.as_ref().is_some_and(Keeping::is_busy) => {
                self.closing = Some(Closing { drain });
            }
            Command::Close { drain } => self.machine.handle_close(now, drain),
            Command::NetworkUp => self.machine.handle_network_up(now),
            Command::Publish { operation, message, limit, until_stored } => {
                self.publish(now, Pending { operation, message, limit, until_stored });
            }
            Command::Subscribe { operation, subscriptions, limit } => {
                let begun = self.machine.handle_subscribe(now, subscriptions, limit);
                self.begun(operation, begun);
            }
            Command::Unsubscribe { operation, filters, limit } => {
                let begun = self.machine.handle_unsubscribe(now, filters, limit);
                self.begun(operation, begun);
            }
            Command::Cancel { operation } => {
                if let Some(id) = self.operations.id_of(operation) {
                    self.machine.handle_cancel(now, id);
                } else if let Some(keeping) = &mut self.keeping {
                    keeping.cancel(operation);
                }
            }
            Command::Acknowledge { message, reason } => {
                if let Some(token) = self.unacknowledged.take(message) {
                    // Too late means that the server sends it again, which it is free to do anyhow.
                    let _ = self.machine.handle_acknowledge(token, reason);
                }
            }
        }
    }

    fn publish(&mut self, now: BootTime, pending: Pending) {
        let Pending { operation, message, limit, until_stored } = pending;
        let storable = message.qos == QoS::AtLeastOnce;
        match &mut self.keeping {
            Some(keeping) if storable => match self.machine.check(&message) {
                Ok(()) => keeping.keep(Pending { operation, message, limit, until_stored }),
                Err(error) => self.begun(operation, Err(error)),
            },
            _ if until_stored => self.begun(operation, Err(nowhere_to_store(storable))),
            _ => {
                let begun = self.machine.handle_publish(now, message, limit);
                self.begun(operation, begun);
            }
        }
    }

    fn begun(&mut self, operation: OperationNumber, begun: Result<OpId, Error>) {
        match begun {
            Ok(id) => self.operations.begun(id, Owner::Caller(operation)),
            Err(error) => {
                let outcome = Outcome::Failed { error, was_sent: false };
                self.deliveries.push(Delivery::Settled { operation, outcome });
            }
        }
    }

    fn disk(&mut self, done: Done) {
        let now = self.now();
        let Some(keeping) = &mut self.keeping else { return };
        self.deliveries.extend(keeping.stored(done, now, &mut self.machine, &mut self.operations));
        if !keeping.is_busy()
            && let Some(Closing { drain }) = self.closing.take()
        {
            self.machine.handle_close(now, drain);
        }
    }

    fn dialed(&mut self, dialed: Result<Wire, Error>) {
        let Some(Dialing { link, .. }) = self.dialing.take() else { return };
        let now = self.now();
        match dialed {
            Ok(wire) => {
                self.transport = Some(Transport::new(link, wire));
                self.machine.handle_up(now, link);
            }
            Err(error) => self.machine.handle_failed(now, link, error),
        }
        self.warn();
    }

    fn link_turned(&mut self, turn: Turn) {
        let now = self.now();
        let Some(transport) = &mut self.transport else { return };
        match turn {
            Turn::Read => {
                self.machine.handle_input(now, transport.id, &mut transport.input);
                self.paused = self.machine.may_read_later().then(|| now.after(PAUSE));
            }
            Turn::Written => {}
            Turn::Lost(error) => {
                let link = transport.id;
                self.drop_transport();
                self.machine.handle_lost(now, link, error);
            }
        }
    }

    fn time(&mut self) {
        // Acknowledgements that nobody was woken for come before their time is over.
        self.obey_all();
        let now = self.now();
        if let Some(transport) = &self.transport
            && !self.mailbox.has_room()
        {
            self.machine.handle_alive(now, transport.id);
        }
        if self.machine.poll_timeout().is_some_and(|due| due <= now) {
            self.machine.handle_timeout(now);
        }
    }

    /// Has the machine say all that it has to say.
    fn advance(&mut self) {
        let now = self.now();
        loop {
            while self.transport.as_ref().is_some_and(Transport::takes_more)
                && let Some(chunk) = self.machine.poll_transmit(now)
                && let Some(transport) = &mut self.transport
            {
                transport.write(chunk);
            }
            let Some(event) = self.machine.poll_event() else { break };
            self.hear(event);
            while let Some(event) = self.machine.poll_event() {
                self.hear(event);
            }
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.flush(&*self.around.clock);
        }
        self.report();
        let wanted = self.machine.acknowledgements_wanted();
        if std::mem::replace(&mut self.wanted, wanted) != wanted {
            self.mailbox.want(wanted);
        }
        self.mailbox.deliver(&mut self.deliveries);
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Open { link, .. } => {
                self.stats.attempts += 1;
                let dial = self.dial.clone();
                let attempt = Box::pin(async move { dial.dial().await });
                self.dialing = Some(Dialing { link, attempt });
            }
            Event::Shut { link, farewell } => {
                self.dialing = self.dialing.take().filter(|dialing| dialing.link != link);
                if self.transport.as_ref().is_some_and(|transport| transport.id == link)
                    && let Some(transport) = self.drop_transport()
                {
                    let shut: Work = Box::pin(transport.shut(farewell.map(|unseen| unseen.0)));
                    self.leaving.spawn(shut);
                }
            }
            Event::Connected { session_present, reason, properties, resubscribing } => {
                self.deliveries.push(Delivery::Connected {
                    session_present,
                    reason,
                    properties,
                    resubscribing,
                });
            }
            Event::Disconnected { cause, error, was_connected, .. } => {
                self.unacknowledged.lost();
                let expected = matches!(cause, Cause::Planned | Cause::Stopped);
                let reason = match cause {
                    Cause::Refused(reason) | Cause::Said(reason) => Some(reason),
                    _ => None,
                };
                self.deliveries.push(Delivery::Disconnected { error, reason, was_connected, expected });
            }
            Event::Reconnecting { delay, attempt } => {
                self.deliveries.push(Delivery::Reconnecting { delay, attempt });
            }
            Event::Settled { operation, outcome } => self.settled(operation, outcome),
            Event::Message(message) => {
                let number = message.ack.map(|token| self.unacknowledged.came(token));
                self.deliveries.push(Delivery::Message { message, number });
            }
            Event::SubscriptionLost { filter, reason } => {
                self.deliveries.push(Delivery::SubscriptionLost { filter, reason });
            }
            // `run` says so when the links have taken leave.
            Event::Closed => {}
        }
    }

    fn settled(&mut self, id: OpId, outcome: Outcome) {
        let delivery = match self.operations.settled(id) {
            None => return,
            Some(Owner::Caller(operation)) => Delivery::Settled { operation, outcome },
            Some(Owner::Stored { record, caller, topic }) => {
                if let Some(keeping) = &mut self.keeping {
                    keeping.over(record, &outcome);
                }
                match caller {
                    Some(operation) => Delivery::Settled { operation, outcome },
                    // It stays on the disk: nothing has become of it.
                    None if is_closed(&outcome) => return,
                    None => Delivery::Released { topic, outcome },
                }
            }
        };
        self.deliveries.push(delivery);
    }

    fn drop_transport(&mut self) -> Option<Transport> {
        let transport = self.transport.take()?;
        self.bytes.0 += transport.bytes_in;
        self.bytes.1 += transport.bytes_out;
        Some(transport)
    }

    fn warn(&mut self) {
        let warnings = self.dial.take_warnings();
        self.deliveries.extend(warnings.into_iter().map(Delivery::Warning));
    }

    fn report(&mut self) {
        let now = self.transport.as_ref().map_or((0, 0), |up| (up.bytes_in, up.bytes_out));
        self.stats = MqttStats {
            machine: self.machine.stats(),
            connected: matches!(self.machine.phase(), Phase::Online | Phase::Draining)
                && self.transport.is_some(),
            bytes_in: self.bytes.0 + now.0,
            bytes_out: self.bytes.1 + now.1,
            stored: self.keeping.as_ref().map_or(0, Keeping::len),
            ..self.stats
        };
        self.mailbox.publish(self.stats);
    }
}

pub(super) fn is_closed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { error, .. } if error.code() == Code::Closed)
}
