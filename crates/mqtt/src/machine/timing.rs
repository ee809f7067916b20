//! What time brings.

use std::time::Duration;

use refresh_session_core::BootTime;

use super::link::{Link, Ping};
use super::{Machine, State};
use crate::cause::Cause;

/// So long what is on the wire is awaited before a connection is replaced.
const RETIRING: Duration = Duration::from_secs(10);

impl Machine {
    /// It is `now`.
    pub fn handle_timeout(&mut self, now: BootTime) {
        self.settle_due(now);
        match &self.state {
            State::Waiting { until, .. } if *until <= now => self.open(now),
            State::Opening { until, .. } if *until <= now => self.end(now, Cause::OpenLimit, None),
            State::Greeting { until, .. } if *until <= now => self.end(now, Cause::NoConnAck, None),
            State::Online(_) => self.watch(now),
            _ => {}
        }
        self.go_on(now);
    }

    /// What was waited for may have happened.
    pub(super) fn go_on(&mut self, now: BootTime) {
        self.retire_if_quiet(now);
        self.close_if_done(now);
    }

    pub(super) fn next_timeout(&self) -> Option<BootTime> {
        let state = match &self.state {
            State::Waiting { until, .. } | State::Opening { until, .. } | State::Greeting { until, .. } => {
                Some(*until)
            }
            State::Online(link) => self.watched(link),
            State::Offline | State::Closed => None,
        };
        let operations = self.timers.first().map(|(due, _)| *due);
        let closing = self.closing.filter(|_| !matches!(self.state, State::Closed));
        [state, operations, closing].into_iter().flatten().min()
    }

    fn watched(&self, link: &Link) -> Option<BootTime> {
        let retire_at = link.retire_at.filter(|_| link.retiring.is_none());
        let answer = self.oldest_unanswered(link).map(|at| at.after(self.settings.ack_limit));
        let acks = link.acks.until();
        let all =
            [link.ping_at(), link.ping_limit(), answer, retire_at, link.retiring, link.held_until, acks];
        all.into_iter().flatten().min()
    }

    fn watch(&mut self, now: BootTime) {
        let ack_limit = self.settings.ack_limit;
        let ping_until = now.after(self.settings.ping_limit);
        let State::Online(link) = &mut self.state else { return };
        link.acks.handle_timeout(now, link.incoming.len());
        link.held_until = link.held_until.filter(|until| *until > now);
        if link.ping_limit().is_some_and(|until| until <= now) {
            return self.end(now, Cause::KeepAlive, None);
        }
        if link.ping_at().is_some_and(|at| at <= now) {
            link.ping = Ping::Wanted(link.ping_limit().unwrap_or(ping_until));
        }
        link.forget_answered(&self.ids);
        if link.unanswered.front().is_some_and(|(at, ..)| at.after(ack_limit) <= now) {
            return self.end(now, Cause::NoAcknowledgement, None);
        }
        if link.retire_at.is_some_and(|at| at <= now) && link.retiring.is_none() {
            link.retiring = Some(now.after(RETIRING));
        }
    }

    fn oldest_unanswered(&self, link: &Link) -> Option<BootTime> {
        link.unanswered.iter().find(|(_, id, serial)| self.ids.is(*id, *serial)).map(|(at, ..)| *at)
    }

    /// Replaces a connection that is to be replaced once nothing is on the wire.
    fn retire_if_quiet(&mut self, now: BootTime) {
        let State::Online(link) = &self.state else { return };
        let Some(until) = link.retiring else { return };
        if until <= now || self.oldest_unanswered(link).is_none() {
            self.end(now, Cause::Planned, None);
        }
    }
}
