//! One world: a machine with its time, its network, its server and its users.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::BytesMut;
use fastrand::Rng;
use refresh_session_core::{BootTime, Code, Error};
use refresh_session_mqtt::{
    AckToken, Event, FullPolicy, LinkId, Machine, OpId, Phase, Queue, Settings, Version,
};

use crate::broker::{Broker, Mood};
use crate::sums::Sums;
use crate::wire::{Rates, Wire};

/// An operation as its user sees it.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub what: Asked,
    /// Whoever asked may give up, or its time may be over.
    pub may_fail: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    Publish { number: u64, qos: u8 },
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
}

/// The way between machine and server.
#[derive(Debug)]
pub(crate) struct Way {
    pub id: LinkId,
    /// When it comes up, or fails; `None`: it is up.
    pub opens: Option<(BootTime, bool)>,
    pub to_server: BytesMut,
    pub to_client: BytesMut,
    pub read: BytesMut,
    /// Nothing gets through any more, and nobody says so.
    pub dead: bool,
    /// Bytes to the server until it breaks.
    pub breaks_after: Option<usize>,
    /// The machine is not asked for bytes.
    pub stalled: bool,
    pub wire: Wire,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub(crate) struct World {
    pub rng: Rng,
    pub now: BootTime,
    pub start: BootTime,
    pub settings: Settings,
    pub machine: Machine,
    pub broker: Broker,
    pub way: Option<Way>,
    pub rates: Rates,
    /// Those that are not settled.
    pub ops: BTreeMap<OpId, Op>,
    pub last_op: Option<OpId>,
    pub number: u64,
    /// What the user was told about a filter last, and by which operation.
    pub told: BTreeMap<String, (OpId, bool)>,
    /// Filters of which nobody knows.
    pub unsure: BTreeSet<String>,
    pub delivered: BTreeSet<u64>,
    pub tokens: Vec<AckToken>,
    pub stopped: bool,
    pub healthy: bool,
    pub closed: bool,
    pub sums: Sums,
    tells: bool,
}

impl World {
    pub(crate) fn new(seed: u64, tells: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut settings = Settings::new("gw");
        settings.version = if rng.u8(0..3) == 0 { Version::V311 } else { Version::V5 };
        settings.connect.clean_start = rng.bool();
        settings.connect.keep_alive = rng.choice([30, 60, 1200]).unwrap();
        settings.connect.properties.session_expiry = rng.choice([None, Some(3600)]).unwrap();
        settings.manual_ack = rng.u8(0..3) == 0;
        settings.topic_aliases = rng.bool();
        settings.life = rng.choice([None, None, Some(Duration::from_hours(1))]).unwrap();
        settings.queue = Queue {
            offline: rng.u8(0..8) > 0,
            max_messages: rng.choice([1, 10, 100, 500]).unwrap(),
            max_bytes: rng.choice([1000, 100_000, 1_000_000]).unwrap(),
            ttl: rng.choice([None, None, None, Some(Duration::from_secs(20))]).unwrap(),
            policy: rng.choice([FullPolicy::Reject, FullPolicy::DropOldest, FullPolicy::DropNewest]).unwrap(),
        };
        let now = BootTime::default().after(Duration::from_secs(rng.u64(0..100_000)));
        let mut world = Self {
            machine: Machine::new(settings.clone(), rng.u64(..)).unwrap(),
            broker: Broker::new(settings.version, rng.fork()),
            rng,
            now,
            start: now,
            settings,
            way: None,
            rates: Rates::default(),
            ops: BTreeMap::new(),
            last_op: None,
            number: 0,
            told: BTreeMap::new(),
            unsure: BTreeSet::new(),
            delivered: BTreeSet::new(),
            tokens: Vec::new(),
            stopped: true,
            healthy: false,
            closed: false,
            sums: Sums::default(),
            tells,
        };
        world.set_terms();
        world
    }

