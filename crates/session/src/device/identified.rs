//! An identity as its users have it.

use std::sync::Arc;

use refresh_session_core::{Calendar, Certificate, Clock, Result};
use refresh_session_tls::{ClientIdentity, TlsConfig, Trust};

use crate::task;

/// An identity, and whom it believes.
#[derive(Clone, Debug)]
pub struct Identified {
    /// Another one with every change: what is made of an identity is kept under this number.
    pub revision: u64,
    /// Certificate and key.
    pub identity: ClientIdentity,
    /// Which servers are believed.
    pub trust: Trust,
    /// Of the files it was made of.
    pub(super) files: u64,
    /// The revision that came with the key. A certificate is renewed without it.
    pub(super) key: u64,
}

impl Identified {
    /// A TLS configuration of it. Reading the system's trust store touches a hundred files: not on this thread.
    ///
    /// # Errors
    /// `ERR_BAD_CA` if the trusted roots are unusable.
    pub(crate) async fn tls(
        &self,
        verify_peer: bool,
        calendar: &Calendar,
        clock: Arc<dyn Clock>,
    ) -> Result<TlsConfig> {
        let (identity, trust) = (self.identity.clone(), self.trust.clone());
        // Nobody can have certified us before it was so late.
        let calendar = calendar.not_before(identity.leaf().not_before());
        task::tls(Some(identity), trust, verify_peer, calendar, clock).await
    }

    /// The same key with another certificate, and whose key it is; `None`: it is another key's.
    pub(super) fn renewed(&self, chain: &[Certificate]) -> Option<(ClientIdentity, u64)> {
        self.identity.with_chain(chain).map(|identity| (identity, self.key))
    }
}
