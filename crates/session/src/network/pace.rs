//! How soon after one notice another may follow.

use std::time::Duration;

use refresh_session_core::BootTime;

/// For what comes with the first news: addresses with their routes.
const TOGETHER: Duration = Duration::from_millis(250);
/// Between the first two notices; then twice as long, and so on.
const LEAST: Duration = Duration::from_secs(1);
/// A modem that flaps for hours must not have a device connect each time: a handshake is kilobytes, paid for.
const MOST: Duration = Duration::from_mins(1);
/// After so long without a notice the next one is the first again.
const CALM: Duration = Duration::from_mins(5);

/// The pace of notices.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<(BootTime, Duration)>,
}

impl Pace {
    /// When news that comes `now` is told.
    pub(super) fn due(&self, now: BootTime) -> BootTime {
        let soon = now.after(TOGETHER);
        self.last.map_or(soon, |(last, gap)| soon.max(last.after(gap)))
    }

    /// It is told.
    pub(super) fn told(&mut self, now: BootTime) {
        let gap = match self.last {
            Some((last, gap)) if now.since(last) < CALM => (gap * 2).min(MOST),
            _ => LEAST,
        };
        self.last = Some((now, gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_flaps_is_told_of_ever_less_often_until_it_is_calm() {
        let mut pace = Pace::default();
        let mut now = BootTime::from_duration(Duration::from_secs(1000));
        let mut wait = |pace: &mut Pace, quiet: Duration| {
            now = now.after(quiet);
            let due = pace.due(now);
            let waited = due.since(now);
            now = due;
            pace.told(now);
            waited.as_millis()
        };
        let waits: Vec<_> = (0..9).map(|_| wait(&mut pace, Duration::ZERO)).collect();
        assert_eq!(waits, [250, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(wait(&mut pace, Duration::from_secs(50)), 10_000);
        assert_eq!(wait(&mut pace, CALM), 250);
        assert_eq!(wait(&mut pace, Duration::ZERO), 1000);
    }
}
