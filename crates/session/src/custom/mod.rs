//! The custom source: a callback of the user's, or any SDK provider, on the same machine.

mod reply;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Clock, Code, Error, Issued, Result};

pub(crate) use reply::parse;
pub use reply::{CustomExpiration, CustomKeys};

use crate::description::Description;
use crate::source::{Fetching, Source};

/// Asks the user's code for credentials: in the addon, a JavaScript function.
pub trait CustomProvider: Send + Sync + fmt::Debug {
    /// One set of keys. Dropped when it takes too long, which the user's code is told.
    fn credentials(&self) -> Fetching<'_, Result<CustomKeys>>;
}

/// A callback as a [`Source`].
#[derive(Debug)]
pub struct CustomSource {
    provider: Arc<dyn CustomProvider>,
    name: CustomName,
    clock: Arc<dyn Clock>,
    sharing: Option<KeyedHash>,
}

/// What the callback is called in messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CustomName {
    /// The option `customCredentials`.
    Callback,
    /// A provider given to `refreshable`.
    Provider,
    /// The option `sourceCredentials`: what signs for another source.
    Base,
}

impl CustomName {
    /// The name of the option or argument.
    #[must_use]
    pub const fn param(self) -> &'static str {
        match self {
            Self::Callback => "customCredentials",
            Self::Provider => "provider",
            Self::Base => "sourceCredentials",
        }
    }
}

impl CustomSource {
    /// `same`: equal for callbacks that are the same function with the same arguments in the same thread.
    ///
    /// # Errors
    /// Only if the system has no random numbers.
    pub fn new(
        provider: Arc<dyn CustomProvider>,
        name: CustomName,
        same: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut description = Description::new("custom");
        description.field("name", name.param());
        description.field("callback", same);
        Ok(Self { provider, name, clock, sharing: Some(description.finish()?) })
    }
}

impl Source for CustomSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let asked = self.clock.boot();
            let keys = self.provider.credentials().await?;
            let identity = parse(keys, self.name)?;
            let at = self.clock.boot();
            // No date: the machine judges by the source's calendar if it knows it, else by the local one.
            Ok(Issued { identity, server_date: None, at, round_trip: at.since(asked) })
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        let param = self.name.param();
        let message = format!("`{param}` gave no credentials within {} ms", limit.as_millis());
        Error::new(Code::Timeout, message).with_param(param).with_hint(match self.name {
            CustomName::Callback => {
                "Its `signal` has been aborted. It must settle in time; or raise `timeoutMs`."
            }
            CustomName::Provider | CustomName::Base => "It must settle in time; or raise `timeoutMs`.",
        })
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {})
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.sharing
    }
}
