//! How an engine stands. Holds no secret.

use std::time::Duration;

use refresh_session_core::{BootTime, Error, Timestamp};
use refresh_session_refresh::Zone;

use super::Engine;

/// What `status()` tells.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// The zone.
    pub zone: Zone,
    /// The end of the keys held, as their source gave it.
    pub expires_at: Option<Timestamp>,
    /// When the source will next be asked, by this machine's wall clock.
    pub refresh_at: Option<Timestamp>,
    /// Attempts so far.
    pub fetches: u64,
    /// Those that failed.
    pub failures: u64,
    /// Of the last attempt, if it failed.
    pub last_error: Option<Error>,
    /// How far the source's calendar is ahead of this machine's.
    pub clock_offset_millis: Option<i64>,
    /// When the device certificate ends.
    pub certificate_expiry: Option<Timestamp>,
}

impl SessionStatus {
    /// Of a session that is closed.
    pub(crate) const CLOSED: Self = Self {
        zone: Zone::Closed,
        expires_at: None,
        refresh_at: None,
        fetches: 0,
        failures: 0,
        last_error: None,
        clock_offset_millis: None,
        certificate_expiry: None,
    };
}

impl Engine {
    pub(crate) fn status(&self) -> SessionStatus {
        let (now, wall) = (self.around.clock.boot(), self.around.clock.wall());
        let state = self.state();
        let status = state.machine.status(now);
        let server = state.machine.server_time(now);
        drop(state);
        SessionStatus {
            zone: status.zone,
            expires_at: status.held.and_then(|held| held.identity.expiration),
            refresh_at: status.refresh_at.map(|boot| at(boot, now, wall)),
            fetches: status.fetches,
            failures: status.failures,
            last_error: status.last_error,
            clock_offset_millis: server.map(|server| server.millis_since(wall)),
            certificate_expiry: self.source.certificate_expiry(),
        }
    }
}

/// A boot time by the wall clock.
pub(crate) fn at(boot: BootTime, now: BootTime, wall: Timestamp) -> Timestamp {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let ahead = millis(boot.since(now)).saturating_sub(millis(now.since(boot)));
    Timestamp::from_unix_millis(wall.unix_millis().saturating_add(ahead))
}
