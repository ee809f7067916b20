//! Who a session is, whatever its method, and who its base credentials are: asked of STS with the keys themselves.

use std::time::Duration;

use refresh_session_core::{Identity, Result};
use refresh_session_refresh::Demand;
use refresh_session_sts::CallerIdentity;
use tokio::time::timeout;

use super::{BaseCredentials, StsLink, no_base_in_time};
use crate::session::Session;

/// `GetCallerIdentity`, signed with the session's current keys; they are fetched first if there are none. `limit` is for the
/// request.
///
/// # Errors
/// The session's, or those of a call to STS.
pub async fn caller_identity(session: &Session, link: &StsLink, limit: Duration) -> Result<CallerIdentity> {
    let presented = session.identity(Demand::Valid).await?;
    session.while_open(ask(link, &presented.held.identity, limit)).await
}

/// The same for what `base` gives now: nothing is fetched for the session. `limit` is for each, `base` and the request.
///
/// # Errors
/// Those of `base` or of a call to STS; `ERR_CLOSED`.
pub async fn base_identity(
    session: &Session,
    base: &dyn BaseCredentials,
    link: &StsLink,
    limit: Duration,
) -> Result<CallerIdentity> {
    let asking = async {
        let given = timeout(limit, base.credentials()).await;
        ask(link, &given.unwrap_or_else(|_| Err(no_base_in_time(limit)))?, limit).await
    };
    session.while_open(asking).await
}

async fn ask(link: &StsLink, signer: &Identity, limit: Duration) -> Result<CallerIdentity> {
    let asking = async { link.client().await?.caller_identity(signer).await };
    timeout(limit, asking).await.unwrap_or_else(|_| Err(link.timed_out(limit)))
}