    pub(crate) fn live(&mut self, steps: u64) {
        self.machine.handle_start(self.now);
        self.stopped = false;
        self.settle();
        for _ in 0..steps {
            self.sums.steps += 1;
            self.deed();
            self.settle();
            self.check();
        }
        self.recover();
        self.close();
        let stats = self.machine.stats();
        self.sums.acknowledged = stats.acknowledged;
        self.sums.repeated = stats.repeated;
        self.sums.failed = stats.failed;
        self.sums.connections = stats.connections;
        self.sums.received = stats.received;
        self.sums.sessions_lost = self.broker.sessions_lost;
        self.sums.hours = self.now.since(self.start).as_secs() / 3600;
    }

    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if self.tells {
            let at = self.now.since(self.start);
            println!("{at:>14.3?} {:?} {}", self.machine.phase(), what());
        }
    }

    /// What the server grants on the next connection.
    pub(crate) fn set_terms(&mut self) {
        let window = self.rng.choice([1, 5, 100, 1000]).unwrap();
        let largest = self.rng.choice([2000, 128 * 1024]).unwrap();
        let aliases = self.rng.choice([0, 2, 8]).unwrap();
        self.broker.terms = (window, largest, aliases);
    }

    /// All that follows from a deed at this moment.
    pub(crate) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 20_000, "no end at one moment");
            let moved = self.poll() | (self.healthy && self.carry(usize::MAX));
            if !moved {
                return;
            }
        }
    }

    /// One thing from the machine; whether there was one.
    fn poll(&mut self) -> bool {
        if let Some(way) = self.way.as_mut().filter(|way| way.opens.is_none() && !way.stalled)
            && let Some(bytes) = self.machine.poll_transmit(self.now)
        {
            way.wire.left(self.now, &bytes, &mut self.rates);
            way.to_server.extend_from_slice(&bytes);
            return true;
        }
        let event = self.machine.poll_event();
        let was_one = event.is_some();
        if let Some(event) = event {
            self.event(event);
        }
        was_one
    }

    pub(crate) fn open(&mut self, id: LinkId) {
        assert!(self.way.is_none(), "two links");
        self.set_terms();
        let (after, fine) = match self.rng.u8(0..10) {
            _ if self.healthy => (50, true),
            0 => (self.rng.u64(0..3000), false),
            1 if self.rng.u8(0..4) == 0 => (3_600_000, true),
            _ => (self.rng.u64(0..3000), true),
        };
        let at = self.now.after(Duration::from_millis(after));
        self.way = Some(Way {
            id,
            opens: Some((at, fine)),
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            read: BytesMut::new(),
            dead: false,
            breaks_after: None,
            stalled: false,
            wire: Wire::new(self.settings.version, self.now),
        });
    }

    /// The transport has come up, or has not.
    fn opened(&mut self) {
        let Some(way) = &mut self.way else { return };
        let Some((_, fine)) = way.opens.filter(|(at, _)| *at <= self.now) else { return };
        if fine {
            way.opens = None;
            way.wire.last = self.now;
            let id = way.id;
            self.machine.handle_up(self.now, id);
        } else {
            let id = way.id;
            let code = self.rng.choice([Code::Dns, Code::Connect, Code::ServerCertificate]).unwrap();
            self.machine.handle_failed(self.now, id, Error::new(code, "connecting: refused"));
        }
    }

    /// Moves at most so many bytes each way; whether any moved.
    pub(crate) fn carry(&mut self, most: usize) -> bool {
        let Some(way) = self.way.as_mut().filter(|way| way.opens.is_none() && !way.dead) else {
            return false;
        };
        let mut count = most.min(way.to_server.len());
        let mut breaks = false;
        if let Some(left) = &mut way.breaks_after {
            breaks = count >= *left;
            count = count.min(*left);
            *left -= count;
        }
        let there = way.to_server.split_to(count);
        self.broker.reads(&there);
        for id in std::mem::take(&mut self.broker.answered) {
            way.wire.answered(id);
        }
        way.to_client.extend_from_slice(&std::mem::take(&mut self.broker.out));
        if breaks || self.broker.over {
            self.cut();
            return true;
        }
        let Some(way) = &mut self.way else { return true };
        let back = way.to_client.split_to(most.min(way.to_client.len()));
        if back.is_empty() {
            return count > 0;
        }
        way.read.extend_from_slice(&back);
        let (id, terms) = (way.id, self.broker.terms);
        let mut read = std::mem::take(&mut way.read);
        if !way.wire.accepted && read.len() > 2 {
            way.wire.accepted = true;
            way.wire.session_present = read.get(2) == Some(&1);
            if self.settings.version == Version::V5 {
                way.wire.window = usize::from(terms.0).min(100);
                way.wire.largest = terms.1 as usize;
                way.wire.alias_maximum = terms.2;
            }
        }
        self.machine.handle_input(self.now, id, &mut read);
        if let Some(way) = self.way.as_mut().filter(|way| way.id == id) {
            way.read = read;
        }
        true
    }

    /// The connection ends, and both sides see it.
    pub(crate) fn cut(&mut self) {
        let Some(way) = self.way.take() else { return };
        self.broker.lost();
        if way.opens.is_none() {
            let error = self.rng.bool().then(|| Error::new(Code::ConnectionLost, "reading: reset"));
            self.machine.handle_lost(self.now, way.id, error);
        } else {
            self.machine.handle_failed(self.now, way.id, Error::new(Code::Connect, "connecting: reset"));
        }
    }

    pub(crate) fn pass_until(&mut self, end: BootTime) {
        let mut at_once = 0;
        loop {
            let timer = self.machine.poll_timeout();
            let opens = self.way.as_ref().and_then(|way| way.opens).map(|(at, _)| at);
            let Some(next) = [timer, opens].into_iter().flatten().min().filter(|next| *next <= end) else {
                break;
            };
            at_once = if next > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 50, "the same moment again and again: {:?}", self.machine.phase());
            self.now = self.now.max(next);
            self.sums.timeouts += 1;
            self.opened();
            self.machine.handle_timeout(self.now);
            self.settle();
            self.check();
        }
        self.now = self.now.max(end);
        self.check();
    }

    fn event(&mut self, event: Event) {
        self.note(|| match &event {
            Event::Disconnected { cause, .. } => format!("disconnected: {cause:?}"),
            other => format!("{other:?}").chars().take(900).collect(),
        });
        match event {
            Event::Open { link, .. } => self.open(link),
            Event::Shut { link, farewell } => {
                if let Some(mut way) = self.way.take_if(|way| way.id == link) {
                    let last = farewell.map(|unseen| unseen.0).unwrap_or_default();
                    way.wire.left(self.now, &last, &mut self.rates);
                    way.to_server.extend_from_slice(&last);
                    if way.opens.is_none() && !way.dead && way.breaks_after.is_none() {
                        self.broker.reads(&way.to_server);
                    }
                    self.broker.lost();
                }
            }
            Event::Settled { operation, outcome } => self.settled(operation, &outcome),
            Event::Message(message) => {
                let number: u64 = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
                self.delivered.insert(number);
                self.tokens.extend(message.ack.filter(|_| self.settings.manual_ack));
            }
            Event::SubscriptionLost { filter, .. } => {
                self.told.remove(filter.as_str());
            }
            Event::Connected { .. } => {
                if let Some(way) = &mut self.way {
                    way.wire.last = self.now;
                }
            }
            Event::Closed => self.closed = true,
            Event::Disconnected { .. } | Event::Reconnecting { .. } => {}
        }
    }

    /// Everything works again. In the end all is as it was wanted.
    fn recover(&mut self) {
        self.note(|| "recovery".into());
        self.healthy = true;
        self.broker.mood = Mood::Well;
        self.broker.prompt = true;
        if let Some(way) = &mut self.way {
            way.stalled = false;
        }
        if self.stopped {
            self.machine.handle_start(self.now);
            self.stopped = false;
        }
        // Long enough for the slow lane, a dead link with the longest keep-alive, and the queue.
        for _ in 0..30 {
            self.settle();
            self.acknowledge_all();
            self.pass_until(self.now.after(Duration::from_mins(1)));
        }
        self.settle();
        self.check_recovered();
    }

    pub(crate) fn acknowledge_all(&mut self) {
        for token in std::mem::take(&mut self.tokens) {
            let _ = self.machine.handle_acknowledge(token, refresh_session_mqtt::Reason::SUCCESS);
        }
    }

    fn close(&mut self) {
        let drain = self.rng.bool().then_some(Duration::from_secs(5));
        self.machine.handle_close(self.now, drain);
        self.settle();
        self.pass_until(self.now.after(Duration::from_secs(5)));
        assert!(self.closed && self.machine.phase() == Phase::Closed);
        assert!(self.ops.is_empty(), "not settled: {:?}", self.ops);
        assert_eq!(self.machine.poll_timeout(), None);
    }
}
