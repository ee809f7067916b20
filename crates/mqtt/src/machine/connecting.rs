//! From nothing to CONNACK.

use std::time::Duration;

use refresh_session_core::{BootTime, Error};

use super::link::{Link, Ping, Terms};
use super::{Event, LinkId, Machine, State};
use crate::backoff::{Lane, between};
use crate::cause::Cause;
use crate::codec::{ConnAck, Connect, DecodeError, Version, encode};
use crate::reason::Reason;

/// A network that came back is given so long to settle, so that not all devices come at once.
const SETTLING: Duration = Duration::from_secs(1);

impl Machine {
    /// Connects, and stays connected. Does nothing if it is already about it.
    pub fn handle_start(&mut self, now: BootTime) {
        if matches!(self.state, State::Offline) && self.closing.is_none() {
            (self.failures, self.attempts) = (0, 0);
            self.open_or_wait(now, Duration::ZERO, Lane::Normal);
        }
    }

    /// The transport is up.
    pub fn handle_up(&mut self, now: BootTime, link: LinkId) {
        if !matches!(self.state, State::Opening { id, .. } if id == link) {
            return;
        }
        let mut opened = Link::new(link, now, &self.settings);
        encode::connect(&mut opened.out, self.settings.version, &self.greeting());
        self.last_connect = Some(now);
        let until = now.after(self.settings.connack_limit);
        let doubtful = std::mem::replace(&mut self.unanswered_greeting, true);
        self.state = State::Greeting { link: Box::new(opened), until, doubtful };
    }

    /// The transport did not come up.
    pub fn handle_failed(&mut self, now: BootTime, link: LinkId, error: Error) {
        if matches!(self.state, State::Opening { id, .. } if id == link) {
            self.end(now, Cause::Transport(error), None);
        }
    }

    /// The system says that there is a network (again). Ends a pause that the network caused; looks whether a connection
    /// has survived.
    ///
    /// The pauses begin anew with the shortest: the resolver, the portal or the modem may need some seconds more. So it is
    /// with an attempt that is under way, which may have begun without a network and may fail for that.
    pub fn handle_network_up(&mut self, now: BootTime) {
        match &mut self.state {
            State::Waiting { until, lane: Lane::Normal } => {
                self.failures = 0;
                let soon = now.after(between(Duration::ZERO, SETTLING, &mut self.rng));
                let floor = self.last_connect.map(|last| last.after(self.settings.limits.connect_interval));
                *until = (*until).min(soon.max(floor.unwrap_or(soon)));
            }
            State::Online(link) if link.ping == Ping::Idle => {
                link.ping = Ping::Wanted(now.after(self.settings.ping_limit));
            }
            State::Opening { .. } | State::Greeting { .. } => self.network_came = true,
            _ => {}
        }
    }

    /// The attempt or the wait that comes next.
    pub(super) fn open_or_wait(&mut self, now: BootTime, delay: Duration, lane: Lane) {
        let floor = self.last_connect.map_or(now, |last| last.after(self.settings.limits.connect_interval));
        let until = now.after(delay).max(floor);
        if until > now {
            self.state = State::Waiting { until, lane };
            let attempt = self.attempts.saturating_add(1);
            self.tell(Event::Reconnecting { delay: until.since(now), attempt });
        } else {
            self.open(now);
        }
    }

    pub(super) fn open(&mut self, now: BootTime) {
        self.links += 1;
        self.attempts = self.attempts.saturating_add(1);
        self.network_came = false;
        let id = LinkId(self.links);
        self.state = State::Opening { id, until: now.after(self.settings.open_limit) };
        self.tell(Event::Open { link: id, attempt: self.attempts });
    }

    pub(super) fn greeted(&mut self, now: BootTime, mut answer: ConnAck) {
        if answer.reason.is_failure() {
            if let State::Greeting { doubtful, .. } = self.state {
                self.unanswered_greeting = doubtful;
            }
            return self.end(now, Cause::Refused(answer.reason), answer.properties.take());
        }
        let asked_clean = self.greeting().clean_start;
        let State::Greeting { doubtful, .. } = self.state else { return };
        if answer.session_present && asked_clean {
            let error = DecodeError::Protocol("a session where a clean start was asked for");
            return self.end(now, Cause::BadBytes(error), None);
        }
        let State::Greeting { link, .. } = std::mem::replace(&mut self.state, State::Offline) else { return };
        let mut link = link;
        link.since = now;
        link.terms = Terms::new(&self.settings, Some(&answer));
        link.retire_at = self.settings.life.map(|life| {
            // Not all at once, and well before the server does it.
            now.after(life).before(between(life / 96, life / 24, &mut self.rng))
        });
        self.state = State::Online(link);
        self.stats.connections += 1;
        let said = answer.properties.as_deref();
        if let Some(id) = said.and_then(|said| said.assigned_client_id.clone()) {
            self.assigned_client_id = Some(id);
        }
        if !answer.session_present || doubtful {
            self.ask_again();
        }
        if !answer.session_present {
            self.session_lost();
        } else if doubtful {
            self.subscriptions.session_doubtful();
        }
        self.had_session = true;
        self.unanswered_greeting = false;
        self.refuse_what_the_server_lacks();
        let resubscribing = self.subscriptions.lost();
        self.tell(Event::Connected {
            session_present: answer.session_present,
            reason: Reason::SUCCESS,
            properties: answer.properties,
            resubscribing,
        });
    }

    /// What stands in CONNECT this time.
    fn greeting(&self) -> Connect {
        let mut connect = self.settings.connect.clone();
        connect.client_id = self.client_id().clone();
        if self.settings.version == Version::V5 {
            // The session of the connection before, where it may have outlived that.
            let lives_on = connect.properties.session_expiry.is_some_and(|seconds| seconds > 0);
            connect.clean_start &= !(self.had_session && lives_on);
            let limits = &self.settings.limits;
            let properties = &mut connect.properties;
            properties.receive_maximum.get_or_insert(limits.unacknowledged);
            properties.maximum_packet_size.get_or_insert(limits.packet);
        }
        connect
    }

    pub(super) fn largest_packet(&self) -> usize {
        self.settings.connect.properties.maximum_packet_size.unwrap_or(self.settings.limits.packet) as usize
    }
}
