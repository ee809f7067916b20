//! A token being opened, for all who wait for it: one PIN is asked for, and all get the same outcome.
//!
//! Whoever gives up leaves it to the others; it ends when the last one has. Failures are shared too: a second attempt
//! with the same PIN would be one more refusal for the token to count.

use std::sync::Arc;

use refresh_session_core::{Certificate, Code, Error, Result};
use refresh_session_tls::{ClientIdentity, Trust};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Identified;
use super::token::TokenIdentity;
use crate::task;

/// A token being opened.
pub(super) struct Opening {
    /// Of the files whose certificate it is opened for.
    pub(super) files: u64,
    revision: u64,
    trust: Trust,
    task: AbortHandle,
    outcome: watch::Receiver<Option<Result<ClientIdentity>>>,
}

impl Opening {
    /// Begins. What comes of it is an identity of this `revision`.
    pub(super) fn new(
        token: Arc<TokenIdentity>,
        chain: Option<Vec<Certificate>>,
        trust: Trust,
        files: u64,
        revision: u64,
    ) -> Self {
        let (tell, outcome) = watch::channel(None);
        let task = task::spawn(&Handle::current(), async move {
            let opened = token.open(chain).await;
            tell.send_replace(Some(opened));
        });
        Self { files, revision, trust, task: task.abort_handle(), outcome }
    }

    /// Waits for the end.
    pub(super) async fn outcome(&self) -> Result<Identified> {
        let mut outcome = self.outcome.clone();
        let opened = match outcome.wait_for(Option::is_some).await {
            Ok(opened) => opened.clone(),
            Err(_) => None,
        };
        let identity = opened.unwrap_or_else(|| {
            Err(Error::new(Code::Internal, "opening the token ended without an outcome"))
        })?;
        let (files, revision, trust) = (self.files, self.revision, self.trust.clone());
        Ok(Identified { revision, identity, trust, files, key: revision })
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
