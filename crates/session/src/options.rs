//! The options of every method: from what the user gave to the machine's settings.

use std::time::Duration;

use refresh_session_core::{Error, Result};
use refresh_session_refresh::{Mode, Policy, Settings};

/// An eager session that nobody gave a startup jitter spreads its first fetch over this, as long as nobody reads.
const EAGER_STARTUP_JITTER: Duration = Duration::from_secs(5);

/// Common options as the bridge hands them over: types are right, nothing else is checked.
#[derive(Clone, Debug, Default)]
pub struct CommonOptions {
    /// `refresh: "eager"`.
    pub eager: bool,
    /// `refreshPolicy`; `None`: `gateway`.
    pub refresh_policy: Option<String>,
    /// `advisoryWindowSeconds`.
    pub advisory_window: Option<Duration>,
    /// `mandatoryWindowSeconds`.
    pub mandatory_window: Option<Duration>,
    /// `startupJitterSeconds`.
    pub startup_jitter: Option<Duration>,
    /// `timeoutMs`.
    pub timeout: Duration,
}

impl CommonOptions {
    /// The settings of a machine.
    ///
    /// A startup jitter that was asked for holds up callers too: a fleet that powers up together reads together. The
    /// default one of eager mode does not.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming `refreshPolicy` or `mandatoryWindowSeconds`.
    pub fn settings(&self) -> Result<Settings> {
        let policy = match self.refresh_policy.as_deref() {
            None => Policy::GATEWAY,
            Some(name) => Policy::named(name).ok_or_else(|| unknown_policy(name))?,
        };
        let mode = if self.eager { Mode::Eager } else { Mode::Deferred };
        let by_default = if self.eager { EAGER_STARTUP_JITTER } else { Duration::ZERO };
        let settings = Settings {
            mode,
            advisory: self.advisory_window,
            mandatory: self.mandatory_window,
            startup_jitter: self.startup_jitter.unwrap_or(by_default),
            startup_holds_callers: self.startup_jitter.is_some(),
            ..Settings::new(policy, self.timeout)
        };
        settings.checked()
    }
}

fn unknown_policy(name: &str) -> Error {
    let known: Vec<_> = Policy::ALL.iter().map(|policy| format!("\"{}\"", policy.name)).collect();
    let found =
        format!("is {}: it must be one of {}", refresh_session_core::shown::quoted(name), known.join(", "));
    Error::invalid_option("refreshPolicy", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_startup_jitter_holds_callers_only_when_it_was_asked_for() {
        let settings = |eager, startup_jitter| {
            let options = CommonOptions { eager, startup_jitter, ..CommonOptions::default() };
            let settings = options.settings().unwrap();
            (settings.startup_jitter.as_secs(), settings.startup_holds_callers)
        };
        assert_eq!(settings(false, None), (0, false));
        assert_eq!(settings(true, None), (5, false));
        assert_eq!(settings(true, Some(Duration::from_secs(200))), (200, true));
        assert_eq!(settings(false, Some(Duration::from_secs(200))), (200, true));
    }

    #[test]
    fn an_unknown_policy_is_refused_by_name() {
        let options = CommonOptions { refresh_policy: Some("boto".into()), ..CommonOptions::default() };
        let error = options.settings().unwrap_err();
        assert_eq!(error.param(), Some("refreshPolicy"));
        assert!(error.message().contains("\"gateway\", \"aws\", \"botocore\""), "{error}");
    }
}
