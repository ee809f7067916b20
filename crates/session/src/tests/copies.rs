//! Until when a copy of the keys may be used, and the end that it is told.

use std::time::Duration;

use refresh_session_core::{Clock, Timestamp};
use refresh_session_refresh::Demand;

use super::bed::{Bed, DUE, HOUR, deferred};
use super::script::{Answer, millis};
use crate::Presented;

const SECOND: Duration = Duration::from_secs(1);
const YEAR: i64 = 365 * 86_400;

async fn presented(bed: &Bed) -> Presented {
    bed.session.identity(Demand::Valid).await.unwrap()
}

#[tokio::test]
async fn a_serial_lasts_as_long_as_the_keys_are_fresh() {
    let bed = Bed::new(&deferred());
    assert_eq!(bed.session.fresh_serial(), 0, "before there are keys");
    let serial = presented(&bed).await.serial;
    assert_ne!(serial, 0);
    for _ in 0..44 {
        assert_eq!((bed.session.fresh_serial(), presented(&bed).await.serial), (serial, serial));
        bed.pass(SECOND * 60).await;
    }
    bed.pass(DUE.saturating_sub(SECOND * 60 * 44)).await;
    assert_eq!(bed.session.fresh_serial(), 0, "a reader is to start the refresh");
    assert_eq!(bed.source.fetches(), 1);
}

#[tokio::test]
async fn while_another_fetches_copies_serve_until_callers_would_wait() {
    let bed = Bed::new(&deferred());
    let serial = presented(&bed).await.serial;
    bed.pass(DUE).await;
    bed.source.hold();
    assert_eq!(presented(&bed).await.serial, serial);
    bed.settle().await;
    assert_eq!(bed.session.fresh_serial(), serial, "somebody is at it");
    bed.source.answer(Answer::Keys(HOUR));
    bed.source.open();
    bed.settle().await;
    let renewed = bed.session.fresh_serial();
    assert!(renewed != serial && renewed != 0, "{renewed} after {serial}");
    assert_eq!(presented(&bed).await.serial, renewed);
}

#[tokio::test]
async fn a_fetch_that_hangs_into_the_mandatory_window_stops_copies() {
    let bed = Bed::new(&deferred());
    presented(&bed).await;
    bed.pass(HOUR.saturating_sub(SECOND * 61)).await;
    bed.source.answer(Answer::Never);
    presented(&bed).await;
    assert_ne!(bed.session.fresh_serial(), 0);
    bed.time.advance(SECOND * 2);
    assert_eq!(bed.session.fresh_serial(), 0);
}

#[tokio::test]
async fn after_a_failure_copies_serve_as_long_as_the_source_is_left_alone() {
    let bed = Bed::new(&deferred());
    let serial = presented(&bed).await.serial;
    bed.pass(DUE).await;
    bed.source.answer(Answer::Failure(refresh_session_core::Code::ServiceUnavailable));
    bed.key().await.unwrap();
    assert_eq!(bed.session.fresh_serial(), serial);
    bed.pass(SECOND * 19).await;
    assert_eq!(bed.session.fresh_serial(), 0, "a quarter of the 75 s left is over");
}

#[tokio::test]
async fn a_refresh_changes_the_serial_and_tells_a_reader_of_the_old_keys() {
    let bed = Bed::new(&deferred());
    let before = presented(&bed).await.serial;
    let after = bed.session.identity(Demand::Forced).await.unwrap().serial;
    assert!(after != before && after != 0);
    assert_eq!(bed.session.fresh_serial(), after);
    bed.session.close().await;
    assert_eq!(bed.session.fresh_serial(), 0, "after close");
}

#[tokio::test]
async fn keys_that_a_service_refused_are_not_copied_any_more() {
    let bed = Bed::new(&deferred());
    let serial = presented(&bed).await.serial;
    assert!(!bed.session.invalidate("ASIA7"), "those of somebody else");
    assert_eq!(bed.session.fresh_serial(), serial);
    assert!(bed.session.invalidate("ASIA1"));
    assert_eq!(bed.session.fresh_serial(), 0);
    let renewed = presented(&bed).await;
    assert_eq!(renewed.held.identity.access_key_id, "ASIA2");
    assert_eq!(bed.session.fresh_serial(), renewed.serial);
    assert_ne!(renewed.serial, serial);
}

#[tokio::test]
async fn a_copy_dies_when_the_wall_clock_is_set() {
    let bed = Bed::new(&deferred());
    let mut serials = vec![presented(&bed).await.serial];
    for wrong_by in [7200, 50 * YEAR, -60 * YEAR, 0] {
        bed.set_wall_wrong_by(wrong_by).await;
        let renewed = presented(&bed).await.serial;
        assert_eq!(bed.session.fresh_serial(), renewed);
        assert!(renewed != 0 && !serials.contains(&renewed), "{renewed} after {serials:?}");
        serials.push(renewed);
    }
    assert_eq!(bed.source.fetches(), 1, "the keys are the same");
}

#[tokio::test]
async fn a_resume_is_no_reason_to_make_new_copies() {
    let bed = Bed::new(&deferred());
    let serial = presented(&bed).await.serial;
    bed.time.suspend(SECOND * 60);
    bed.settle().await;
    assert_eq!(bed.session.fresh_serial(), serial);
    bed.time.suspend(HOUR);
    assert_eq!(bed.session.fresh_serial(), 0, "before anybody has woken");
}

#[tokio::test]
async fn the_end_is_the_sources_own_where_the_wall_clock_is_right() {
    for wrong_by in [0, 29, -29, 30, -30] {
        let bed = Bed::new(&deferred());
        let end = Timestamp::from_unix_millis(bed.time.wall().unix_millis() + millis(HOUR));
        bed.set_wall_wrong_by(wrong_by).await;
        bed.pass(SECOND).await;
        let keys = presented(&bed).await;
        let own = Timestamp::from_unix_millis(end.unix_millis() + 1000);
        assert_eq!((keys.expiration, keys.held.identity.expiration), (Some(own), Some(own)), "{wrong_by}");
    }
}

#[tokio::test]
async fn the_end_is_the_same_instant_by_a_wall_clock_that_is_wrong() {
    let to_1970 = -56 * YEAR;
    for wrong_by in [31, -31, 7200, -7200, to_1970, 50 * YEAR] {
        let bed = Bed::new(&deferred());
        // Wrong from the start, or set wrong later: keys already held are told anew.
        for already_held in [false, true] {
            if already_held {
                bed.set_wall_wrong_by(-wrong_by).await;
                presented(&bed).await;
            }
            bed.set_wall_wrong_by(wrong_by).await;
            let keys = presented(&bed).await;
            let told = keys.expiration.unwrap();
            let left = told.millis_since(bed.time.wall());
            assert_eq!(left, millis(HOUR), "{wrong_by} {already_held}");
            let own = keys.held.identity.expiration.unwrap();
            assert_eq!(told.millis_since(own), wrong_by * 1000, "{wrong_by} {already_held}");
        }
        assert_eq!(bed.source.fetches(), 1);
    }
}

#[tokio::test]
async fn the_end_stays_the_sources_own_where_it_is_not_known_what_time_it_is() {
    let bed = Bed::new(&deferred());
    bed.source.undated();
    let end = presented(&bed).await.expiration;
    bed.set_wall_wrong_by(7200).await;
    assert_eq!(presented(&bed).await.expiration, end);
    let endless = Bed::new(&deferred());
    endless.source.answer(Answer::Endless);
    endless.set_wall_wrong_by(7200).await;
    assert_eq!(presented(&endless).await.expiration, None);
}
