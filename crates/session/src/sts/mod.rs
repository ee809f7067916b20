//! The STS source: base credentials in, credentials of a role out.
//!
//! Each fetch asks for the base credentials, then for a code if the role wants one, and then STS. The code comes last: it is
//! good for half a minute. What a fetch that takes too long was doing is in its error.

mod base;
mod caller;
mod device;
mod link;
mod options;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Calendar, Clock, Code, Error, Issued, Result, Warning};
use refresh_session_refresh::{Mode, Settings};
use refresh_session_sts::AssumeRole;
use refresh_session_sts::options::DEFAULT_SESSION_NAME;
use tokio::time::timeout;

pub use base::{BaseCredentials, ProvidedBase};
pub use caller::{base_identity, caller_identity};
pub use link::StsLink;
pub use options::{StsClientOptions, StsOptions};
pub use refresh_session_sts::{AssumeRoleFields, CallerIdentity, ProvidedContext, WebIdentityFields};

use crate::description::Description;
use crate::mfa::MfaProvider;
use crate::options::CommonOptions;
use crate::source::{Fetching, Source};

/// A role by `AssumeRole` as a [`Source`].
pub struct StsSource {
    role: AssumeRole,
    base: Arc<dyn BaseCredentials>,
    mfa: Option<MfaProvider>,
    link: StsLink,
    limit: Duration,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
    stage: AtomicU8,
    sharing: Option<KeyedHash>,
}

/// What a fetch is waiting for.
#[derive(Clone, Copy, Eq, PartialEq)]
#[repr(u8)]
enum Stage {
    Base,
    Code,
    Sts,
}

impl StsSource {
    /// Checks the options. The warnings are for the user.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn new(
        options: StsOptions,
        clock: Arc<dyn Clock>,
        calendar: Calendar,
    ) -> Result<(Self, Vec<Warning>)> {
        let StsOptions { assume_role, client, base, token_code, mfa, limit } = options;
        let mut warnings: Vec<_> = unnamed(assume_role.role_session_name.as_deref()).into_iter().collect();
        let role = AssumeRole::new(assume_role)?;
        let mfa = device::provider(role.serial_number(), token_code.as_ref(), mfa, &mut warnings)?;
        let (link, of_link) = StsLink::new(client, clock.clone(), calendar.clone())?;
        warnings.extend(of_link);
        let mut description = Description::new("sts");
        description.field("assumeRole", role.described());
        description.field("timeoutMs", limit.as_millis().to_le_bytes());
        link.describe(&mut description);
        if let Some(mfa) = &mfa {
            mfa.describe(&mut description);
        }
        let sharing = base.describe(&mut description).then(|| description.finish()).transpose()?;
        let stage = AtomicU8::new(Stage::Base as u8);
        Ok((Self { role, base, mfa, link, limit, clock, calendar, stage, sharing }, warnings))
    }

    /// The settings of a machine for it: a fetch has time for a code too, and a timer bothers nobody for one.
    ///
    /// # Errors
    /// Those of [`CommonOptions::settings`].
    pub fn settings(&self, common: &CommonOptions) -> Result<Settings> {
        let mut settings = common.settings()?;
        if let Some(mfa) = &self.mfa {
            settings.fetch_limit = settings.fetch_limit.saturating_add(mfa.limit());
            if settings.mode == Mode::Eager && !mfa.works_alone() {
                settings.mode = Mode::AtStart;
            }
        }
        Ok(settings)
    }

    /// The region of the STS that is asked.
    #[must_use]
    pub fn region(&self) -> &str {
        self.link.region()
    }

    /// A part of a fetch that may take what is `left`.
    async fn within<T>(&self, left: &mut Duration, part: impl Future<Output = Result<T>>) -> Result<T> {
        let began = self.clock.boot();
        let done = timeout(*left, part).await.unwrap_or_else(|_| Err(self.timed_out(self.limit)));
        *left = left.saturating_sub(self.clock.boot().since(began));
        done
    }

    fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }
}

impl Source for StsSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let mut left = self.limit;
            self.enter(Stage::Base);
            let base = self.within(&mut left, self.base.credentials()).await?;
            let code = match (&self.mfa, self.role.serial_number()) {
                (Some(mfa), Some(serial)) => {
                    self.enter(Stage::Code);
                    Some(mfa.code(serial, &*self.clock, &self.calendar).await?)
                }
                _ => None,
            };
            self.enter(Stage::Sts);
            let request =
                async { self.link.client().await?.assume_role(&self.role, &base, code.as_ref()).await };
            self.within(&mut left, request).await
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        match self.stage.load(Ordering::Relaxed) {
            stage if stage == Stage::Base as u8 => no_base_in_time(limit),
            stage if stage == Stage::Code as u8 => no_code_in_time(self.mfa.as_ref().map(MfaProvider::limit)),
            _ => self.link.timed_out(limit),
        }
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(self.link.close())
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.sharing
    }

    fn take_warnings(&self) -> Vec<Warning> {
        self.link.take_warnings()
    }
}

impl fmt::Debug for StsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsSource")
            .field("role", &self.role)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

fn no_base_in_time(limit: Duration) -> Error {
    let message = format!("`sourceCredentials` gave no credentials within {} ms", limit.as_millis());
    Error::new(Code::Timeout, message)
        .with_param("sourceCredentials")
        .with_hint("It must settle in time; or raise `timeoutMs`.")
}

fn no_code_in_time(limit: Option<Duration>) -> Error {
    let message =
        format!("`mfaTokenProvider` gave no code within {} ms", limit.unwrap_or_default().as_millis());
    Error::new(Code::Timeout, message)
        .with_param("mfaTokenProvider")
        .with_hint("Its `signal` has been aborted. It is asked again when somebody needs credentials.")
}

/// What is told of a session name that was not chosen: CloudTrail then shows the same for every device.
pub(crate) fn unnamed(name: Option<&str>) -> Option<Warning> {
    name.is_none().then(|| Warning {
        code: "WARN_ROLE_SESSION_NAME",
        message: format!(
            "`assumeRole.RoleSessionName` is not given: \"{DEFAULT_SESSION_NAME}\" is used, which tells no device from \
             another in CloudTrail."
        ),
    })
}
