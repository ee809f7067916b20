//! One machine, its time, and the other end of its wire.

use std::time::Duration;

use bytes::BytesMut;
use refresh_session_core::BootTime;
use refresh_session_mqtt::{Event, LinkId, Machine, OpId, Outcome, Phase, Publish, QoS, Settings, Version};

use super::peer::{self, Said};

pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) version: Version,
    pub(crate) now: BootTime,
    pub(crate) link: Option<LinkId>,
    pub(crate) events: Vec<Event>,
    to_server: BytesMut,
    from_server: BytesMut,
}

impl Bench {
    pub(crate) fn new(settings: Settings) -> Self {
        let version = settings.version;
        let mut bench = Self {
            machine: Machine::new(settings, 7).unwrap(),
            version,
            now: BootTime::default().after(Duration::from_secs(1000)),
            link: None,
            events: Vec::new(),
            to_server: BytesMut::new(),
            from_server: BytesMut::new(),
        };
        bench.machine.handle_start(bench.now);
        bench.pump();
        bench
    }

    /// Connected, with an empty session.
    pub(crate) fn online(settings: Settings) -> Self {
        let mut bench = Self::new(settings);
        bench.connect(false);
        bench
    }

    /// From `Open` to CONNACK.
    pub(crate) fn connect(&mut self, present: bool) {
        self.connect_with(present, &[]);
    }

    pub(crate) fn connect_with(&mut self, present: bool, properties: &[u8]) {
        self.greet();
        let answer = peer::connack(self.version, present, 0, properties);
        self.says(&answer);
        assert!(matches!(self.machine.phase(), Phase::Online | Phase::Draining), "{:?}", self.events.last());
    }

    /// From `Open` to CONNECT, which it gives.
    pub(crate) fn greet(&mut self) -> Said {
        let link = self.link.expect("a link to be opened");
        self.machine.handle_up(self.now, link);
        self.pump();
        let said = self.said();
        assert!(matches!(said[..], [Said::Connect { .. }]), "{said:?}");
        said.into_iter().next().unwrap()
    }

    pub(crate) fn says(&mut self, bytes: &[u8]) {
        self.from_server.extend_from_slice(bytes);
        if let Some(link) = self.link {
            self.machine.handle_input(self.now, link, &mut self.from_server);
        }
        self.pump();
    }

    /// What the client has said since the last time.
    pub(crate) fn said(&mut self) -> Vec<Said> {
        self.pump();
        std::iter::from_fn(|| peer::read(&mut self.to_server, self.version)).collect()
    }

    pub(crate) fn lose(&mut self) {
        let link = self.link.take().expect("a link to lose");
        self.machine.handle_lost(self.now, link, None);
        self.to_server.clear();
        self.from_server.clear();
        self.pump();
    }

    /// Time passes; timers go off when they are due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        self.pass_until(end, |_| false);
    }

    /// Until the next link is to be opened.
    pub(crate) fn pass_to_open(&mut self) -> Duration {
        let start = self.now;
        self.link = None;
        self.pass_until(start.after(Duration::from_hours(1)), |bench| bench.link.is_some());
        assert!(self.link.is_some(), "nothing was opened");
        self.now.since(start)
    }

    fn pass_until(&mut self, end: BootTime, stop: impl Fn(&Self) -> bool) {
        let mut at_once = 0;
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            at_once = if due > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 20, "the same moment again and again");
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
            self.pump();
            if stop(self) {
                return;
            }
        }
        self.now = end;
    }

    pub(crate) fn pump(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "no end of polling");
            if let Some(bytes) = self.machine.poll_transmit(self.now) {
                self.to_server.extend_from_slice(&bytes);
            } else if let Some(event) = self.machine.poll_event() {
                match &event {
                    Event::Open { link, .. } => self.link = Some(*link),
                    Event::Shut { link, farewell } => {
                        self.to_server
                            .extend_from_slice(farewell.as_ref().map_or(&[][..], |unseen| &unseen.0));
                        self.from_server.clear();
                        self.link = self.link.filter(|current| current != link);
                    }
                    _ => {}
                }
                self.events.push(event);
            } else {
                return;
            }
        }
    }

    /// A QoS 1 message.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) -> OpId {
        self.publish_within(topic, payload, None)
    }

    pub(crate) fn publish_within(&mut self, topic: &str, payload: &str, limit: Option<Duration>) -> OpId {
        let id = self.machine.handle_publish(self.now, message(topic, payload), limit).unwrap();
        self.pump();
        id
    }

    pub(crate) fn outcome(&self, of: OpId) -> Option<&Outcome> {
        let mut all = self.events.iter().filter_map(|event| match event {
            Event::Settled { operation, outcome } if *operation == of => Some(outcome),
            _ => None,
        });
        let found = all.next();
        assert!(all.next().is_none(), "settled twice");
        found
    }

    /// The code of the error it ended with.
    pub(crate) fn failure(&self, of: OpId) -> Option<&'static str> {
        match self.outcome(of)? {
            Outcome::Failed { error, .. } | Outcome::Refused { error, .. } => Some(error.code().as_str()),
            _ => None,
        }
    }
}

pub(crate) fn message(topic: &str, payload: &str) -> Publish {
    Publish {
        topic: topic.into(),
        payload: bytes::Bytes::copy_from_slice(payload.as_bytes()),
        qos: QoS::AtLeastOnce,
        ..Publish::default()
    }
}
