//! One connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use refresh_session_core::BootTime;

use super::acknowledging::Acknowledging;
use super::words::LinkId;
use crate::bucket::Bucket;
use crate::codec::{ConnAck, QoS, Version};
use crate::packet_ids::PacketIds;
use crate::settings::Settings;
use crate::text::Text;

/// What holds for one connection and ends with it. Not `Debug`: its buffers hold passwords and messages.
pub(super) struct Link {
    pub id: LinkId,
    /// When CONNACK came; before: when CONNECT was sent.
    pub since: BootTime,
    pub terms: Terms,
    pub out: BytesMut,
    /// Written before `out`.
    pub chunks: VecDeque<Bytes>,
    /// Acknowledgements to be written.
    pub acks: Acknowledging,
    /// QoS 1 messages that came and are not acknowledged.
    pub incoming: BTreeMap<u16, u64>,
    pub incoming_serial: u64,
    /// Topics for which the server uses numbers.
    pub aliases_in: BTreeMap<u16, Text>,
    /// Topics for which we do; the first has number 1.
    pub aliases_out: Vec<Text>,
    /// QoS 1 messages on the wire.
    pub unacknowledged: usize,
    /// Packets with an identifier on the wire, in order, with that use's serial number. Those that are answered are
    /// taken off when they come to the front.
    pub unanswered: VecDeque<(BootTime, u16, u64)>,
    pub messages: Option<Bucket>,
    pub bytes: Option<Bucket>,
    /// A bucket holds the next message up until then.
    pub held_until: Option<BootTime>,
    pub last_out: BootTime,
    pub last_in: BootTime,
    pub last_request: Option<BootTime>,
    pub ping: Ping,
    /// When the connection begins to be replaced.
    pub retire_at: Option<BootTime>,
    /// Being replaced: what is on the wire has until then.
    pub retiring: Option<BootTime>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ping {
    Idle,
    /// To be written, answered until then.
    Wanted(BootTime),
    Written(BootTime),
}

/// What the two sides have agreed on.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub window: usize,
    /// In bytes, of what we send.
    pub packet: usize,
    pub aliases: usize,
    pub keep_alive: Option<Duration>,
    pub qos: QoS,
    pub retain: bool,
    pub wildcards: bool,
    pub shared: bool,
}

impl Terms {
    pub(super) fn new(settings: &Settings, answer: Option<&ConnAck>) -> Self {
        let said = answer.and_then(|answer| answer.properties.as_deref());
        let limits = &settings.limits;
        let window =
            said.and_then(|said| said.receive_maximum).unwrap_or(u16::MAX).min(limits.unacknowledged);
        let packet = said.and_then(|said| said.maximum_packet_size).unwrap_or(u32::MAX).min(limits.packet);
        let aliases = said.and_then(|said| said.topic_alias_maximum).unwrap_or(0);
        let keep_alive = said.and_then(|said| said.server_keep_alive).unwrap_or(settings.connect.keep_alive);
        let yes = |flag: Option<bool>| flag.unwrap_or(true);
        Self {
            window: usize::from(window),
            packet: packet as usize,
            aliases: if settings.topic_aliases && settings.version == Version::V5 {
                usize::from(aliases)
            } else {
                0
            },
            keep_alive: (keep_alive > 0).then(|| Duration::from_secs(u64::from(keep_alive))),
            qos: if yes(said.and_then(|said| said.maximum_qos)) { QoS::AtLeastOnce } else { QoS::AtMostOnce },
            retain: yes(said.and_then(|said| said.retain_available)),
            wildcards: yes(said.and_then(|said| said.wildcard_available)),
            shared: yes(said.and_then(|said| said.shared_available)),
        }
    }
}

impl Link {
    pub(super) fn new(id: LinkId, now: BootTime, settings: &Settings) -> Self {
        let limits = &settings.limits;
        Self {
            id,
            since: now,
            terms: Terms::new(settings, None),
            out: BytesMut::new(),
            chunks: VecDeque::new(),
            acks: Acknowledging::new(settings.receive_maximum()),
            incoming: BTreeMap::new(),
            incoming_serial: 0,
            aliases_in: BTreeMap::new(),
            aliases_out: Vec::new(),
            unacknowledged: 0,
            unanswered: VecDeque::new(),
            messages: limits.publishes_per_second.map(|rate| Bucket::new(now, rate, 10)),
            bytes: limits.bytes_per_second.map(|rate| Bucket::new(now, rate, 4)),
            held_until: None,
            last_out: now,
            last_in: now,
            last_request: None,
            ping: Ping::Idle,
            retire_at: None,
            retiring: None,
        }
    }

    /// Takes off what is answered: from the front, and all of it when that is most.
    pub(super) fn forget_answered(&mut self, ids: &PacketIds) {
        while self.unanswered.front().is_some_and(|(_, id, serial)| !ids.is(*id, *serial)) {
            self.unanswered.pop_front();
        }
        if self.unanswered.len() > 2 * ids.len() + 64 {
            self.unanswered.retain(|(_, id, serial)| ids.is(*id, *serial));
        }
    }

    /// A sign of life. The answer to a ping may stand behind much else: it has until then.
    pub(super) fn alive(&mut self, now: BootTime, until: BootTime) {
        self.last_in = self.last_in.max(now);
        if let Ping::Wanted(limit) | Ping::Written(limit) = &mut self.ping {
            *limit = (*limit).max(until);
        }
    }

    /// When the next PINGREQ is due: a tenth before the keep-alive is over, in either direction. A link on which only
    /// one side speaks may be dead.
    pub(super) fn ping_at(&self) -> Option<BootTime> {
        let keep_alive = self.terms.keep_alive?;
        let from = match self.ping {
            Ping::Idle => self.last_out.min(self.last_in),
            // The answer may stand behind much else. The server must hear from us all the same.
            Ping::Written(_) => self.last_out,
            Ping::Wanted(_) => return None,
        };
        Some(from.after(keep_alive.saturating_sub(keep_alive / 10)))
    }

    /// When the answer to a ping is overdue. Anything that comes in counts as a sign of life.
    pub(super) fn ping_limit(&self) -> Option<BootTime> {
        match self.ping {
            Ping::Idle => None,
            Ping::Wanted(until) | Ping::Written(until) => Some(until),
        }
    }
}
