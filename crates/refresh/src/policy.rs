//! The three policies, as data: the machine has no branch that names one.
//!
//! | | `gateway` | `aws` | `botocore` |
//! |---|---|---|---|
//! | origin | ours | the behaviour AWS brings to its SDKs since 2026 | botocore as boto3-refresh-session has it |
//! | advisory window | 15 min, at most half of the life | 5, 15 or 60 min by the life | 15 min |
//! | a refresh begins | anywhere in the window, drawn for each set of keys | at its start | at its start |
//! | advisory: who waits | nobody | the caller who starts the refresh | the caller who starts the refresh |
//! | mandatory window | 1 min, at most a tenth of the life | 1 min | 10 min |
//! | source unreachable | full jitter from 15 s, at most a quarter of what is left | 5 to 10 min | as `gateway` |
//! | source answers with a failure | 5 to 10 min, at most a quarter of what is left, or `Retry-After` | 5 to 10 min | as `gateway` |
//! | refused until a person acts | as an answer with a failure | raised at once, cached 1 to 5 s; the timer waits as after an answer with a failure | as `gateway` |
//! | no keys left | on demand, full jitter from 1 s up to 60 s | next call tries again | as `gateway` |
//! | after the end | error | keys are served on, where the source is known to extend them | error |
//!
//! `botocore` keeps botocore's windows and who waits, not its faults: keys that are valid are never withheld, and a
//! failing source is left alone for a while. In `aws` no delay outlasts keys that are not served after their end.

use std::time::Duration;

use crate::delay::Delay;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// When to refresh and what to do about failures.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a table of independent choices, not a state")]
pub struct Policy {
    /// The name users choose it by.
    pub name: &'static str,
    /// Advisory windows by life: the first row whose life is not exceeded. Empty rows are not allowed.
    pub advisory: &'static [AdvisoryRow],
    /// An advisory window of more than this part of the life becomes half of the life.
    pub advisory_share: Share,
    /// The mandatory window.
    pub mandatory: Duration,
    /// The mandatory window is at most this part of the life.
    pub mandatory_share: Share,
    /// Whether a refresh begins anywhere in the advisory window or at its start.
    pub spread: bool,
    /// Whether the caller who starts a refresh in the advisory window waits for it.
    pub starter_waits: bool,
    /// After nobody answered, while keys are held.
    pub unreachable: Delay,
    /// After an answer that was a failure, while keys are held.
    pub answered: Delay,
    /// With `Some(n)`, no such delay is longer than an n-th of what is left of valid keys.
    pub left_share: Option<u32>,
    /// Whether the source's own `Retry-After` takes the place of a delay.
    pub retry_after: bool,
    /// With `Some`, a refusal is raised although keys are valid, and repeated for so long without contact.
    pub raise_denied: Option<Delay>,
    /// Delays while there are no keys to serve.
    pub without_keys: Delay,
    /// Whether such a delay also holds for callers who ask, from the second failure on.
    pub holds_callers: bool,
    /// Whether keys are served after their end, after a failed attempt, where the source is known to extend them.
    pub past_expiry: bool,
}

/// A row of the table of advisory windows.
#[derive(Clone, Copy, Debug)]
pub struct AdvisoryRow {
    /// Up to this life.
    pub up_to: Duration,
    /// This window.
    pub window: Duration,
}

/// A part of a life.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// One of so many parts.
    pub of: u32,
}

impl Share {
    /// The part of `life`.
    #[must_use]
    pub fn part(self, life: Duration) -> Duration {
        life / self.of.max(1)
    }
}

/// As long as AWS lets role credentials live is far below this.
const ANY: Duration = Duration::MAX;

impl Policy {
    /// For devices: never blocks while keys are comfortably valid, spreads a fleet, survives a flaky link.
    pub const GATEWAY: Self = Self {
        name: "gateway",
        advisory: &[AdvisoryRow { up_to: ANY, window: Duration::from_mins(15) }],
        advisory_share: Share { of: 2 },
        mandatory: MINUTE,
        mandatory_share: Share { of: 10 },
        spread: true,
        starter_waits: false,
        unreachable: Delay::FullJitter { base: Duration::from_secs(15), cap: Duration::from_mins(5) },
        answered: FIVE_TO_TEN_MINUTES,
        left_share: Some(4),
        retry_after: true,
        raise_denied: None,
        without_keys: Delay::FullJitter { base: SECOND, cap: MINUTE },
        holds_callers: true,
        past_expiry: false,
    };

    /// What AWS's SDKs agree on; passes their public test vectors.
    pub const AWS: Self = Self {
        name: "aws",
        advisory: &[
            AdvisoryRow { up_to: Duration::from_mins(20), window: Duration::from_mins(5) },
            // "Below 90 minutes": from exactly 90 on it is the next row.
            AdvisoryRow { up_to: Duration::from_millis(90 * 60_000 - 1), window: Duration::from_mins(15) },
            AdvisoryRow { up_to: ANY, window: Duration::from_hours(1) },
        ],
        advisory_share: Share { of: 1 },
        mandatory: MINUTE,
        mandatory_share: Share { of: 10 },
        spread: false,
        starter_waits: true,
        unreachable: FIVE_TO_TEN_MINUTES,
        answered: FIVE_TO_TEN_MINUTES,
        left_share: None,
        retry_after: false,
        raise_denied: Some(Delay::Uniform { min: SECOND, max: Duration::from_secs(5) }),
        without_keys: Delay::FullJitter { base: SECOND, cap: MINUTE },
        holds_callers: false,
        past_expiry: true,
    };

    /// boto3-refresh-session's windows, honoured in both modes.
    pub const BOTOCORE: Self = Self {
        name: "botocore",
        advisory_share: Share { of: 1 },
        mandatory: Duration::from_mins(10),
        mandatory_share: Share { of: 3 },
        spread: false,
        starter_waits: true,
        ..Self::GATEWAY
    };

    /// Every policy.
    pub const ALL: &'static [Self] = &[Self::GATEWAY, Self::AWS, Self::BOTOCORE];

    /// The policy of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|policy| policy.name == name)
    }
}

const FIVE_TO_TEN_MINUTES: Delay =
    Delay::Uniform { min: Duration::from_mins(5), max: Duration::from_mins(10) };
