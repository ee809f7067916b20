//! The numbers of the policies, written down a second time: windows and pauses as the description gives them.

use std::time::Duration;

use refresh_session_refresh::{Cause, Settings};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Nobody waits longer for a source: what it asks for itself is cut at 15 min.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// No two attempts without leave are nearer.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// No keys are believed to live longer.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_hours(13);

/// Advisory and mandatory window.
pub(crate) fn windows(settings: &Settings, life: Duration) -> (Duration, Duration) {
    let (wanted, widest, last_part) = match settings.policy.name {
        "gateway" => (15 * MINUTE, life / 2, (MINUTE, 10)),
        "botocore" => (15 * MINUTE, life, (10 * MINUTE, 3)),
        _ if life <= 20 * MINUTE => (5 * MINUTE, life, (MINUTE, 10)),
        _ if life < 90 * MINUTE => (15 * MINUTE, life, (MINUTE, 10)),
        _ => (60 * MINUTE, life, (MINUTE, 10)),
    };
    let wanted = settings.advisory.unwrap_or(wanted);
    let advisory = if wanted < widest.min(life.saturating_sub(life / 10)) { wanted } else { life / 2 };
    match settings.mandatory {
        Some(mandatory) => (advisory, mandatory.min(life / 3).min(advisory)),
        None => (advisory, last_part.0.min(life / last_part.1).min(advisory / 3 * 2)),
    }
}

/// How long after the earliest moment a refresh may begin.
pub(crate) fn spread(settings: &Settings, life: Duration) -> Duration {
    if settings.policy.name != "gateway" {
        return Duration::ZERO;
    }
    let (advisory, mandatory) = windows(settings, life);
    let room = advisory.saturating_sub(mandatory);
    room.saturating_sub((settings.fetch_limit * 2).min(room / 2))
}

/// Failures in a row before this one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Earlier {
    pub with_keys: u32,
    pub without_keys: u32,
}

/// How long a refusal is repeated where it is raised.
pub(crate) const REFUSAL: (Duration, Duration) = (SECOND, Duration::from_secs(5));

/// The shortest and the longest pause of the timer after a failure, `left` before the end of the keys. `serving`: keys are handed
/// out nevertheless.
pub(crate) fn pause(
    settings: &Settings,
    cause: Cause,
    earlier: Earlier,
    left: Option<Duration>,
    serving: bool,
) -> (Duration, Duration) {
    let five_to_ten = (5 * MINUTE, 10 * MINUTE);
    let aws = settings.policy.name == "aws";
    match cause {
        Cause::Answered(Some(wish)) if !aws => (asked_for(wish), asked_for(wish)),
        _ if !serving => (SHORTEST_PAUSE, doubled(SECOND, earlier.without_keys.saturating_sub(1), MINUTE)),
        // Not beyond the end of keys that are not served after it.
        _ if aws && !settings.extends => {
            let left = left.unwrap_or_default();
            (five_to_ten.0.min(left), five_to_ten.1.min(left))
        }
        _ if aws => five_to_ten,
        Cause::Unreachable => {
            let share = left.unwrap_or_default() / 4;
            (SECOND, doubled(15 * SECOND, earlier.with_keys, 5 * MINUTE).min(share).max(SECOND))
        }
        _ => {
            let share = left.unwrap_or_default() / 4;
            let least = five_to_ten.0.min(share / 2).max(SECOND);
            if share < five_to_ten.1 { (least, share.max(SECOND)) } else { five_to_ten }
        }
    }
}

/// What a source may ask for, cut at both ends.
pub(crate) fn asked_for(wish: Duration) -> Duration {
    wish.clamp(SECOND, LONGEST_PAUSE)
}

fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(times)).min(cap)
}
