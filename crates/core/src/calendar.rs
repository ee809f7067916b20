//! What time it is, for a machine that may not know.
//!
//! A gateway without a real-time clock boots in 1970, or wherever its last shutdown left a file, and has to check a
//! server's certificate before anybody can have told it the time. What is known, best first:
//!
//! | Basis | Says |
//! |---|---|
//! | a server | the `Date` of a reply that came over verified TLS, carried on by boot time |
//! | the wall clock | what this machine believes, as long as that is not before the floor |
//! | the floor | the time is this or later: [`RELEASED`], or the start of a certificate that is in use |
//!
//! A floor is a bound and no time. Whoever checks validity by it may call something over, but not "not valid yet".
//!
//! One calendar is shared by the whole process: what one server has told serves all. A `Date` before the floor teaches
//! nothing. Whether it can be believed at all is for the caller to know: see `tls::HttpClient`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{BootTime, Clock, ServerClock, Timestamp};

/// When this software was released: no clock that is right says less. Raised with every release.
pub const RELEASED: Timestamp = Timestamp::from_unix_millis(1_793_491_200_000);

/// A shared calendar. Clones have what one of them learns.
#[derive(Clone, Debug)]
pub struct Calendar {
    server: Arc<Mutex<ServerClock>>,
    floor: Timestamp,
}

/// What a [`Calendar`] says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The time.
    pub now: Timestamp,
    /// Who says so.
    pub basis: Basis,
}

/// Who says what time it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Basis {
    /// A server that was verified.
    Server,
    /// This machine's wall clock.
    Wall,
    /// Nobody: it is this late at least. The wall clock says less.
    Floor,
}

impl Calendar {
    /// A calendar that nobody has told anything.
    #[must_use]
    pub fn new() -> Self {
        Self { server: Arc::default(), floor: RELEASED }
    }

    /// The same calendar for somebody who knows in addition that it is not before `bound`, such as the holder of a
    /// certificate that is valid since then. What is learnt stays shared; the bound does not: one wrong certificate
    /// must not mislead others.
    #[must_use]
    pub fn not_before(&self, bound: Timestamp) -> Self {
        Self { server: self.server.clone(), floor: self.floor.max(bound) }
    }

    /// Learns from the `Date` of a reply. `at`: half-way between request and reply, `round_trip` apart.
    pub fn learn(&self, server_date: Timestamp, at: BootTime, round_trip: Duration) {
        if server_date >= self.floor {
            self.server.lock().unwrap_or_else(PoisonError::into_inner).learn(server_date, at, round_trip);
        }
    }

    /// The best guess at the time, and who says so.
    #[must_use]
    pub fn reading(&self, clock: &dyn Clock) -> Reading {
        let told = self.server.lock().unwrap_or_else(PoisonError::into_inner).at(clock.boot());
        if let Some(now) = told {
            return Reading { now, basis: Basis::Server };
        }
        match clock.wall() {
            wall if wall >= self.floor => Reading { now: wall, basis: Basis::Wall },
            _ => Reading { now: self.floor, basis: Basis::Floor },
        }
    }

    /// The best guess at the time.
    #[must_use]
    pub fn now(&self, clock: &dyn Clock) -> Timestamp {
        self.reading(clock).now
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self::new()
    }
}

/// Completes "by …" and "… says".
impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "the server's clock",
            Self::Wall => "this machine's clock",
            Self::Floor => "the earliest time it can be",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed {
        boot: u64,
        wall: Timestamp,
    }

    impl Clock for Fixed {
        fn boot(&self) -> BootTime {
            BootTime::from_duration(Duration::from_secs(self.boot))
        }

        fn wall(&self) -> Timestamp {
            self.wall
        }
    }

    fn date(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn says(calendar: &Calendar, boot: u64, wall: &str) -> (String, Basis) {
        let reading = calendar.reading(&Fixed { boot, wall: date(wall) });
        (reading.now.to_string(), reading.basis)
    }

    fn learn(calendar: &Calendar, server: &str, at: u64) {
        let at = BootTime::from_duration(Duration::from_secs(at));
        calendar.learn(date(server), at, Duration::from_millis(100));
    }

    #[test]
    fn the_wall_clock_is_believed_where_it_can_be_right() {
        let calendar = Calendar::new();
        assert_eq!(says(&calendar, 10, "2031-01-01T00:00:00Z"), ("2031-01-01T00:00:00Z".into(), Basis::Wall));
        assert_eq!(says(&calendar, 10, "1970-01-01T00:00:10Z"), (RELEASED.to_string(), Basis::Floor));
        assert_eq!(says(&calendar, 10, "1960-01-01T00:00:00Z"), (RELEASED.to_string(), Basis::Floor));
    }

    #[test]
    fn a_certificate_raises_the_floor_for_its_holder_alone() {
        let calendar = Calendar::new();
        let holder = calendar.not_before(date("2030-05-01T00:00:00Z"));
        let floor = ("2030-05-01T00:00:00Z".to_owned(), Basis::Floor);
        assert_eq!(says(&holder, 10, "1970-01-01T00:00:10Z"), floor);
        assert_eq!(says(&holder, 10, "2029-01-01T00:00:00Z"), floor);
        assert_eq!(says(&holder.not_before(date("1999-01-01T00:00:00Z")), 10, "1970-01-01T00:00:10Z"), floor);
        assert_eq!(says(&calendar, 10, "1970-01-01T00:00:10Z").0, RELEASED.to_string());
    }

    #[test]
    fn what_a_server_said_runs_on_for_everybody() {
        let calendar = Calendar::new();
        let other = calendar.not_before(date("2030-05-01T00:00:00Z"));
        learn(&calendar, "2031-07-01T12:00:00Z", 10);
        for wall in ["1970-01-01T00:00:10Z", "2040-01-01T00:00:00Z"] {
            assert_eq!(says(&other, 3610, wall), ("2031-07-01T13:00:00Z".into(), Basis::Server));
        }
    }

    #[test]
    fn a_server_that_cannot_be_right_is_not_believed() {
        let calendar = Calendar::new();
        learn(&calendar, "2020-01-01T00:00:00Z", 10);
        let holder = calendar.not_before(date("2030-05-01T00:00:00Z"));
        learn(&holder, "2029-01-01T00:00:00Z", 10);
        assert_eq!(says(&calendar, 10, "1970-01-01T00:00:10Z").1, Basis::Floor);
    }
}
