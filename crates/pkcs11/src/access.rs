//! What it takes to send a request to a token: who asks, as whom, and how long they wait.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Clock, Result};

use crate::budget::Budget;
use crate::failure::Failure;
use crate::pin::Credential;
use crate::registry::{TokenThread, TokenUser};
use crate::token_state::Access;

/// One user's way to a token.
#[derive(Clone)]
pub(crate) struct TokenAccess {
    pub(crate) user: TokenUser,
    pub(crate) credential: Option<Arc<Credential>>,
    pub(crate) deadline: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// ``token `gw` ``.
    pub(crate) subject: String,
}

impl TokenAccess {
    pub(crate) fn thread(&self) -> &'static TokenThread {
        self.user.thread()
    }

    /// Runs `request` on the token's thread with an open session, as this user; `what` is for a timeout's message.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        request: impl Fn(&mut Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let (credential, budget) = (self.credential.clone(), Budget::new(&self.clock, self.deadline));
        self.thread()
            .call(what, self.deadline, move |state| state.run(credential.as_deref(), &budget, request))
    }
}
