//! How things stand: nothing here changes anything.

use refresh_session_core::{BootTime, Timestamp};

use super::{Machine, Pause, Status, View};
use crate::zone::Zone;

impl Machine {
    /// The zone: that of the keys held, but keys a service has refused are worth waiting for new ones.
    #[must_use]
    pub fn zone(&self, now: BootTime) -> Zone {
        match &self.held {
            _ if self.closed => Zone::Closed,
            None => Zone::Empty,
            Some(held) => match held.zone(now) {
                Zone::Fresh | Zone::Advisory if self.wants_others() => Zone::Mandatory,
                zone => zone,
            },
        }
    }

    /// What readers may use without asking, and until when.
    #[must_use]
    pub fn view(&self, now: BootTime) -> Option<View> {
        let held = self.held.clone()?;
        let paused_until = self.pause.as_ref().map_or(BootTime::default(), |pause| pause.reads_until);
        let until = match self.zone(now) {
            Zone::Fresh => held.refresh_at,
            _ if self.refused(now).is_some() => return None,
            // Somebody else is at it.
            Zone::Advisory if self.flight.is_some() => {
                held.mandatory_at().max(paused_until).min(held.ends_at())
            }
            Zone::Advisory | Zone::Mandatory => paused_until.min(held.ends_at()),
            Zone::Empty | Zone::Expired | Zone::Closed => return None,
        };
        Some(View { held, until }).filter(|view| view.until > now)
    }

    /// The source's calendar now, as far as it has said.
    #[must_use]
    pub fn server_time(&self, now: BootTime) -> Option<Timestamp> {
        self.server.at(now)
    }

    /// For `status()`.
    #[must_use]
    pub fn status(&self, now: BootTime) -> Status {
        let held = self.held.clone();
        let until = |pause: &Pause| if self.eager() { pause.timer_until } else { pause.reads_until };
        let pause = self.pause.as_ref().map(until).filter(|until| *until > now);
        let refresh_at = match &held {
            Some(held) => Some(pause.unwrap_or(if self.wants_others() { now } else { held.refresh_at })),
            None => pause,
        };
        Status {
            zone: self.zone(now),
            refresh_at: refresh_at.filter(|at| *at < BootTime::NEVER),
            held,
            fetches: self.fetches,
            failures: self.failures.total,
            last_error: self.last_error.clone(),
        }
    }
}
