//! The container source: the credentials endpoint of ECS, EKS Pod Identity and the like.
//!
//! What the options leave out is read from the environment at every fetch, and a token's file too: EKS renews it, and
//! others set the variables late. A fetch that fails is tried up to three times: agents of containers restart.

mod place;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use refresh_session_container::{Authorization, ContainerClient};
use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Calendar, Clock, Error, Issued, Result};
use refresh_session_tls::{TlsConfig, Trust};
use tokio::sync::OnceCell;
use tokio::time::sleep;

pub use place::{ContainerEnvironment, ContainerOptions, Environment};

use crate::description::Description;
use crate::source::{Fetching, Source};
use crate::{task, token_file};
use place::{Place, Token};

const ATTEMPTS: u32 = 3;

/// Before the second attempt; before the third it is twice that.
const PAUSE: Duration = Duration::from_millis(250);

/// The container endpoint as a [`Source`].
pub struct ContainerSource {
    place: Place,
    environment: Arc<dyn Environment>,
    client: ContainerClient,
    /// Made when an `https:` URL is first asked.
    tls: OnceCell<TlsConfig>,
    calendar: Calendar,
    clock: Arc<dyn Clock>,
    sharing: Option<KeyedHash>,
}

impl ContainerSource {
    /// Checks what was given. `same`: equal for environments that are the same.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn new(
        options: ContainerOptions,
        environment: Arc<dyn Environment>,
        same: &str,
        calendar: Calendar,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut description = Description::new("container");
        description.field("environment", same);
        let place = Place::new(options, &mut description)?;
        let sharing = Some(description.finish()?);
        let client = ContainerClient::new(clock.clone());
        Ok(Self { place, environment, client, tls: OnceCell::new(), calendar, clock, sharing })
    }

    async fn attempt(&self) -> Result<Issued> {
        let environment = if self.place.is_whole() {
            ContainerEnvironment::default()
        } else {
            self.environment.read().await?
        };
        let location = self.place.location(&environment)?;
        let authorization = match self.place.token(&environment)? {
            Some(Token::Text(token)) => Some(token),
            Some(Token::File { path, from }) => {
                Some(Authorization::of_file(&token_file::read(path, from).await?, from)?)
            }
            None => None,
        };
        let tls = if location.needs_tls() {
            Some(self.tls.get_or_try_init(|| self.system_trust()).await?)
        } else {
            None
        };
        self.client.fetch(&location, tls, authorization.as_ref()).await
    }

    async fn system_trust(&self) -> Result<TlsConfig> {
        let (calendar, clock) = (self.calendar.clone(), self.clock.clone());
        task::tls(None, Trust::System, true, calendar, clock).await
    }
}

impl Source for ContainerSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let mut number = 1;
            loop {
                match self.attempt().await {
                    Err(error) if number < ATTEMPTS && may_pass(&error) => sleep(PAUSE * number).await,
                    outcome => return outcome,
                }
                number += 1;
            }
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        self.client.timed_out(limit)
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {})
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.sharing
    }
}

impl fmt::Debug for ContainerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSource").finish_non_exhaustive()
    }
}

/// One that asks for a pause is left alone.
fn may_pass(error: &Error) -> bool {
    error.retryable() && error.retry_after().is_none()
}
