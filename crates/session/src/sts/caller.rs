//! Who a session is, whatever its method: asked of STS with the keys that the session holds.

use std::time::Duration;

use refresh_session_core::Result;
use refresh_session_refresh::Demand;
use refresh_session_sts::CallerIdentity;
use tokio::time::timeout;

use super::StsLink;
use crate::session::Session;

/// `GetCallerIdentity`, signed with the session's current keys; they are fetched first if there are none. `limit` is for the
/// request.
///
/// # Errors
/// The session's, or those of a call to STS.
pub async fn caller_identity(session: &Session, link: &StsLink, limit: Duration) -> Result<CallerIdentity> {
    let presented = session.identity(Demand::Valid).await?;
    let asking = async { link.client().await?.caller_identity(&presented.held.identity).await };
    timeout(limit, asking).await.unwrap_or_else(|_| Err(link.timed_out(limit)))
}
