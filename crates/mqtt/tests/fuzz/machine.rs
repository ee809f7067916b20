//! A machine whose driver, callers and server do anything at any time.

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use refresh_session_core::{BootTime, Code, Error};
use refresh_session_mqtt::{
    AckToken, Event, FullPolicy, Limits, LinkId, Machine, OpId, Outcome, Phase, Publish, QoS, Reason,
    Settings, Subscription, Text, Version, Will,
};

const STEPS: usize = 200;
/// Of one poll loop. More than what the queue can hold would be a loop without end.
const MOST_POLLS: usize = 10_000;

/// What has come about, so that a fuzzer that does nothing is seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connected: u64,
    pub(crate) settled: u64,
    pub(crate) messages: u64,
    refused: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.connected += other.connected;
        self.settled += other.settled;
        self.messages += other.messages;
        self.refused += other.refused;
    }
}

struct World {
    rng: Rng,
    machine: Machine,
    version: Version,
    most: usize,
    now: BootTime,
    /// The last ones; calls name older ones too.
    links: Vec<LinkId>,
    operations: Vec<OpId>,
    open: BTreeSet<OpId>,
    tokens: Vec<AckToken>,
    input: BytesMut,
    seen: Seen,
}

/// One life. `garbage` makes bytes that are nearly right.
pub(crate) fn live(seed: u64, garbage: impl Fn(&mut Rng) -> BytesMut) -> Seen {
    let mut rng = Rng::with_seed(seed);
    let settings = settings(&mut rng);
    let (version, most) = (settings.version, settings.queue.max_messages);
    let mut world = World {
        machine: Machine::new(settings, seed).unwrap(),
        rng,
        version,
        most,
        now: BootTime::default().after(Duration::from_secs(1)),
        links: Vec::new(),
        operations: Vec::new(),
        open: BTreeSet::new(),
        tokens: Vec::new(),
        input: BytesMut::new(),
        seen: Seen::default(),
    };
    for _ in 0..STEPS {
        world.step(&garbage);
        world.poll();
    }
    world.end();
    world.seen
}

fn settings(rng: &mut Rng) -> Settings {
    let mut settings = Settings::new("gw");
    settings.version = if rng.bool() { Version::V5 } else { Version::V311 };
    settings.limits = if rng.bool() { Limits::AWS } else { Limits::NONE };
    settings.connect.clean_start = rng.bool();
    settings.connect.keep_alive = rng.choice([30, 60, 1200]).unwrap();
    settings.connect.will = rng.bool().then(|| Will {
        topic: "w".into(),
        payload: Bytes::from_static(b"bye"),
        ..Will::default()
    });
    if settings.version == Version::V5 {
        settings.connect.properties.session_expiry = rng.choice([None, Some(0), Some(3600)]).unwrap();
        settings.topic_aliases = rng.bool();
    }
    settings.manual_ack = rng.bool();
    settings.life = rng.bool().then_some(Duration::from_hours(24));
    settings.queue.offline = rng.u8(0..4) != 0;
    settings.queue.max_messages = rng.usize(1..50);
    settings.queue.ttl = rng.bool().then_some(Duration::from_secs(90));
    settings.queue.policy =
        rng.choice([FullPolicy::Reject, FullPolicy::DropOldest, FullPolicy::DropNewest]).unwrap();
    settings
}

impl World {
    fn step(&mut self, garbage: &impl Fn(&mut Rng) -> BytesMut) {
        match self.rng.u8(0..26) {
            0 => self.machine.handle_start(self.now),
            1 if self.rng.u8(0..8) == 0 => self.machine.handle_stop(self.now),
            2 if self.rng.u8(0..16) == 0 => {
                let drain = self.rng.bool().then_some(Duration::from_secs(5));
                self.machine.handle_close(self.now, drain);
            }
            3..=5 => self.with_link(|world, link| world.machine.handle_up(world.now, link)),
            6 => self.with_link(|world, link| {
                let code = world.rng.choice([Code::Dns, Code::CertificateRefused, Code::Timeout]).unwrap();
                world.machine.handle_failed(world.now, link, Error::new(code, "fuzzed"));
            }),
            7 if self.rng.bool() => self.with_link(|world, link| {
                let error = world.rng.bool().then(|| Error::new(Code::ConnectionLost, "fuzzed"));
                world.machine.handle_lost(world.now, link, error);
            }),
            8..=10 => self.accept(),
            11 => {
                let garbage = garbage(&mut self.rng);
                self.say(&garbage);
            }
            12..=14 => self.publish(),
            15 => self.subscribe(),
            16 => {
                let limit = self.limit();
                let filters = vec![self.filter(), self.filter()];
                let begun = self.machine.handle_unsubscribe(self.now, filters, limit);
                self.begun(&begun);
            }
            17 => {
                if let Some(id) = self.any_operation() {
                    self.machine.handle_cancel(self.now, id);
                }
            }
            18 => {
                if let Some(token) = self.rng.choice(&self.tokens).copied() {
                    let reason = Reason(self.rng.u8(..));
                    let _ = self.machine.handle_acknowledge(token, reason);
                }
            }
            19 => self.machine.handle_network_up(self.now),
            20 | 21 => self.tell(),
            22 => self.with_link(|world, link| world.machine.handle_alive(world.now, link)),
            _ => {
                let most = self.rng.choice([10, 1000, 40_000, 5_000_000]).unwrap();
                self.now = self.now.after(Duration::from_millis(self.rng.u64(0..most)));
                self.machine.handle_timeout(self.now);
            }
        }
    }

