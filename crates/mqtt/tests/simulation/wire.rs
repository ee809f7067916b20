//! What a client may send, looked at where it leaves the machine.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use refresh_session_core::BootTime;
use refresh_session_mqtt::Version;

use crate::support::peer::{self, Said};

const SECOND: Duration = Duration::from_secs(1);

/// All that left the machine on one link.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
#[derive(Debug)]
pub(crate) struct Wire {
    version: Version,
    bytes: BytesMut,
    greeted: bool,
    pub accepted: bool,
    pub session_present: bool,
    over: bool,
    in_use: BTreeSet<u16>,
    messages_in_use: BTreeSet<u16>,
    keep_alive: Duration,
    pub last: BootTime,
    pub window: usize,
    pub largest: usize,
    pub alias_maximum: u16,
}

/// What counts over all links.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    messages: VecDeque<BootTime>,
    bytes: VecDeque<(BootTime, usize)>,
    last_connect: Option<BootTime>,
}

impl Wire {
    pub(crate) fn new(version: Version, now: BootTime) -> Self {
        Self {
            version,
            bytes: BytesMut::new(),
            greeted: false,
            accepted: false,
            session_present: false,
            over: false,
            in_use: BTreeSet::new(),
            messages_in_use: BTreeSet::new(),
            keep_alive: Duration::from_hours(1),
            last: now,
            window: 100,
            largest: 128 * 1024,
            alias_maximum: 0,
        }
    }

    pub(crate) fn left(&mut self, now: BootTime, bytes: &[u8], rates: &mut Rates) {
        self.last = now;
        self.bytes.extend_from_slice(bytes);
        while let Some(said) = peer::read(&mut self.bytes, self.version) {
            assert!(!self.over, "{said:?} behind DISCONNECT");
            self.check(now, &said, rates);
        }
    }

    fn check(&mut self, now: BootTime, said: &Said, rates: &mut Rates) {
        if let Said::Connect { keep_alive, .. } = said {
            assert!(!self.greeted, "two CONNECTs");
            self.greeted = true;
            self.keep_alive = Duration::from_secs(u64::from(*keep_alive));
            if let Some(last) = rates.last_connect.replace(now) {
                assert!(now.since(last) >= SECOND, "two CONNECTs within a second");
            }
            rates.messages.clear();
            rates.bytes.clear();
            return;
        }
        assert!(self.greeted && self.accepted, "{said:?} before CONNACK");
        match said {
            Said::Publish { id, qos, dup, size, topic, alias, .. } => {
                assert!(*size <= self.largest, "{size} bytes, over {}", self.largest);
                assert!(topic.len() <= 256 && topic.matches('/').count() <= 7);
                assert!(alias.unwrap_or(0) <= self.alias_maximum);
                assert!(!dup || self.session_present, "DUP without a session");
                if *qos == 1 {
                    assert!(self.in_use.insert(*id), "identifier {id} is in use");
                    self.messages_in_use.insert(*id);
                    assert!(self.messages_in_use.len() <= self.window, "over the window of {}", self.window);
                }
                rates.message(now, *size);
            }
            Said::Subscribe { id, filters } | Said::Unsubscribe { id, filters } => {
                assert!((1..=8).contains(&filters.len()));
                assert!(self.in_use.insert(*id), "identifier {id} is in use");
            }
            Said::Disconnect => self.over = true,
            _ => {}
        }
    }

    /// The server answers: the identifier will be free as soon as the client knows.
    pub(crate) fn answered(&mut self, id: u16) {
        self.in_use.remove(&id);
        self.messages_in_use.remove(&id);
    }

    pub(crate) fn silence(&self, now: BootTime) {
        if self.accepted && !self.over {
            assert!(now.since(self.last) <= self.keep_alive, "silent for {:?}", now.since(self.last));
        }
    }
}

impl Rates {
    fn message(&mut self, now: BootTime, size: usize) {
        self.messages.push_back(now);
        self.bytes.push_back((now, size));
        let old = |at: BootTime| now.since(at) >= SECOND;
        while self.messages.front().is_some_and(|at| old(*at)) {
            self.messages.pop_front();
        }
        while self.bytes.front().is_some_and(|(at, _)| old(*at)) {
            self.bytes.pop_front();
        }
        assert!(self.messages.len() <= 100, "{} messages in a second", self.messages.len());
        let bytes: usize = self.bytes.iter().map(|(_, size)| size).sum();
        assert!(bytes <= 512 * 1024 + 128 * 1024, "{bytes} bytes in a second");
    }
}
