//! MFA codes for a source: asked for when they are needed, and none sent twice by this process.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use refresh_session_core::{Calendar, Clock, Code, Error, Result, Secret, Timestamp};
pub use refresh_session_mfa::{Command, CommandOptions};
use refresh_session_mfa::{STEP, SentCodes, TokenCode};

use crate::description::Description;
use crate::source::Fetching;

const PROVIDER: &str = "mfaTokenProvider";

/// As long as a person may take to find the device and type what it shows.
const PERSON: Duration = Duration::from_mins(2);

/// Of all sessions: they may share a device.
static SENT: LazyLock<Mutex<SentCodes>> = LazyLock::new(Mutex::default);

/// Asks the user's code for a code: in the addon, a JavaScript function.
pub trait MfaCallback: Send + Sync + fmt::Debug {
    /// One code, as text. Dropped when nobody waits any more, which the user's code is told.
    fn code(&self) -> Fetching<'_, Result<Secret>>;
}

/// Where codes come from.
#[derive(Clone, Debug)]
pub enum MfaProvider {
    /// The one that was written into the options.
    Given(TokenCode),
    /// A program.
    Command(Command),
    /// A function; somebody may have to type.
    Callback {
        /// It.
        callback: Arc<dyn MfaCallback>,
        /// Equal for callbacks that are the same function in the same thread.
        same: String,
    },
}

impl MfaProvider {
    /// How long it may take to give a code.
    #[must_use]
    pub fn limit(&self) -> Duration {
        match self {
            Self::Given(_) => Duration::ZERO,
            Self::Command(command) => command.timeout(),
            Self::Callback { .. } => PERSON,
        }
    }

    /// Whether it has a new code at any time and bothers nobody for it: then a timer may have it asked.
    #[must_use]
    pub const fn works_alone(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Adds what decides whether there are codes, and whose.
    pub(crate) fn describe(&self, description: &mut Description) {
        match self {
            Self::Given(code) => description.field("mfa code", code.secret().expose()),
            Self::Command(command) => command.describe(|part| description.field("mfa command", part)),
            Self::Callback { same, .. } => description.field("mfa callback", same),
        }
    }

    /// A code of the device `serial` that has not been sent yet. It counts as sent from here on.
    ///
    /// # Errors
    /// `ERR_MFA_COMMAND`, `ERR_MFA_CODE`, `ERR_MFA_CODE_USED`, or what the callback failed with.
    pub(crate) async fn code(&self, serial: &str, clock: &dyn Clock, calendar: &Calendar) -> Result<Secret> {
        let code = match self {
            Self::Given(code) => code.clone(),
            Self::Command(command) => command.code().await?,
            Self::Callback { callback, .. } => {
                TokenCode::parse(&callback.code().await?).ok_or_else(no_code)?
            }
        };
        let mut sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.claim(serial, &code, clock.boot())? {
            return Ok(code.secret().clone());
        }
        Err(self.used(calendar.reading(clock).now))
    }

    fn used(&self, now: Timestamp) -> Error {
        let error =
            Error::new(Code::MfaCodeUsed, "the MFA code was sent before, and AWS takes each code once");
        match self {
            Self::Given(_) => error
                .with_param("assumeRole.TokenCode")
                .with_hint("Keys that were had by a fixed code cannot be renewed. Give `mfaTokenProvider` instead.")
                .with_retryable(false),
            _ => error
                .with_param(PROVIDER)
                .with_hint("The device shows a new one every 30 seconds; the provider must give a new one at every call.")
                .with_retry_after(Some(until_next_step(now))),
        }
    }
}

fn no_code() -> Error {
    Error::new(Code::MfaCode, format!("what `{PROVIDER}` gave is no code"))
        .with_param(PROVIDER)
        .with_hint("It must give, or resolve to, a string of six digits. What it gave is not shown.")
}

/// Devices change their codes together, at every half minute of the calendar (RFC 6238).
fn until_next_step(now: Timestamp) -> Duration {
    let step = i64::try_from(STEP.as_millis()).unwrap_or(i64::MAX);
    let left = step - now.unix_millis().rem_euclid(step);
    Duration::from_millis(left.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_code_comes_with_the_half_minute() {
        let left = |millis| until_next_step(Timestamp::from_unix_millis(millis)).as_millis();
        assert_eq!((left(0), left(1), left(29_999), left(30_000), left(-1)), (30_000, 29_999, 1, 30_000, 1));
    }
}
