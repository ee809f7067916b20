//! Operations that are not over.

use refresh_session_core::BootTime;

use super::words::Publish;
use crate::codec::Subscription;
use crate::reason::Reason;

/// One that is not over.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub what: What,
    pub since: BootTime,
    /// The user's.
    pub deadline: Option<BootTime>,
    /// What stands in the timers.
    pub due: Option<BootTime>,
    /// It was on the wire at least once.
    pub was_sent: bool,
}

/// What it is about.
#[derive(Clone, Debug)]
pub(super) enum What {
    Publish {
        message: Publish,
        /// With QoS 1, from the first time it is sent until it is over or the session lost.
        id: Option<u16>,
    },
    Request(Request),
}

/// SUBSCRIBE or UNSUBSCRIBE, in as many packets as it takes.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub kind: RequestKind,
    pub wishes: Vec<Subscription>,
    pub reasons: Vec<Option<Reason>>,
    pub on_wire: Vec<bool>,
    /// Sent on an earlier connection and not answered: whatever the answer is now, the server may have granted it then.
    pub repeated: Vec<bool>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RequestKind {
    Subscribe,
    Unsubscribe,
}

impl Request {
    pub(super) fn new(kind: RequestKind, wishes: Vec<Subscription>) -> Self {
        let filters = wishes.len();
        Self {
            kind,
            wishes,
            reasons: vec![None; filters],
            on_wire: vec![false; filters],
            repeated: vec![false; filters],
        }
    }

    /// What has to be sent.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        (0..self.wishes.len()).filter(|at| self.reasons[*at].is_none() && !self.on_wire[*at])
    }

    pub(super) fn is_answered(&self) -> bool {
        self.reasons.iter().all(Option::is_some)
    }
}

impl Publish {
    /// What it counts for in the queue.
    pub(super) fn weight(&self) -> usize {
        self.topic.len() + self.payload.len() + self.properties.as_ref().map_or(0, |found| found.len())
    }
}
