//! What a session tells whoever listens: in order, and no secrets.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::{Calendar, Clock, Code, Warning};
use refresh_session_refresh::Demand;

use super::bed::{Bed, DUE, HOUR, deferred, eager};
use super::script::Answer;
use crate::{CommonOptions, CustomExpiration, CustomKeys, SessionEvent, Surroundings};

const SECOND: Duration = Duration::from_secs(1);

fn warning(code: &'static str) -> Warning {
    Warning { code, message: "watch out".into() }
}

#[tokio::test]
async fn events_come_in_order() {
    let bed = Bed::new(&deferred());
    bed.source.warn(warning("WARN_ONE"));
    bed.source.warn(warning("WARN_TWO"));
    bed.key().await.unwrap();
    assert_eq!(bed.heard.words(), ["warning WARN_ONE", "warning WARN_TWO", "refreshed ASIA1"]);
    bed.pass(DUE).await;
    bed.source.warn(warning("WARN_THREE"));
    bed.source.answer(Answer::Failure(Code::Dns));
    bed.key().await.unwrap();
    bed.pass(HOUR).await;
    bed.source.answer(Answer::Keys(HOUR));
    bed.key().await.unwrap();
    assert_eq!(
        bed.heard.words(),
        ["warning WARN_THREE", "failed ERR_DNS", "expired ASIA1", "refreshed ASIA3"]
    );
}

#[tokio::test]
async fn new_keys_are_told_with_their_sources_own_end() {
    let bed = Bed::new(&deferred());
    bed.set_wall_wrong_by(7200).await;
    let own = bed.session.identity(Demand::Valid).await.unwrap().held.identity.expiration;
    match &bed.heard.take()[..] {
        [SessionEvent::Refreshed { access_key_id, expiration }] => {
            assert_eq!((access_key_id.as_str(), *expiration), ("ASIA1", own));
        }
        told => panic!("{told:?}"),
    }
    bed.pass(HOUR).await;
    match &bed.heard.take()[..] {
        [SessionEvent::Expired { access_key_id, expiration }] => {
            assert_eq!((access_key_id.as_str(), *expiration), ("ASIA1", own));
        }
        told => panic!("{told:?}"),
    }
}

#[tokio::test]
async fn a_failure_is_told_with_its_pause_and_what_is_left() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.pass(DUE).await;
    bed.heard.take();
    bed.source.answer(Answer::Failure(Code::ServiceUnavailable));
    bed.key().await.unwrap();
    match &bed.heard.take()[..] {
        [SessionEvent::RefreshFailed { error, pause, left }] => {
            assert_eq!(error.code(), Code::ServiceUnavailable);
            assert_eq!(*left, Some(HOUR.saturating_sub(DUE)));
            assert!(*pause >= SECOND && *pause <= HOUR.saturating_sub(DUE) / 4, "{pause:?}");
            bed.pass(pause.saturating_sub(Duration::from_millis(1))).await;
            bed.key().await.unwrap();
            assert_eq!(bed.source.fetches(), 2, "still paused");
            bed.pass(Duration::from_millis(1)).await;
            bed.key().await.unwrap();
            assert_eq!(bed.source.fetches(), 3, "over");
        }
        told => panic!("{told:?}"),
    }
    let empty = Bed::new(&deferred());
    empty.source.answer(Answer::Failure(Code::Dns));
    empty.key().await.unwrap_err();
    let told = empty.heard.take();
    assert!(matches!(&told[..], [SessionEvent::RefreshFailed { left: None, .. }]), "{told:?}");
}

#[tokio::test]
async fn everybody_on_the_source_is_told_until_they_close() {
    let one = Bed::shared("told", &deferred());
    let other = one.another(&deferred());
    one.key().await.unwrap();
    assert_eq!(
        (one.heard.words(), other.heard.words()),
        (vec!["refreshed ASIA1".into()], vec!["refreshed ASIA1".into()])
    );
    one.session.close().await;
    other.read(Demand::Forced).await.unwrap();
    assert_eq!((one.heard.words(), other.heard.words()), (vec![], vec!["refreshed ASIA2".to_owned()]));
    other.source.hold();
    let asked = other.ask(Demand::Forced);
    other.settle().await;
    other.session.close().await;
    asked.await.unwrap().unwrap_err();
    other.settle().await;
    assert_eq!(other.heard.words(), [""; 0], "a fetch that close has dropped is no failure");
}

#[tokio::test]
async fn a_listener_that_is_closed_is_let_go() {
    let bed = Bed::new(&deferred());
    let held = Arc::new(());
    let listener = {
        let held = held.clone();
        Arc::new(move |_: &SessionEvent| _ = &held)
    };
    let source = Box::new(super::script::Scripted::new(&bed.source));
    let (session, _) = super::bed::open(&bed.time, source, &deferred(), listener);
    assert_eq!(Arc::strong_count(&held), 2);
    session.close().await;
    assert_eq!(Arc::strong_count(&held), 1, "the session itself is still there");
}

#[tokio::test]
async fn nothing_that_can_be_shown_shows_a_secret() {
    let bed = Bed::new(&eager());
    let keys = bed.session.identity(Demand::Valid).await.unwrap();
    bed.source.warn(warning("WARN_ONE"));
    bed.source.answer(Answer::Failure(Code::AccessDenied));
    let error = bed.session.identity(Demand::Forced).await.unwrap_err();
    bed.pass(HOUR * 2).await;
    let clock: Arc<dyn Clock> = Arc::new(bed.time.clone());
    let around = Surroundings {
        clock,
        calendar: Calendar::new(),
        alarm: Arc::new(bed.time.clone()),
        network: Arc::new(crate::SystemNetwork::new()),
        runtime: tokio::runtime::Handle::current(),
    };
    let identity = super::script::identity(1, None);
    let custom = CustomKeys {
        access_key_id: identity.access_key_id.clone(),
        secret_access_key: identity.secret_access_key.clone(),
        session_token: identity.session_token.clone(),
        expiration: CustomExpiration::Never,
        account_id: None,
    };
    let events = bed.heard.take();
    let kinds: Vec<_> = events.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.iter().collect::<std::collections::HashSet<_>>().len(), 4, "every kind: {events:?}");
    let shown = format!(
        "{:?} {:#?} {events:?} {error:?} {error} {:?} {around:?} {custom:?} {identity:?} {:?}",
        bed.session,
        keys,
        bed.session.status(),
        CommonOptions::default()
    );
    assert!(shown.contains("ASIA1"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(keys.held.identity.secret_access_key.expose(), b"canary-secret-1", "it was there to be shown");
}
