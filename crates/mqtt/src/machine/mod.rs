//! The client machine.

mod acknowledging;
mod asking;
mod closing;
mod connecting;
mod ending;
mod incoming;
mod link;
mod operation;
mod sending;
mod settling;
mod timing;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use bytes::Bytes;
use fastrand::Rng;
use refresh_session_core::{BootTime, Error, Result};

use crate::backoff::Lane;
use crate::packet_ids::PacketIds;
use crate::settings::Settings;
use crate::subscriptions::Subscriptions;
use crate::text::Text;
use link::Link;
use operation::Operation;

pub use words::{AckToken, Event, LinkId, Message, OpId, Outcome, Phase, Publish, Stats, Unseen};

/// An MQTT client without clock, socket and locks.
///
/// # How to drive it
///
/// One machine stands for one client identifier. Its driver owns the clock, the timer, the transport and the callers.
///
/// * **`handle_*`** tell it what happened. Where that hangs on time they take the boot time `now`, which must not go back.
/// * **`poll_*`** ask what to do next. After *any* `handle_*`, again and again until neither gives anything:
///   [`poll_transmit`](Self::poll_transmit) first, for it may settle operations, then [`poll_event`](Self::poll_event), which
///   may acknowledge messages. Then [`poll_timeout`](Self::poll_timeout), and
///   [`handle_timeout`](Self::handle_timeout) when that time comes. Coming late, or for nothing, does no harm.
///
/// | The driver | does |
/// |---|---|
/// | gets `Event::Open` | opens a transport; brings [`handle_up`](Self::handle_up) or [`handle_failed`](Self::handle_failed) with the link's id |
/// | can write | takes `poll_transmit` and writes it, in order. Nothing is encoded before it is asked for: a transport that is slow holds messages in the queue, where they can still be cancelled |
/// | has read | appends to its buffer and calls [`handle_input`](Self::handle_input), which takes whole packets off. Payloads share the buffer's memory. A buffer of 64 KiB bounds how many events one call makes |
/// | does not read for a while, since nobody takes what comes | [`handle_alive`](Self::handle_alive) while it holds unread bytes, before each `handle_timeout` |
/// | sees the end of the transport | [`handle_lost`](Self::handle_lost) |
/// | gets `Event::Shut` | writes what it still has and the farewell, for a moment at most, and closes |
///
/// What a driver brings for an earlier link is ignored.
///
/// # Phases
///
/// | [`Phase`] | Meaning | Ends with |
/// |---|---|---|
/// | offline | not started, or stopped | `handle_start` |
/// | waiting | until the next attempt | time, `handle_network_up` |
/// | opening | the transport comes up | `handle_up`, `handle_failed`, `open_limit` |
/// | greeting | CONNECT is sent, nothing else may be | CONNACK, `connack_limit` |
/// | online | | loss, DISCONNECT, ping limit, acknowledgement limit, bad bytes |
/// | draining | online; nothing new is sent, what is on the wire is awaited: before a planned reconnect | the last acknowledgement, 10 s |
/// | closed | | |
///
/// # What always holds
///
/// | Promise | How |
/// |---|---|
/// | every operation settles exactly once | acknowledged, written, answered, refused, or failed: timed out, cancelled, dropped, expired, closed. An error says whether it had been on the wire |
/// | QoS 1 is sent until acknowledged | on every new connection, in the order of submission, before anything new; with DUP and the same packet identifier if the server has kept the session |
/// | messages leave in the order of submission | QoS 0 too: one that must wait holds up those behind it, not what stands below |
/// | a packet identifier is not used for two things | it stays taken after cancelling, until the answer or the end of the connection |
/// | the limits are kept | topics, sizes, subscriptions when asked for; rates and windows when sent |
/// | memory is bounded | the queue counts all messages that are not settled |
/// | SUBSCRIBE, UNSUBSCRIBE, PUBACK, PINGREQ, DISCONNECT never wait for messages | they go first, and no window holds them |
/// | a lost session is told and repaired | subscriptions that were granted are asked for again: if the server has no session, or if an earlier CONNECT was never answered, since that may have made the session anew |
/// | a dead connection is found | within keep-alive and ping limit; sooner if something waits for an acknowledgement |
/// | attempts are apart | by the backoff, and by `connect_interval` |
///
/// # What differs from the letter of the standard
///
/// * QoS 2 is refused: AWS IoT has none. A packet of QoS 2 that comes ends the connection (0x9b).
/// * With manual acknowledgement PUBACKs go out in the order in which the user acknowledges, not in which messages came: one
///   message that is slow to be dealt with must not use up the server's window for all others. AWS IoT takes them so.
/// * A session that the server has kept from an earlier process is accepted on the first CONNACK.
pub struct Machine {
    settings: Settings,
    rng: Rng,
    state: State,
    links: u64,
    operations: BTreeMap<OpId, Operation>,
    last_operation: u64,
    timers: BTreeSet<(BootTime, OpId)>,
    /// Messages to be sent. What was sent on an earlier connection has the smaller ids and so comes first.
    waiting: BTreeSet<OpId>,
    /// SUBSCRIBE and UNSUBSCRIBE of which a part is to be sent.
    requests: BTreeSet<OpId>,
    /// Filters of requests that are on the wire.
    asked_filters: BTreeSet<Text>,
    ids: PacketIds,
    subscriptions: Subscriptions,
    pending: Pending,
    events: VecDeque<Event>,
    /// Failures since the last good connection, its own end among them: what the pauses grow by.
    failures: u32,
    /// Attempts since the last good connection.
    attempts: u32,
    /// The network came (back) while the attempt was under way.
    network_came: bool,
    last_connect: Option<BootTime>,
    /// A session was opened before: the next CONNECT asks for it.
    had_session: bool,
    /// A CONNECT was sent that was never answered, since the last that was: it may have made a new session, of which the
    /// next CONNACK says only that it is there.
    unanswered_greeting: bool,
    assigned_client_id: Option<Text>,
    /// Closing: operations have until then.
    closing: Option<BootTime>,
    stats: Stats,
}

