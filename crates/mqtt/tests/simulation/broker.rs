//! A server like AWS IoT: sessions, limits that end connections, answers in any order, and moods.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::BytesMut;
use fastrand::Rng;
use refresh_session_mqtt::Version;

use crate::support::peer::{self, Said};

/// How it behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    Well,
    /// Reads, and answers nothing.
    Silent,
    /// Does not answer CONNECT.
    Deaf,
    /// Refuses CONNECT.
    Refusing(u8),
    /// Answers messages and subscriptions with a refusal now and then.
    Picky,
    /// Has forgotten the session at the next CONNECT.
    Forgetful,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub filters: BTreeSet<String>,
    /// Messages for the client, by number.
    unsent: VecDeque<u64>,
    unacknowledged: BTreeMap<u16, u64>,
}

/// An answer that is owed.
#[derive(Clone, Debug)]
enum Owed {
    PubAck { id: u16 },
    SubAck { id: u16, reasons: Vec<u8> },
    UnsubAck { id: u16, reasons: Vec<u8> },
    Ping,
}

#[derive(Debug)]
pub(crate) struct Broker {
    version: Version,
    pub rng: Rng,
    pub mood: Mood,
    /// Answers all at once.
    pub prompt: bool,
    pub session: Option<Session>,
    expiry: u32,
    connected: bool,
    bytes: BytesMut,
    owed: Vec<Owed>,
    /// To the client.
    pub out: Vec<u8>,
    pub answered: Vec<u16>,
    /// Messages by number, in the order of their first arrival, by topic.
    pub arrived: BTreeMap<String, Vec<u64>>,
    pub all_arrived: BTreeSet<u64>,
    /// Of QoS 1 and not refused.
    pub accepted: BTreeSet<u64>,
    window: usize,
    next_id: u16,
    pub for_client: u64,
    /// Numbers that the client has acknowledged.
    pub done: BTreeSet<u64>,
    pub sessions_lost: u64,
    pub terms: (u16, u32, u16),
    pub over: bool,
}

impl Broker {
    pub(crate) fn new(version: Version, rng: Rng) -> Self {
        Self {
            version,
            rng,
            mood: Mood::Well,
            prompt: false,
            session: None,
            expiry: 0,
            connected: false,
            bytes: BytesMut::new(),
            owed: Vec::new(),
            out: Vec::new(),
            answered: Vec::new(),
            arrived: BTreeMap::new(),
            all_arrived: BTreeSet::new(),
            accepted: BTreeSet::new(),
            window: 100,
            next_id: 0,
            for_client: 0,
            done: BTreeSet::new(),
            sessions_lost: 0,
            terms: (100, 128 * 1024, 0),
            over: false,
        }
    }

    /// The connection is over, however.
    pub(crate) fn lost(&mut self) {
        self.connected = false;
        self.bytes.clear();
        self.owed.clear();
        self.out.clear();
        self.answered.clear();
        self.over = false;
        if self.expiry == 0 {
            self.session = None;
        }
        if let Some(session) = &mut self.session {
            let again = std::mem::take(&mut session.unacknowledged);
            let mut numbers: Vec<u64> = again.into_values().collect();
            numbers.sort_unstable();
            for number in numbers.into_iter().rev() {
                session.unsent.push_front(number);
            }
        }
    }

    pub(crate) fn reads(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some(said) = peer::read(&mut self.bytes, self.version) {
            self.hears(said);
        }
        self.speaks();
    }