    /// Mostly the last link, now and then one that is long gone.
    fn with_link(&mut self, act: impl FnOnce(&mut Self, LinkId)) {
        let link = if self.rng.u8(0..8) == 0 {
            self.rng.choice(&self.links).copied()
        } else {
            self.links.last().copied()
        };
        if let Some(link) = link {
            act(self, link);
        }
    }

    fn accept(&mut self) {
        let present = u8::from(self.rng.bool());
        match self.version {
            Version::V5 => self.say(&[0x20, 3, present, 0, 0]),
            Version::V311 => self.say(&[0x20, 2, present, 0]),
        }
    }

    /// A message of QoS 1.
    fn tell(&mut self) {
        let id = self.rng.u8(1..5);
        match self.version {
            Version::V5 => self.say(&[0x32, 7, 0, 1, b'a', 0, id, 0, b'x']),
            Version::V311 => self.say(&[0x32, 6, 0, 1, b'a', 0, id, b'x']),
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let mut input = std::mem::take(&mut self.input);
        self.with_link(|world, link| world.machine.handle_input(world.now, link, &mut input));
        // A server does not send more than this of one packet before it is over.
        if input.len() < 2000 {
            self.input = input;
        }
    }

    fn publish(&mut self) {
        let message = Publish {
            topic: self.filter(),
            payload: Bytes::from(vec![0; self.rng.choice([0, 10, 1000, 200_000]).unwrap()]),
            qos: if self.rng.bool() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            retain: self.rng.bool(),
            properties: None,
        };
        let limit = self.limit();
        let begun = self.machine.handle_publish(self.now, message, limit);
        self.begun(&begun);
    }

    fn subscribe(&mut self) {
        let count = self.rng.usize(0..20);
        let wishes = (0..count)
            .map(|number| {
                let filter = format!("{}/{number}", self.filter().as_str()).as_str().into();
                Subscription { filter, qos: QoS::AtLeastOnce, ..Subscription::default() }
            })
            .collect();
        let limit = self.limit();
        let begun = self.machine.handle_subscribe(self.now, wishes, limit);
        self.begun(&begun);
    }

    fn begun(&mut self, begun: &Result<OpId, Error>) {
        match begun {
            Ok(id) => {
                self.operations.push(*id);
                assert!(self.open.insert(*id), "a number used twice");
            }
            Err(_) => self.seen.refused += 1,
        }
    }

    fn any_operation(&mut self) -> Option<OpId> {
        self.rng.choice(&self.operations).copied()
    }

    fn limit(&mut self) -> Option<Duration> {
        self.rng.bool().then(|| Duration::from_millis(self.rng.u64(0..100_000)))
    }

    fn filter(&mut self) -> Text {
        self.rng.choice(["a", "a/b", "a/#", "+/b", "$share/g/a", "", "a/#/b"]).unwrap().into()
    }

    fn poll(&mut self) {
        for round in 0.. {
            assert!(round < MOST_POLLS, "no end of polling");
            if self.machine.poll_transmit(self.now).is_some() {
                continue;
            }
            let Some(event) = self.machine.poll_event() else { break };
            self.hear(event);
        }
        let stats = self.machine.stats();
        assert!(stats.pending <= self.most && stats.in_flight <= stats.packet_ids, "{stats:?}");
        let due = self.machine.poll_timeout();
        assert!(self.machine.phase() != Phase::Closed || due.is_none(), "a timer after the end");
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Open { link, .. } => {
                self.input.clear();
                self.links.push(link);
            }
            Event::Connected { .. } => self.seen.connected += 1,
            Event::Settled { operation, outcome } => {
                assert!(self.open.remove(&operation), "settled twice: {outcome:?}");
                if let Outcome::Refused { reasons, .. } = &outcome {
                    assert!(!reasons.is_empty(), "refused without a reason");
                }
                self.seen.settled += 1;
            }
            Event::Message(message) => {
                self.seen.messages += 1;
                self.tokens.extend(message.ack);
            }
            _ => {}
        }
    }

    /// What is open settles when it ends.
    fn end(&mut self) {
        self.machine.handle_close(self.now, None);
        self.poll();
        assert_eq!(self.machine.phase(), Phase::Closed);
        assert!(self.open.is_empty(), "{} operations never settle", self.open.len());
    }
}
