//! What signs requests to STS: the credentials before those of the role.

use std::fmt;
use std::sync::Arc;

use refresh_session_core::{Identity, Result};

use crate::custom::{self, CustomName, CustomProvider};
use crate::description::Description;
use crate::source::Fetching;

/// Base credentials, asked for at every fetch.
pub trait BaseCredentials: Send + Sync + fmt::Debug {
    /// The credentials as they are now. Dropped when it takes too long.
    fn credentials(&self) -> Fetching<'_, Result<Identity>>;

    /// Adds what decides which credentials these are. False if that cannot be known: then nothing is shared.
    fn describe(&self, description: &mut Description) -> bool;
}

/// A callback or SDK provider of the user's as base credentials: in the addon, a JavaScript function.
#[derive(Debug)]
pub struct ProvidedBase {
    provider: Arc<dyn CustomProvider>,
    same: String,
}

impl ProvidedBase {
    /// `same`: equal for callbacks that are the same function in the same thread.
    #[must_use]
    pub fn new(provider: Arc<dyn CustomProvider>, same: String) -> Self {
        Self { provider, same }
    }
}

impl BaseCredentials for ProvidedBase {
    fn credentials(&self) -> Fetching<'_, Result<Identity>> {
        Box::pin(async { custom::parse(self.provider.credentials().await?, CustomName::Base) })
    }

    fn describe(&self, description: &mut Description) -> bool {
        description.field("sourceCredentials", &self.same);
        true
    }
}

/// Credentials that are given once and for all.
impl BaseCredentials for Identity {
    fn credentials(&self) -> Fetching<'_, Result<Identity>> {
        Box::pin(async { Ok(self.clone()) })
    }

    fn describe(&self, description: &mut Description) -> bool {
        description.field("accessKeyId", &self.access_key_id);
        description.field("secretAccessKey", self.secret_access_key.expose());
        description
            .optional("sessionToken", self.session_token.as_ref().map(|token| token.expose().to_vec()));
        true
    }
}
