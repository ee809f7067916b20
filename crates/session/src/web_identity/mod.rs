//! The web identity source: an OpenID Connect token in, credentials of a role out. Requests are not signed.

mod token;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Calendar, Clock, Code, Error, Issued, Result, Warning};
use refresh_session_sts::{WebIdentityFields, WebIdentityRole};

pub use token::{TokenProvider, TokenSource};

use crate::description::Description;
use crate::source::{Fetching, Source};
use crate::sts::{self, StsClientOptions, StsLink};

/// Options of `method: "webIdentity"`: types are right, nothing else is checked.
#[derive(Debug)]
pub struct WebIdentityOptions {
    /// `assumeRole`.
    pub assume_role: WebIdentityFields,
    /// `webIdentityTokenFile` or `webIdentityToken`.
    pub token: TokenSource,
    /// `stsClientConfig`, with what the common options say.
    pub client: StsClientOptions,
}

/// A role by `AssumeRoleWithWebIdentity` as a [`Source`].
pub struct WebIdentitySource {
    role: WebIdentityRole,
    token: TokenSource,
    link: StsLink,
    /// Whether the token is being waited for.
    asking: AtomicBool,
    sharing: Option<KeyedHash>,
}

impl WebIdentitySource {
    /// Checks the options; the token is first read when credentials are asked for. The warnings are for the user.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn new(
        options: WebIdentityOptions,
        clock: Arc<dyn Clock>,
        calendar: Calendar,
    ) -> Result<(Self, Vec<Warning>)> {
        let WebIdentityOptions { assume_role, token, client } = options;
        let unnamed = sts::unnamed(assume_role.role_session_name.as_deref());
        let role = WebIdentityRole::new(assume_role)?;
        let (link, mut warnings) = StsLink::new(client, clock, calendar)?;
        warnings.extend(unnamed);
        let mut description = Description::new("web identity");
        description.field("assumeRole", role.described());
        link.describe(&mut description);
        let sharing = token.describe(&mut description).then(|| description.finish()).transpose()?;
        Ok((Self { role, token, link, asking: AtomicBool::new(false), sharing }, warnings))
    }

    /// The region of the STS that is asked.
    #[must_use]
    pub fn region(&self) -> &str {
        self.link.region()
    }
}

impl Source for WebIdentitySource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let client = self.link.client().await?;
            self.asking.store(true, Ordering::Relaxed);
            let token = self.token.obtain().await;
            self.asking.store(false, Ordering::Relaxed);
            client.assume_role_with_web_identity(&self.role, &token?).await
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        if !self.asking.swap(false, Ordering::Relaxed) {
            return self.link.timed_out(limit);
        }
        let param = self.token.param();
        Error::new(Code::Timeout, format!("`{param}` gave no token within {} ms", limit.as_millis()))
            .with_param(param)
            .with_hint("It must settle in time; or raise `timeoutMs`.")
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

impl fmt::Debug for WebIdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentitySource")
            .field("role", &self.role)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
