//! A policy with what the user changed in it, checked.

use std::time::Duration;

use refresh_session_core::{Error, Result};

use crate::policy::Policy;

/// The longest life AWS gives role credentials, with a margin: a reply that promises more has a wrong clock.
const LONGEST_LIFE: Duration = Duration::from_hours(13);

/// Who starts refreshes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// Whoever reads.
    #[default]
    Deferred,
    /// A timer too, so that a read never waits on a good day.
    Eager,
    /// The first fetch is the timer's, everything else whoever reads: for sources that may have to ask a person.
    AtStart,
}

/// How one machine behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// Who starts refreshes.
    pub mode: Mode,
    /// How long before the end a refresh may begin; `None`: the policy's.
    pub advisory: Option<Duration>,
    /// How long before the end callers wait for a refresh; `None`: the policy's.
    pub mandatory: Option<Duration>,
    /// The first fetch waits for a time drawn up to this.
    pub startup_jitter: Duration,
    /// Whether callers wait out that time too: a fleet that powers up together reads together.
    pub startup_holds_callers: bool,
    /// One fetch, all phases.
    pub fetch_limit: Duration,
    /// Whether the source is known to extend its keys, so that a policy may serve them past their end.
    pub extends: bool,
    /// No set of keys is believed to live longer.
    pub longest_life: Duration,
}

impl Settings {
    /// A policy as it is, deferred.
    #[must_use]
    pub const fn new(policy: Policy, fetch_limit: Duration) -> Self {
        Self {
            policy,
            mode: Mode::Deferred,
            advisory: None,
            mandatory: None,
            startup_jitter: Duration::ZERO,
            startup_holds_callers: false,
            fetch_limit,
            extends: false,
            longest_life: LONGEST_LIFE,
        }
    }

    /// The same settings if they go together.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming `mandatoryWindowSeconds`.
    pub fn checked(self) -> Result<Self> {
        let widest = self.policy.advisory.iter().map(|row| row.window).max().unwrap_or_default();
        let advisory = self.advisory.unwrap_or(widest);
        if let Some(mandatory) = self.mandatory.filter(|mandatory| *mandatory > advisory) {
            let found = format!(
                "is {}: more than the advisory window of {} s, so that nobody would ever be served without waiting",
                mandatory.as_secs(),
                advisory.as_secs()
            );
            return Err(Error::invalid_option("mandatoryWindowSeconds", found)
                .with_hint("Give a smaller one, or a larger `advisoryWindowSeconds`."));
        }
        Ok(self)
    }

    /// Advisory and mandatory window of keys that live for `life`.
    ///
    /// A mandatory window of the user's is cut less than the policy's, for it was meant; the policy's leaves a third
    /// of an advisory window of the user's.
    #[must_use]
    pub fn windows(&self, life: Duration) -> (Duration, Duration) {
        let policy = &self.policy;
        let by_life = policy.advisory.iter().find(|row| life <= row.up_to).map(|row| row.window);
        let wanted = self.advisory.or(by_life).unwrap_or_default();
        // A window about as long as the life would have every read fetch.
        let share = policy.advisory_share.part(life).min(life.saturating_sub(life / 10));
        let advisory = if wanted < share { wanted } else { share.min(life / 2) };
        let mandatory = match self.mandatory {
            Some(mandatory) => mandatory.min(life / 3).min(advisory),
            None => policy.mandatory.min(policy.mandatory_share.part(life)).min(advisory / 3 * 2),
        };
        (advisory, mandatory)
    }

    /// Whether keys may be served after their end.
    #[must_use]
    pub const fn past_expiry(&self) -> bool {
        self.policy.past_expiry && self.extends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(policy: Policy, life: u64) -> (u64, u64) {
        let settings = Settings::new(policy, Duration::from_secs(10));
        let (advisory, mandatory) = settings.windows(Duration::from_secs(life));
        (advisory.as_secs(), mandatory.as_secs())
    }

    #[test]
    fn windows_follow_policy_and_life() {
        for (life, expected) in [(43_200, (900, 60)), (3600, (900, 60)), (900, (450, 60)), (100, (50, 10))] {
            assert_eq!(windows(Policy::GATEWAY, life), expected, "gateway {life}");
        }
        for (life, expected) in [
            (21_600, (3600, 60)),
            (5400, (3600, 60)),
            (5399, (900, 60)),
            (1201, (900, 60)),
            (1200, (300, 60)),
            (300, (150, 30)),
        ] {
            assert_eq!(windows(Policy::AWS, life), expected, "aws {life}");
        }
        for (life, expected) in [(3600, (900, 600)), (1001, (900, 333)), (901, (450, 300)), (900, (450, 300))]
        {
            assert_eq!(windows(Policy::BOTOCORE, life), expected, "botocore {life}");
        }
    }

    #[test]
    fn a_mandatory_window_wider_than_the_advisory_one_is_refused() {
        let settings = Settings {
            mandatory: Some(Duration::from_secs(1000)),
            ..Settings::new(Policy::GATEWAY, Duration::from_secs(10))
        };
        let error = settings.checked().unwrap_err();
        assert_eq!(error.param(), Some("mandatoryWindowSeconds"));
        assert!(error.message().contains("1000") && error.message().contains("900"), "{error}");
        assert!(Settings { advisory: Some(Duration::from_secs(1000)), ..settings }.checked().is_ok());
    }
}
