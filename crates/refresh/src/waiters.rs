//! Callers who wait, and until when.

use std::collections::BTreeMap;

use refresh_session_core::BootTime;

/// One caller's wait.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket {
    deadline: BootTime,
    number: u64,
}

/// What a caller will be content with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wants {
    /// Keys that are valid, the old ones if need be.
    Valid,
    /// The outcome of a fetch.
    Outcome,
}

/// Everybody who waits, by deadline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiters {
    waiting: BTreeMap<Ticket, Wants>,
    issued: u64,
}

impl Waiters {
    pub(crate) fn add(&mut self, deadline: BootTime, wants: Wants) -> Ticket {
        self.issued += 1;
        let ticket = Ticket { deadline, number: self.issued };
        self.waiting.insert(ticket, wants);
        ticket
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn next_deadline(&self) -> Option<BootTime> {
        self.waiting.first_key_value().map(|(ticket, _)| ticket.deadline)
    }

    /// Takes out whoever's deadline has come.
    pub(crate) fn take_due(&mut self, now: BootTime) -> Vec<(Ticket, Wants)> {
        let later = Ticket { deadline: now.after(std::time::Duration::from_nanos(1)), number: 0 };
        let rest = self.waiting.split_off(&later);
        std::mem::replace(&mut self.waiting, rest).into_iter().collect()
    }

    /// Takes out everybody.
    pub(crate) fn take_all(&mut self) -> Vec<(Ticket, Wants)> {
        std::mem::take(&mut self.waiting).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn leaves_in_order_of_deadlines() {
        let mut waiters = Waiters::default();
        let late = waiters.add(at(9), Wants::Valid);
        let soon = waiters.add(at(3), Wants::Outcome);
        let same = waiters.add(at(3), Wants::Valid);
        assert_eq!(waiters.next_deadline(), Some(at(3)));
        assert!(waiters.take_due(at(2)).is_empty());
        assert_eq!(waiters.take_due(at(3)), [(soon, Wants::Outcome), (same, Wants::Valid)]);
        assert!(waiters.remove(late) && !waiters.remove(late) && waiters.is_empty());
    }
}
