//! A world drawn from a seed: settings, lives, dates.

use std::time::Duration;

use fastrand::Rng;
use refresh_session_refresh::{Mode, Policy, Settings};

use super::source::Dates;

const SECOND: Duration = Duration::from_secs(1);

/// Settings that go together.
pub(crate) fn settings(rng: &mut Rng) -> Settings {
    loop {
        let policy = Policy::ALL[rng.usize(0..Policy::ALL.len())];
        let limit = [1, 10, 10, 30, 60][rng.usize(0..5)] * SECOND;
        let drawn = Settings {
            mode: if rng.bool() { Mode::Eager } else { Mode::Deferred },
            advisory: (rng.u8(0..4) == 0).then(|| rng.u32(1..7200) * SECOND),
            mandatory: (rng.u8(0..4) == 0).then(|| rng.u32(0..900) * SECOND),
            startup_jitter: if rng.bool() { rng.u32(1..300) * SECOND } else { Duration::ZERO },
            startup_holds_callers: rng.bool(),
            extends: rng.bool(),
            ..Settings::new(policy, limit)
        };
        if let Ok(checked) = drawn.checked() {
            return checked;
        }
    }
}

/// The shortest and the longest life of the keys.
pub(crate) fn lives(rng: &mut Rng) -> (Duration, Duration) {
    let lives = [6, 10, 60, 300, 900, 1200, 3600, 5400, 21_600, 43_200].map(|seconds| seconds * SECOND);
    let shortest = rng.usize(0..lives.len());
    let longest = (shortest + rng.usize(0..3)).min(lives.len() - 1);
    (lives[shortest], lives[longest])
}

/// Mostly there is a date.
pub(crate) fn dates(rng: &mut Rng) -> Dates {
    [Dates::Always, Dates::Always, Dates::Always, Dates::Sometimes, Dates::Never][rng.usize(0..5)]
}
