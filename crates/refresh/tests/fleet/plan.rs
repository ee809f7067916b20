//! What a run is about.

use std::ops::Range;
use std::time::Duration;

use refresh_session_refresh::{Cause, Mode, Policy, Settings};

/// A fleet, its source, and how long to watch.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What tells the runs apart in the table.
    pub name: &'static str,
    pub seed: u64,
    /// So many machines; they boot within half a minute.
    pub size: u32,
    /// The source admits so many requests a second and rejects the others.
    pub rate: u32,
    /// How it rejects.
    pub rejects: Cause,
    /// While it is away altogether.
    pub outage: Option<Range<Duration>>,
    pub settings: Settings,
    /// The run ends then.
    pub until: Duration,
}

/// The power comes back everywhere within this time.
pub(crate) const BOOTS: Duration = Duration::from_secs(30);

/// The life of the keys.
pub(crate) const LIFE: Duration = Duration::from_hours(1);

impl Plan {
    /// A hundred thousand gateways, eager, whose callers wait out the startup jitter; 600 requests a second.
    pub(crate) fn new(name: &'static str, startup_jitter: u64) -> Self {
        let settings = Settings {
            mode: Mode::Eager,
            startup_jitter: Duration::from_secs(startup_jitter),
            startup_holds_callers: true,
            ..Settings::new(Policy::GATEWAY, Duration::from_secs(10))
        };
        Self {
            name,
            seed: 1,
            size: 100_000,
            rate: 600,
            rejects: Cause::Answered(None),
            outage: None,
            settings,
            until: Duration::from_hours(6),
        }
    }

    /// Everybody holds keys of an hour, from the usual start-up, when the source goes away for an hour.
    pub(crate) fn outage(name: &'static str, policy: Policy) -> Self {
        let plan = Self::new(name, 200);
        let begins = Duration::from_hours(5);
        Self {
            settings: Settings { policy, ..plan.settings },
            outage: Some(begins..begins + Duration::from_hours(1)),
            until: Duration::from_hours(7),
            ..plan
        }
    }
}
