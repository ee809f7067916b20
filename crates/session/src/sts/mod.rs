//! The STS source: base credentials in, credentials of a role out.
//!
//! Each fetch asks for the base credentials, then for a code if the role wants one, and then STS. The code comes last: it is
//! good for half a minute. What a fetch that takes too long was doing is in its error.

mod base;
mod caller;
mod link;
mod mfa;
mod options;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Calendar, Clock, Code, Error, Issued, Result, Warning};
use refresh_session_sts::AssumeRole;

pub use base::{BaseCredentials, ProvidedBase};
pub use caller::caller_identity;
pub use link::StsLink;
pub use mfa::MfaCode;
pub use options::{StsClientOptions, StsOptions};
pub use refresh_session_sts::{AssumeRoleFields, CallerIdentity, ProvidedContext, WebIdentityFields};

use crate::description::Description;
use crate::source::{Fetching, Source};

/// A role by `AssumeRole` as a [`Source`].
pub struct StsSource {
    role: AssumeRole,
    base: Arc<dyn BaseCredentials>,
    mfa: Option<Arc<dyn MfaCode>>,
    link: StsLink,
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
        let StsOptions { assume_role, client, base, mfa } = options;
        let role = AssumeRole::new(assume_role)?;
        check_mfa(role.serial_number(), mfa.is_some())?;
        let (link, warnings) = StsLink::new(client, clock, calendar)?;
        let mut description = Description::new("sts");
        description.field("assumeRole", role.described());
        link.describe(&mut description);
        let shareable =
            base.describe(&mut description) && mfa.as_ref().is_none_or(|mfa| mfa.describe(&mut description));
        let sharing = shareable.then(|| description.finish()).transpose()?;
        Ok((Self { role, base, mfa, link, stage: AtomicU8::new(Stage::Base as u8), sharing }, warnings))
    }

    /// The region of the STS that is asked.
    #[must_use]
    pub fn region(&self) -> &str {
        self.link.region()
    }

    fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }
}

impl Source for StsSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            self.enter(Stage::Base);
            let base = self.base.credentials().await?;
            self.enter(Stage::Sts);
            let client = self.link.client().await?;
            let code = match (&self.mfa, self.role.serial_number()) {
                (Some(mfa), Some(serial)) => {
                    self.enter(Stage::Code);
                    let code = mfa.code(serial).await?;
                    self.enter(Stage::Sts);
                    Some(code)
                }
                _ => None,
            };
            client.assume_role(&self.role, &base, code.as_ref()).await
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        let silent = |param: &'static str, what: &str| {
            let message = format!("`{param}` gave no {what} within {} ms", limit.as_millis());
            Error::new(Code::Timeout, message)
                .with_param(param)
                .with_hint("It must settle in time; or raise `timeoutMs`.")
        };
        match self.stage.load(Ordering::Relaxed) {
            stage if stage == Stage::Base as u8 => silent("sourceCredentials", "credentials"),
            stage if stage == Stage::Code as u8 => silent("mfaTokenProvider", "code"),
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

fn check_mfa(serial: Option<&str>, provider: bool) -> Result<()> {
    let conflicting = |message: &str, param: &'static str| {
        Err(Error::new(Code::ConflictingOptions, message).with_param(param))
    };
    match (serial, provider) {
        (Some(_), false) => conflicting(
            "option `assumeRole.SerialNumber` names an MFA device, and `mfaTokenProvider` for its codes is missing",
            "mfaTokenProvider",
        ),
        (None, true) => conflicting(
            "option `mfaTokenProvider` gives MFA codes, and `assumeRole.SerialNumber` of their device is missing",
            "assumeRole.SerialNumber",
        ),
        _ => Ok(()),
    }
}
