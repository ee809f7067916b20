//! How things stand.

use std::time::Duration;

use refresh_session_core::{Clock, Code, Timestamp};
use refresh_session_refresh::{Demand, Zone};

use super::bed::{Bed, DUE, HOUR, deferred, eager};
use super::script::{Answer, millis};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn before_anything_has_happened() {
    let status = Bed::new(&deferred()).session.status();
    assert_eq!((status.zone, status.fetches, status.failures), (Zone::Empty, 0, 0));
    assert!(status.expires_at.is_none() && status.refresh_at.is_none() && status.last_error.is_none());
    assert_eq!(status.clock_offset_millis, None);
    assert_eq!(status.certificate_expiry.unwrap().to_string(), "2049-12-31T00:00:00Z");
}

#[tokio::test]
async fn zones_follow_one_another() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    let mut zones = vec![bed.session.status().zone];
    for by in [DUE, SECOND * 15, SECOND * 60] {
        bed.pass(by).await;
        zones.push(bed.session.status().zone);
    }
    bed.session.close().await;
    zones.push(bed.session.status().zone);
    assert_eq!(zones, [Zone::Fresh, Zone::Advisory, Zone::Mandatory, Zone::Expired, Zone::Closed]);
}

#[tokio::test]
async fn a_refused_key_puts_it_into_the_mandatory_zone() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.session.invalidate("ASIA1");
    let status = bed.session.status();
    assert_eq!((status.zone, status.refresh_at), (Zone::Mandatory, Some(bed.time.wall())));
}

#[tokio::test]
async fn the_end_is_the_sources_and_the_refresh_by_this_machines_clock() {
    for wrong_by in [0, 7200, -56 * 365 * 86_400] {
        let bed = Bed::new(&eager());
        let end = Timestamp::from_unix_millis(bed.time.wall().unix_millis() + millis(HOUR));
        bed.set_wall_wrong_by(wrong_by).await;
        let status = bed.session.status();
        assert_eq!(status.expires_at, Some(end));
        assert_eq!(status.clock_offset_millis, Some(-wrong_by * 1000));
        let until = status.refresh_at.unwrap().millis_since(bed.time.wall());
        assert!((2_700_000..=3_520_000).contains(&until), "{until}");
        // It is when the timer fetches, to the millisecond.
        bed.pass(Duration::from_millis(until.unsigned_abs() - 1)).await;
        assert_eq!(bed.source.fetches(), 1);
        bed.pass(Duration::from_millis(2)).await;
        assert_eq!(bed.source.fetches(), 2);
    }
}

#[tokio::test]
async fn attempts_and_failures_are_counted_and_the_last_error_goes_with_success() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.source.answer(Answer::Failure(Code::ServiceUnavailable));
    for _ in 0..3 {
        bed.read(Demand::Forced).await.unwrap_err();
    }
    let status = bed.session.status();
    assert_eq!((status.fetches, status.failures, status.zone), (4, 3, Zone::Fresh));
    assert_eq!(status.last_error.unwrap().code(), Code::ServiceUnavailable);
    let pause = status.refresh_at.unwrap().millis_since(bed.time.wall());
    assert!((300_000..=600_000).contains(&pause), "the source is left alone: {pause}");
    bed.source.answer(Answer::Keys(HOUR));
    bed.read(Demand::Forced).await.unwrap();
    let status = bed.session.status();
    assert_eq!((status.fetches, status.failures, status.last_error.is_none()), (5, 3, true));
}

#[tokio::test]
async fn a_fetch_under_way_is_counted_and_changes_nothing_else() {
    let bed = Bed::new(&deferred());
    bed.source.hold();
    let asked = bed.ask(Demand::Valid);
    bed.settle().await;
    let status = bed.session.status();
    assert_eq!((status.zone, status.fetches, status.failures), (Zone::Empty, 1, 0));
    bed.source.open();
    asked.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_session_tells_nothing_but_that() {
    let bed = Bed::shared("status", &deferred());
    let other = bed.another(&deferred());
    bed.key().await.unwrap();
    bed.session.close().await;
    let status = bed.session.status();
    assert_eq!((status.zone, status.fetches, status.expires_at), (Zone::Closed, 0, None));
    assert_eq!(other.session.status().fetches, 1);
}
