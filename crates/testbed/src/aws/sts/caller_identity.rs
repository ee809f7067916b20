//! `GetCallerIdentity`.

use super::reply::Fields;
use crate::aws::principal::Principal;

/// Says who asks.
pub(super) fn perform(caller: &Principal, request_id: &str) -> String {
    Fields::default()
        .text("Arn", &caller.arn())
        .text("UserId", &caller.id())
        .text("Account", caller.account())
        .answer("GetCallerIdentity", request_id)
}
