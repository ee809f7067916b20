//! Acknowledgements of messages that came, and how long one waits for others to leave with it.
//!
//! Each that leaves alone costs a TLS record, a system call and a wake-up on both sides: more than all else that is done
//! for a message. Where a server sends on without waiting, they leave together, a millisecond late at most.
//!
//! What else leaves takes along all that wait, and comes after them: who acknowledges a message and then publishes may think of the
//! one as said before the other.
//!
//! How many is learnt. It grows by one with each message that comes while others are not acknowledged, so that a server that
//! waits for each acknowledgement gets each at once. If the server falls silent until it has been answered, its window is
//! full: half as many leave together from then on, and it always has some to go on with. After a pause that was
//! none of ours everything begins anew.
//!
//! A server that has been seen to send [`TOGETHER`] ahead streams: from it may be read once in a while instead of as soon as
//! something is there, and what came meanwhile is dealt with at once.

use std::collections::VecDeque;
use std::time::Duration;

use refresh_session_core::BootTime;

use crate::reason::Reason;

/// An acknowledgement waits so long for company, at most.
const WAIT: Duration = Duration::from_millis(1);

/// A server that is silent for so long, while all that it sent is answered but for our waiting, waits for the answers.
const SILENCE: Duration = Duration::from_micros(125);

/// So many leave together, at most. Well below the 100 that AWS IoT sends ahead.
const TOGETHER: usize = 32;

/// The acknowledgements of one connection that are to be written.
pub(super) struct Acknowledging {
    due: VecDeque<(u16, Reason)>,
    /// So many leave together.
    together: usize,
    /// And so many at most.
    most: usize,
    /// As far as `most` goes when nothing is known of the server.
    bound: usize,
    /// What is due by then leaves then. `None`: nothing waits for company.
    until: Option<BootTime>,
    /// The server had fallen silent, and was answered then.
    answered: Option<BootTime>,
    /// When the last message came.
    last: BootTime,
}

impl Acknowledging {
    /// `window`: messages that the server may send ahead, as it was told.
    pub(super) fn new(window: usize) -> Self {
        // A server that is kept to a small window has half of it left.
        let bound = (window / 2).clamp(1, TOGETHER);
        let last = BootTime::default();
        Self { due: VecDeque::new(), together: 1, most: bound, bound, until: None, answered: None, last }
    }

    /// A message came, the last of `open` that the user has not acknowledged.
    pub(super) fn came(&mut self, now: BootTime, open: usize) {
        self.pass(now);
        if self.streams() && now.since(self.last) >= 4 * WAIT {
            self.together = 1;
        }
        self.last = now;
        if let Some(answered) = self.answered.take() {
            if now.since(answered) < WAIT {
                self.most = (self.together / 2).max(1);
            } else {
                (self.together, self.most) = (1, self.bound);
            }
            self.together = self.together.min(self.most);
        }
        let ahead = open + self.due.len();
        if ahead > 1 && ahead >= self.together {
            self.together = (self.together + 1).min(self.most);
        }
        if self.together > 1 {
            self.until.get_or_insert(now.after(WAIT));
        }
    }

    pub(super) fn add(&mut self, id: u16, reason: Reason) {
        self.due.push_back((id, reason));
    }

    /// How many more are to be added before they leave; 1: the next one leaves at once, or with those that are there.
    pub(super) fn wanted(&self) -> usize {
        if self.until.is_some() { self.together.saturating_sub(self.due.len()).max(1) } else { 1 }
    }

    /// When the waiting is over.
    pub(super) fn until(&self) -> Option<BootTime> {
        self.until
    }

    /// Whether so much comes that it need not be read at once.
    pub(super) fn streams(&self) -> bool {
        self.together == TOGETHER
    }

    /// It is `now`.
    pub(super) fn handle_timeout(&mut self, now: BootTime, open: usize) {
        if self.until.is_none_or(|until| until > now) {
            return;
        }
        // In a stream the silence may be that of whoever does not read.
        let is_silent = !self.streams() && now.since(self.last) >= SILENCE;
        if is_silent && open == 0 && !self.due.is_empty() {
            self.answered = Some(now);
        }
        self.until = None;
    }

    /// Those that leave now; `open` as for [`came`](Self::came).
    pub(super) fn take(&mut self, now: BootTime, open: usize) -> VecDeque<(u16, Reason)> {
        if self.until.is_some() && self.due.len() < self.together {
            return VecDeque::new();
        }
        self.accompany(now, open)
    }

