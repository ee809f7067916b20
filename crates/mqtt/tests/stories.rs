//! What the machine promises, one story each, in virtual time.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "stories/acknowledgements.rs"]
mod acknowledgements;
#[path = "stories/connections.rs"]
mod connections;
#[path = "stories/limits.rs"]
mod limits;
#[path = "stories/queue.rs"]
mod queue;
#[path = "stories/subscriptions.rs"]
mod subscriptions;
mod support;

use std::time::Duration;

use refresh_session_core::{Code, Error};
use refresh_session_mqtt::{
    Backoff, Cause, Event, FullPolicy, Limits, Outcome, Phase, Properties, Publish, QoS, Queue, Reason,
    Settings, Subscription, Version,
};
use support::bench::{Bench, message};
use support::peer::{self, Said};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const V5: Version = Version::V5;

pub(crate) fn settings() -> Settings {
    Settings::new("gw")
}

pub(crate) fn wish(filter: &str) -> Subscription {
    Subscription { filter: filter.into(), qos: QoS::AtLeastOnce, ..Subscription::default() }
}

pub(crate) fn published(said: &[Said]) -> Vec<(u16, String)> {
    let each = said.iter().filter_map(|said| match said {
        Said::Publish { id, payload, .. } => Some((*id, String::from_utf8(payload.clone()).unwrap())),
        _ => None,
    });
    each.collect()
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.unwrap_err().code().as_str()
}

pub(crate) fn last_error(bench: &Bench) -> Error {
    let error = bench.events.iter().rev().find_map(|event| match event {
        Event::Disconnected { error, .. } => Some(error.clone()),
        _ => None,
    });
    error.expect("a disconnect")
}
