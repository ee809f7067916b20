//! Eager: a timer fetches, so that a read never waits on a good day.

use std::time::Duration;

use refresh_session_core::{Clock, Code};
use refresh_session_refresh::{Settings, Zone};
use tokio::runtime::Handle;

use super::bed::{Bed, HOUR, eager};
use super::script::Answer;
use crate::alarm::virtual_time::VirtualTime;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Many that start, or wake up, together.
fn fleet(settings: &Settings) -> (VirtualTime, Vec<Bed>) {
    let time = VirtualTime::new();
    let beds = (0..20).map(|_| Bed::over(time.clone(), settings, None)).collect();
    (time, beds)
}

fn fetches(fleet: &[Bed]) -> usize {
    fleet.iter().map(|bed| bed.source.fetches()).sum()
}

#[tokio::test]
async fn the_first_fetch_is_at_once_where_there_is_no_jitter() {
    let bed = Bed::new(&eager());
    bed.settle().await;
    assert_eq!((bed.source.fetches(), bed.session.status().zone), (1, Zone::Fresh));
    assert_ne!(bed.session.fresh_serial(), 0);
}

#[tokio::test]
async fn the_first_fetches_of_a_fleet_are_spread_over_the_jitter_with_nobody_reading() {
    let (time, fleet) = fleet(&Settings { startup_jitter: MINUTE, ..eager() });
    let start = time.boot();
    time.settle().await;
    assert_eq!(fetches(&fleet), 0);
    time.pass(MINUTE).await;
    let mut waited: Vec<_> =
        fleet.iter().flat_map(|bed| bed.source.fetched_at()).map(|at| at.since(start)).collect();
    assert_eq!(waited.len(), fleet.len(), "each has fetched once: {waited:?}");
    waited.sort_unstable();
    let (first, last) = (waited[0], waited[fleet.len() - 1]);
    assert!(last.saturating_sub(first) > MINUTE / 4 && last <= MINUTE, "{waited:?}");
}

#[tokio::test]
async fn a_reader_does_not_wait_out_the_jitter() {
    let bed = Bed::new(&Settings { startup_jitter: HOUR, ..eager() });
    assert_eq!(bed.key().await, Ok("ASIA1".into()));
    bed.pass(HOUR / 2).await;
    assert_eq!(bed.source.fetches(), 1, "nor does the timer fetch again at its end");
}

#[tokio::test]
async fn keys_for_an_hour_are_renewed_all_day_and_never_end() {
    let bed = Bed::new(&eager());
    for minute in 0..24 * 60 {
        bed.pass(MINUTE).await;
        let status = bed.session.status();
        assert!(matches!(status.zone, Zone::Fresh | Zone::Advisory), "{minute}: {status:?}");
        assert_ne!(bed.session.fresh_serial(), 0, "{minute}: a read would have to ask");
    }
    // A refresh begins 45 to 58 min 40 s into each hour.
    let fetches = bed.source.fetches();
    assert!((25..=33).contains(&fetches), "{fetches}");
    let expected: Vec<_> = (1..=fetches).map(|number| format!("refreshed ASIA{number}")).collect();
    assert_eq!(bed.heard.words(), expected);
}

#[tokio::test]
async fn a_failure_is_tried_again_by_the_timer_until_it_passes() {
    let bed = Bed::new(&eager());
    bed.settle().await;
    bed.source.answer(Answer::Failure(Code::Dns));
    bed.pass(HOUR.saturating_sub(SECOND)).await;
    let while_valid = bed.source.fetches();
    assert!(while_valid > 3, "{while_valid}");
    assert_eq!(bed.key().await, Ok("ASIA1".into()), "a failure takes no keys away");
    bed.pass(HOUR).await;
    assert_eq!(bed.session.status().zone, Zone::Expired);
    let without_keys = bed.source.fetches() - while_valid;
    assert!((60..4000).contains(&without_keys), "{without_keys}");
    bed.source.answer(Answer::Keys(HOUR));
    bed.pass(MINUTE).await;
    assert_eq!(bed.session.status().zone, Zone::Fresh);
    let told = bed.heard.words();
    assert_eq!(told.iter().filter(|word| *word == "expired ASIA1").count(), 1, "{told:?}");
    assert!(told.last().unwrap().starts_with("refreshed"), "{told:?}");
}

#[tokio::test]
async fn a_hanging_source_is_dropped_and_asked_again_by_the_timer() {
    let bed = Bed::new(&eager());
    bed.source.answer(Answer::Never);
    bed.pass(MINUTE * 10).await;
    assert!(bed.source.fetches() > 5, "{}", bed.source.fetches());
    assert!(bed.source.under_way() <= 1, "the others have been dropped");
    bed.source.answer(Answer::Keys(HOUR));
    bed.pass(MINUTE * 2).await;
    assert_eq!(bed.session.status().zone, Zone::Fresh);
}

#[tokio::test]
async fn a_panic_in_the_source_does_not_stop_the_timer() {
    let bed = Bed::new(&eager());
    bed.source.answer(Answer::Panic);
    bed.pass(MINUTE).await;
    assert!(bed.source.fetches() > 1, "{}", bed.source.fetches());
    bed.source.answer(Answer::Keys(HOUR));
    bed.pass(MINUTE * 2).await;
    assert_eq!(bed.session.status().zone, Zone::Fresh);
}

#[tokio::test]
async fn after_three_days_of_sleep_a_fleet_is_back_within_half_a_minute_but_not_at_once() {
    let (time, fleet) = fleet(&eager());
    time.settle().await;
    assert_eq!(fetches(&fleet), 20);
    time.suspend(DAY * 3);
    time.settle().await;
    assert_eq!(fetches(&fleet), 20, "those that are due at the resume wait for a time drawn");
    time.pass(SECOND * 30).await;
    assert_eq!(fetches(&fleet), 40);
    for bed in &fleet {
        assert_eq!(bed.session.status().zone, Zone::Fresh);
        assert_eq!(bed.heard.words(), ["refreshed ASIA1", "expired ASIA1", "refreshed ASIA2"]);
    }
}

#[tokio::test]
async fn after_a_sleep_a_reader_need_not_wait_for_the_timer() {
    let bed = Bed::new(&eager());
    bed.settle().await;
    bed.time.suspend(DAY * 3);
    bed.settle().await;
    assert_eq!(bed.key().await, Ok("ASIA2".into()));
}

#[tokio::test]
async fn a_short_sleep_is_no_reason_to_fetch() {
    let bed = Bed::new(&eager());
    bed.settle().await;
    for _ in 0..44 {
        bed.time.suspend(MINUTE);
        bed.settle().await;
    }
    assert_eq!(bed.source.fetches(), 1);
    bed.pass(MINUTE * 15).await;
    assert_eq!((bed.source.fetches(), bed.session.status().zone), (2, Zone::Fresh));
}

#[tokio::test]
async fn a_service_that_refuses_the_keys_has_the_timer_fetch_others() {
    let bed = Bed::new(&eager());
    bed.pass(MINUTE).await;
    assert!(bed.session.invalidate("ASIA1"));
    bed.settle().await;
    assert_eq!((bed.source.fetches(), bed.session.status().zone), (2, Zone::Fresh));
}

#[tokio::test]
async fn the_last_drop_ends_the_timer() {
    let (time, fleet) = fleet(&eager());
    time.settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 20, "one timer each");
    drop(fleet);
    time.settle().await;
    assert_eq!((Handle::current().metrics().num_alive_tasks(), time.deadlines().len()), (0, 0));
}