/// Messages that are not settled.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    messages: usize,
    bytes: usize,
}

enum State {
    Offline,
    Waiting { until: BootTime, lane: Lane },
    Opening { id: LinkId, until: BootTime },
    Greeting { link: Box<Link>, until: BootTime, doubtful: bool },
    Online(Box<Link>),
    Closed,
}

impl Machine {
    /// A machine at rest. `seed` spreads what has to be spread over a fleet.
    ///
    /// # Errors
    /// See [`Settings::checked`].
    pub fn new(settings: Settings, seed: u64) -> Result<Self> {
        Ok(Self {
            settings: settings.checked()?,
            rng: Rng::with_seed(seed),
            state: State::Offline,
            links: 0,
            operations: BTreeMap::new(),
            last_operation: 0,
            timers: BTreeSet::new(),
            waiting: BTreeSet::new(),
            requests: BTreeSet::new(),
            asked_filters: BTreeSet::new(),
            ids: PacketIds::default(),
            subscriptions: Subscriptions::default(),
            pending: Pending::default(),
            events: VecDeque::new(),
            failures: 0,
            attempts: 0,
            network_came: false,
            last_connect: None,
            had_session: false,
            unanswered_greeting: false,
            assigned_client_id: None,
            closing: None,
            stats: Stats::default(),
        })
    }

    /// What happened. A QoS 1 message that is not acknowledged by the user is acknowledged when it is taken here.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.next_event()
    }

    /// Bytes to be written to the current link.
    pub fn poll_transmit(&mut self, now: BootTime) -> Option<Bytes> {
        let chunk = self.next_transmit(now);
        self.go_on(now);
        chunk
    }

    /// So many acknowledgements have to be brought before one of them is written, unless time brings it about. Whoever
    /// has fewer need not hurry.
    #[must_use]
    pub fn acknowledgements_wanted(&self) -> usize {
        self.link().map_or(1, |link| link.acks.wanted())
    }

    /// Whether messages stream in and no answer is awaited: then whoever reads may leave bytes where they are for a
    /// millisecond or two, and bring more at once.
    #[must_use]
    pub fn may_read_later(&self) -> bool {
        self.ids.len() == 0
            && self.link().is_some_and(|link| link.acks.streams() && link.ping == link::Ping::Idle)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<BootTime> {
        self.next_timeout()
    }

    /// How things stand.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Offline => Phase::Offline,
            State::Waiting { .. } => Phase::Waiting,
            State::Opening { .. } => Phase::Opening,
            State::Greeting { .. } => Phase::Greeting,
            State::Online(link) if link.retiring.is_some() || self.closing.is_some() => Phase::Draining,
            State::Online(_) => Phase::Online,
            State::Closed => Phase::Closed,
        }
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            pending: self.pending.messages,
            pending_bytes: self.pending.bytes,
            in_flight: self.link().map_or(0, |link| link.unacknowledged),
            packet_ids: self.ids.len(),
            subscriptions: self.subscriptions.active(),
            ..self.stats
        }
    }

    /// The client identifier: the caller's, or the server's.
    #[must_use]
    pub fn client_id(&self) -> &Text {
        self.assigned_client_id.as_ref().unwrap_or(&self.settings.connect.client_id)
    }

    fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Greeting { link, .. } | State::Online(link) => Some(link),
            _ => None,
        }
    }

    fn online(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::Online(link) => Some(link),
            _ => None,
        }
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn refuse_if_closed(&self) -> Result<()> {
        if self.closing.is_some() || matches!(self.state, State::Closed) { Err(closed()) } else { Ok(()) }
    }
}

/// How it stands; none of what passes through it.
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client_id = self.client_id();
        f.debug_struct("Machine")
            .field("client_id", client_id)
            .field("phase", &self.phase())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

fn closed() -> Error {
    Error::new(refresh_session_core::Code::Closed, "the MQTT connection is closed")
}
