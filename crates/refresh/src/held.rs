//! One set of keys with the instants at which its zones begin.

use std::time::Duration;

use fastrand::Rng;
use refresh_session_core::{BootTime, Identity};

use crate::delay::between;
use crate::settings::Settings;
use crate::zone::Zone;

/// Keys as they are held. Replaced whole, never edited.
#[derive(Debug)]
pub struct Held {
    /// The keys.
    pub identity: Identity,
    /// Counts the sets of keys of one machine, from 1.
    pub generation: u32,
    /// When they end, on our clock; `None`: they do not.
    pub deadline: Option<BootTime>,
    /// When a refresh begins: in the advisory window, drawn once where the policy spreads.
    pub refresh_at: BootTime,
    /// How long before the end that could have been at the earliest.
    pub advisory_window: Duration,
    mandatory_at: BootTime,
}

impl Held {
    /// Keys that live for `life` from `issued_at`; without a life they never end.
    pub(crate) fn new(
        identity: Identity,
        generation: u32,
        issued_at: BootTime,
        life: Option<Duration>,
        settings: &Settings,
        rng: &mut Rng,
    ) -> Self {
        let Some(life) = life else {
            return Self {
                identity,
                generation,
                deadline: None,
                refresh_at: BootTime::NEVER,
                advisory_window: Duration::ZERO,
                mandatory_at: BootTime::NEVER,
            };
        };
        let deadline = issued_at.after(life);
        let (advisory, mandatory) = settings.windows(life);
        let earliest = deadline.before(advisory);
        let refresh_at = if settings.policy.spread {
            // A fetch, and another after one that failed, should be over before callers have to wait.
            let room = advisory.saturating_sub(mandatory);
            let latest = room.saturating_sub((settings.fetch_limit * 2).min(room / 2));
            earliest.after(between(Duration::ZERO, latest, rng))
        } else {
            earliest
        };
        Self {
            identity,
            generation,
            deadline: Some(deadline),
            refresh_at,
            advisory_window: advisory,
            mandatory_at: deadline.before(mandatory),
        }
    }

    /// What is left of them; `None` if they are over.
    #[must_use]
    pub fn left(&self, now: BootTime) -> Option<Duration> {
        let Some(deadline) = self.deadline else { return Some(Duration::MAX) };
        Some(deadline.since(now)).filter(|left| !left.is_zero())
    }

    /// When callers begin to wait for new ones.
    #[must_use]
    pub const fn mandatory_at(&self) -> BootTime {
        self.mandatory_at
    }

    /// When they end; later than anything for keys that do not.
    #[must_use]
    pub fn ends_at(&self) -> BootTime {
        self.deadline.unwrap_or(BootTime::NEVER)
    }

    /// The zone of these keys as such.
    #[must_use]
    pub fn zone(&self, now: BootTime) -> Zone {
        if self.left(now).is_none() {
            Zone::Expired
        } else if now >= self.mandatory_at {
            Zone::Mandatory
        } else if now >= self.refresh_at {
            Zone::Advisory
        } else {
            Zone::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn held(policy: Policy, life: u64, seed: u64) -> Held {
        let identity = Identity::new("ASIAEXAMPLE".into(), "s".into(), None, None);
        let settings = Settings::new(policy, Duration::from_secs(10));
        let at = BootTime::from_duration(Duration::from_secs(1000));
        Held::new(identity, 1, at, Some(Duration::from_secs(life)), &settings, &mut Rng::with_seed(seed))
    }

    fn at(seconds: f64) -> BootTime {
        BootTime::from_duration(Duration::from_secs_f64(1000.0 + seconds))
    }

    #[test]
    fn zones_follow_one_another() {
        let keys = held(Policy::AWS, 3600, 1);
        let zones = [0.0, 2699.9, 2700.0, 3539.9, 3540.0, 3599.9, 3600.0].map(|second| keys.zone(at(second)));
        let expected = [
            Zone::Fresh,
            Zone::Fresh,
            Zone::Advisory,
            Zone::Advisory,
            Zone::Mandatory,
            Zone::Mandatory,
            Zone::Expired,
        ];
        assert_eq!(zones, expected);
    }

    #[test]
    fn a_fleet_spreads_over_the_whole_window_and_leaves_room_for_two_fetches() {
        let starts: Vec<_> = (0..1000).map(|seed| held(Policy::GATEWAY, 3600, seed).refresh_at).collect();
        let (first, last) = (*starts.iter().min().unwrap(), *starts.iter().max().unwrap());
        assert!(first >= at(2700.0) && first < at(2705.0), "{first:?}");
        assert!(last <= at(3520.0) && last > at(3515.0), "{last:?}");
    }

    #[test]
    fn six_second_keys_have_all_their_zones() {
        for seed in 0..100 {
            let keys = held(Policy::GATEWAY, 6, seed);
            assert!(keys.refresh_at >= at(3.0) && keys.refresh_at <= at(4.2), "{:?}", keys.refresh_at);
            assert_eq!((keys.zone(at(5.3)), keys.zone(at(5.5))), (Zone::Advisory, Zone::Mandatory));
        }
    }

    #[test]
    fn keys_without_an_end_stay_fresh() {
        let identity = Identity::new("AKIAEXAMPLE".into(), "s".into(), None, None);
        let settings = Settings::new(Policy::GATEWAY, Duration::from_secs(10));
        let keys = Held::new(identity, 1, at(0.0), None, &settings, &mut Rng::with_seed(1));
        assert_eq!(keys.zone(at(1e9)), Zone::Fresh);
    }
}