    /// Those that leave with something else, whatever they wait for.
    pub(super) fn accompany(&mut self, now: BootTime, open: usize) -> VecDeque<(u16, Reason)> {
        self.until = self.until.filter(|_| open > 0).map(|_| now.after(WAIT));
        std::mem::take(&mut self.due)
    }

    /// All of them, for the end of the connection.
    pub(super) fn all(&self) -> impl Iterator<Item = &(u16, Reason)> {
        self.due.iter()
    }

    /// A wait that is over while other things were dealt with.
    fn pass(&mut self, now: BootTime) {
        self.until = self.until.filter(|until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_micros(30);

    struct Server {
        acks: Acknowledging,
        now: BootTime,
        open: usize,
        /// Not acknowledged, as the server sees it.
        ahead: usize,
        /// How many came together, each time.
        portions: Vec<usize>,
    }

    impl Server {
        fn new() -> Self {
            let now = BootTime::default().after(Duration::from_secs(9));
            let (acks, portions) = (Acknowledging::new(100), Vec::new());
            Self { acks, now, open: 0, ahead: 0, portions }
        }

        /// Sends one, which is acknowledged when the next comes, or `at_once`.
        fn sends(&mut self, at_once: bool) {
            (self.open, self.ahead) = (self.open + 1, self.ahead + 1);
            self.acks.came(self.now, self.open);
            let done = if at_once { self.open } else { self.open - 1 };
            for _ in 0..done {
                self.acks.add(1, Reason::SUCCESS);
            }
            self.open -= done;
            self.hears();
        }

        fn hears(&mut self) {
            let heard = self.acks.take(self.now, self.open).len();
            self.ahead -= heard;
            self.portions.extend((heard > 0).then_some(heard));
        }

        fn passes(&mut self, time: Duration) {
            let end = self.now.after(time);
            while let Some(until) = self.acks.until().filter(|until| *until <= end) {
                self.now = until;
                self.acks.handle_timeout(until, self.open);
                self.hears();
            }
            self.now = end;
        }
    }

    #[test]
    fn one_at_a_time_is_acknowledged_at_once() {
        let mut server = Server::new();
        for _ in 0..100 {
            server.sends(true);
            assert_eq!((server.ahead, server.acks.until()), (0, None));
            server.passes(GAP);
        }
    }

    #[test]
    fn in_a_stream_they_leave_together_and_none_waits_longer_than_it_may() {
        let mut server = Server::new();
        for _ in 0..10_000 {
            server.sends(false);
            server.passes(GAP);
        }
        assert!(server.ahead <= TOGETHER + 2, "{}", server.ahead);
        assert_eq!(server.portions.iter().rev().take(100).min(), Some(&TOGETHER));
        assert!(server.acks.streams());
        server.acks.add(1, Reason::SUCCESS);
        server.open = 0;
        server.passes(WAIT);
        assert_eq!(server.ahead, 0);
    }

    #[test]
    fn a_server_with_a_small_window_is_not_held_up() {
        for window in [1, 2, 3, 10, 20, 30] {
            let mut server = Server::new();
            let mut held_up = Duration::ZERO;
            for _ in 0..5_000 {
                if server.ahead >= window {
                    // All is acknowledged by the user; only time brings it to the server.
                    for _ in 0..std::mem::take(&mut server.open) {
                        server.acks.add(1, Reason::SUCCESS);
                    }
                    server.hears();
                }
                if server.ahead >= window {
                    let until = server.acks.until().expect("an end of the waiting");
                    held_up += until.since(server.now);
                    server.passes(until.since(server.now));
                }
                server.passes(GAP);
                server.sends(false);
            }
            let time = 5_000 * GAP;
            assert!(!server.acks.streams());
            assert!(held_up < time / 8, "{held_up:?} of {time:?} with a window of {window}");
        }
    }

    #[test]
    fn after_a_pause_the_first_is_acknowledged_at_once() {
        let mut server = Server::new();
        for _ in 0..1_000 {
            server.sends(false);
            server.passes(GAP);
        }
        server.acks.add(1, Reason::SUCCESS);
        server.open = 0;
        server.passes(Duration::from_secs(1));
        server.sends(true);
        assert_eq!(server.ahead, 0);
        assert!(!server.acks.streams());
    }
}