    fn hears(&mut self, said: Said) {
        match said {
            Said::Connect { clean, expiry, receive_maximum, .. } => {
                self.greeted(clean, expiry, receive_maximum);
            }
            Said::Publish { topic, payload, qos, id, .. } => {
                let number: u64 =
                    String::from_utf8_lossy(&payload).split('.').next().unwrap().parse().unwrap();
                let known = self.arrived.entry(topic).or_default();
                if self.all_arrived.insert(number) {
                    assert!(known.last() < Some(&number), "{number} came first behind {:?}", known.last());
                    known.push(number);
                }
                if qos == 1 {
                    self.accepted.insert(number);
                    self.owed.push(Owed::PubAck { id });
                }
            }
            Said::PubAck { id } => {
                let session = self.session.as_mut().expect("a session");
                let number = session.unacknowledged.remove(&id).expect("PUBACK for what was not sent");
                self.done.insert(number);
            }
            Said::Subscribe { id, filters } => {
                let picky = self.mood == Mood::Picky;
                let rng = &mut self.rng;
                let session = self.session.as_mut().expect("a session");
                let each = filters.into_iter().map(|filter| {
                    if picky && rng.u8(0..8) == 0 {
                        return 0x80;
                    }
                    session.filters.insert(filter);
                    1
                });
                let reasons = each.collect();
                assert!(session.filters.len() <= 50, "{} subscriptions", session.filters.len());
                self.owed.push(Owed::SubAck { id, reasons });
            }
            Said::Unsubscribe { id, filters } => {
                let session = self.session.as_mut().expect("a session");
                let reasons = vec![0; filters.len()];
                for filter in filters {
                    session.filters.remove(&filter);
                }
                self.owed.push(Owed::UnsubAck { id, reasons });
            }
            Said::Ping => self.owed.push(Owed::Ping),
            Said::Disconnect => self.over = true,
        }
    }

    fn greeted(&mut self, clean: bool, expiry: u32, receive_maximum: u16) {
        self.window = usize::from(receive_maximum);
        self.expiry = expiry;
        match self.mood {
            Mood::Deaf | Mood::Silent => return,
            Mood::Refusing(code) => {
                let code = if self.version == Version::V5 { code } else { 5 };
                self.out.extend(peer::connack(self.version, false, code, &[]));
                return;
            }
            Mood::Forgetful => {
                self.sessions_lost += u64::from(self.session.take().is_some());
            }
            Mood::Well | Mood::Picky => {}
        }
        if clean {
            self.session = None;
        }
        let present = self.session.is_some();
        self.session.get_or_insert_default();
        let (window, largest, aliases) = self.terms;
        let mut properties = vec![33];
        properties.extend(window.to_be_bytes());
        properties.push(39);
        properties.extend(largest.to_be_bytes());
        properties.push(34);
        properties.extend(aliases.to_be_bytes());
        self.out.extend(peer::connack(self.version, present, 0, &properties));
        self.connected = true;
    }

    /// A message for the client, if it is subscribed.
    pub(crate) fn has_news(&mut self) {
        if let Some(session) = self.session.as_mut().filter(|session| session.filters.contains("news")) {
            self.for_client += 1;
            session.unsent.push_back(self.for_client);
        }
    }

    /// Some of what it owes, in any order.
    pub(crate) fn speaks(&mut self) {
        if self.mood == Mood::Silent || !self.connected {
            return;
        }
        while !self.owed.is_empty() && (self.prompt || self.rng.u8(0..10) > 0) {
            let owed = self.owed.swap_remove(self.rng.usize(..self.owed.len()));
            self.answers(owed);
        }
        let version = self.version;
        let Some(session) = &mut self.session else { return };
        while session.unacknowledged.len() < self.window
            && let Some(number) = session.unsent.pop_front()
        {
            self.next_id = self.next_id % 200 + 1;
            while session.unacknowledged.contains_key(&self.next_id) {
                self.next_id = self.next_id % 200 + 1;
            }
            session.unacknowledged.insert(self.next_id, number);
            let payload = number.to_string();
            self.out.extend(peer::publish(version, "news", payload.as_bytes(), Some(self.next_id), false));
        }
    }

    fn answers(&mut self, owed: Owed) {
        let picky = self.mood == Mood::Picky && self.rng.u8(0..4) == 0;
        let version = self.version;
        match owed {
            Owed::PubAck { id } => {
                self.out.extend(peer::puback(version, id, if picky { 0x87 } else { 0 }));
                self.answered.push(id);
            }
            Owed::SubAck { id, reasons } => {
                self.out.extend(peer::suback(version, id, &reasons));
                self.answered.push(id);
            }
            Owed::UnsubAck { id, reasons } => {
                self.out.extend(peer::unsuback(version, id, &reasons));
                self.answered.push(id);
            }
            Owed::Ping => self.out.extend(peer::PINGRESP),
        }
    }

    pub(crate) fn says(&mut self, bytes: &[u8]) {
        if self.connected {
            self.out.extend_from_slice(bytes);
        }
    }

    pub(crate) fn owes_nothing(&self) -> bool {
        self.owed.is_empty()
            && self
                .session
                .as_ref()
                .is_none_or(|session| session.unsent.is_empty() && session.unacknowledged.is_empty())
    }
}
