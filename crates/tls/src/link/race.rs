//! Happy Eyeballs (RFC 8305): which address is tried when. Pure: no clock, no socket.
//!
//! A site with a broken IPv6 route, or an address that swallows packets, must cost a moment and not the fetch. So the
//! families take turns (section 4), each attempt has a head start of [`ATTEMPT_DELAY`] over the next one (section 5),
//! an attempt that fails starts the next one at once, and whichever connects first wins.
//!
//! IPv6 goes first wherever the name has it. Where there is no route for it the kernel says so at once, which costs
//! nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// The Connection Attempt Delay that RFC 8305, section 8, recommends.
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// What has happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// The race is on.
    Begun,
    /// [`ATTEMPT_DELAY`] has passed since the last attempt was started.
    DelayPassed,
    /// An attempt has failed.
    Failed,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Try this address, and begin to count [`ATTEMPT_DELAY`] anew.
    Start(SocketAddr),
    /// Wait for what the attempts under way come to.
    Wait,
    /// Nothing is under way and nothing is left.
    GiveUp,
}

/// The attempts at one name. It ends when one of them connects: that needs no telling.
#[derive(Debug)]
pub(crate) struct Race {
    waiting: VecDeque<SocketAddr>,
    under_way: usize,
}

impl Race {
    /// Between these addresses, in the order the resolver gave them (RFC 6724) but for the families taking turns.
    pub(crate) fn between(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let (mut ipv6, mut ipv4) = (VecDeque::new(), VecDeque::new());
        for address in addresses {
            let family = if address.is_ipv6() { &mut ipv6 } else { &mut ipv4 };
            if !family.contains(&address) {
                family.push_back(address);
            }
        }
        let mut waiting = VecDeque::with_capacity(ipv6.len() + ipv4.len());
        while !(ipv6.is_empty() && ipv4.is_empty()) {
            waiting.extend(ipv6.pop_front());
            waiting.extend(ipv4.pop_front());
        }
        Self { waiting, under_way: 0 }
    }

    /// Whether there is an address to go to when the delay passes.
    pub(crate) fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Moves on.
    pub(crate) fn handle(&mut self, event: Event) -> Action {
        if event == Event::Failed {
            self.under_way = self.under_way.saturating_sub(1);
        }
        match self.waiting.pop_front() {
            Some(address) => {
                self.under_way += 1;
                Action::Start(address)
            }
            None if self.under_way == 0 => Action::GiveUp,
            None => Action::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn race(addresses: &[&str]) -> Race {
        Race::between(addresses.iter().map(|address| address.parse().unwrap()))
    }

    fn start(address: &str) -> Action {
        Action::Start(address.parse().unwrap())
    }

    #[test]
    fn families_take_turns_and_ipv6_begins() {
        let mut race =
            race(&["192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1", "192.0.2.3:1", "[2001:db8::2]:1"]);
        assert_eq!(race.handle(Event::Begun), start("[2001:db8::1]:1"));
        for next in ["192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1", "192.0.2.3:1"] {
            assert!(race.has_more());
            assert_eq!(race.handle(Event::DelayPassed), start(next));
        }
        assert!(!race.has_more());
    }

    #[test]
    fn a_failure_starts_the_next_one_at_once_and_the_last_failure_ends_it() {
        let mut race = race(&["[2001:db8::1]:1", "192.0.2.1:1"]);
        assert_eq!(race.handle(Event::Begun), start("[2001:db8::1]:1"));
        assert_eq!(race.handle(Event::Failed), start("192.0.2.1:1"));
        assert_eq!(race.handle(Event::Failed), Action::GiveUp);
    }

    #[test]
    fn attempts_under_way_are_waited_for() {
        let mut race = race(&["[2001:db8::1]:1", "192.0.2.1:1", "192.0.2.2:1"]);
        for next in ["[2001:db8::1]:1", "192.0.2.1:1", "192.0.2.2:1"] {
            assert_eq!(race.handle(Event::DelayPassed), start(next));
        }
        assert_eq!(race.handle(Event::Failed), Action::Wait);
        assert_eq!(race.handle(Event::Failed), Action::Wait);
        assert_eq!(race.handle(Event::Failed), Action::GiveUp);
    }

    #[test]
    fn an_address_that_is_there_twice_is_tried_once() {
        let mut race = race(&["192.0.2.1:1", "192.0.2.1:1"]);
        assert_eq!(race.handle(Event::Begun), start("192.0.2.1:1"));
        assert_eq!(race.handle(Event::Failed), Action::GiveUp);
        assert_eq!(Race::between([]).handle(Event::Begun), Action::GiveUp);
    }
}
