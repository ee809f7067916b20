//! Who a session is: asked of an STS that is made for the question, and closed after it.

use std::sync::Arc;
use std::time::Duration;

use napi_derive::napi;
use refresh_session_core::Result;
use refresh_session_session::clock::calendar;
use refresh_session_session::{
    BaseCredentials, Session, StsLink, SystemClock, base_identity, caller_identity,
};

use crate::guard::guarded_task;
use crate::sts::NativeStsClientOptions;

/// What `GetCallerIdentity` answers.
#[napi(object)]
pub struct NativeCaller {
    pub account: String,
    pub arn: String,
    pub user_id: String,
}

/// Asks with the session's keys, or with `base`.
pub(crate) async fn caller(
    session: Arc<Session>,
    base: Option<Arc<dyn BaseCredentials>>,
    client: NativeStsClientOptions,
    limit: Duration,
) -> Result<NativeCaller> {
    guarded_task(async move {
        // No warnings: the server is always checked.
        let (link, _) = StsLink::new(client.into_options(), Arc::new(SystemClock), calendar())?;
        let said = match base {
            Some(base) => base_identity(&session, &*base, &link, limit).await,
            None => caller_identity(&session, &link, limit).await,
        };
        link.close().await;
        said.map(|said| NativeCaller { account: said.account, arn: said.arn, user_id: said.user_id })
    })
    .await
}
