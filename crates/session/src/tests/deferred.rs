//! Deferred: whoever reads starts a fetch, and nobody else.

use std::time::Duration;

use refresh_session_core::Code;
use refresh_session_refresh::Zone;
use tokio::runtime::Handle;

use super::bed::{Bed, DUE, HOUR, deferred};
use super::script::Answer;

const DAY: Duration = Duration::from_hours(24);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn nothing_runs_before_the_first_read() {
    let bed = Bed::new(&deferred());
    bed.pass(DAY).await;
    assert_eq!((bed.source.fetches(), bed.time.deadlines().len()), (0, 0));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test]
async fn nothing_is_fetched_without_a_reader() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.pass(DAY).await;
    bed.time.suspend(DAY);
    bed.pass(DAY).await;
    assert_eq!((bed.source.fetches(), bed.session.status().zone), (1, Zone::Expired));
    assert_eq!(bed.key().await, Ok("ASIA2".into()));
}

#[tokio::test]
async fn the_end_of_the_keys_is_told_though_nobody_reads() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    assert_eq!(bed.heard.words(), ["refreshed ASIA1"]);
    bed.pass(HOUR.saturating_sub(MILLISECOND)).await;
    assert_eq!(bed.heard.words(), [""; 0]);
    bed.pass(MILLISECOND).await;
    assert_eq!(bed.heard.words(), ["expired ASIA1"]);
    bed.pass(DAY).await;
    assert_eq!(bed.heard.words(), [""; 0], "once");
}

#[tokio::test]
async fn keys_that_were_replaced_do_not_end_aloud() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.pass(DUE).await;
    bed.key().await.unwrap();
    bed.pass(HOUR.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(bed.heard.words(), ["refreshed ASIA1", "refreshed ASIA2"]);
    bed.pass(Duration::from_secs(1)).await;
    assert_eq!(bed.heard.words(), ["expired ASIA2"]);
}

#[tokio::test]
async fn a_failing_source_is_asked_by_readers_only() {
    let bed = Bed::new(&deferred());
    bed.source.answer(Answer::Failure(Code::Dns));
    assert_eq!(bed.key().await, Err(Code::Dns));
    bed.pass(DAY).await;
    assert_eq!(bed.source.fetches(), 1);
    assert_eq!(bed.key().await, Err(Code::Dns));
    for _ in 0..5 {
        assert_eq!(bed.key().await, Err(Code::Dns));
    }
    assert_eq!(bed.source.fetches(), 2, "after the second failure in a row readers are held up");
    bed.source.answer(Answer::Keys(HOUR));
    bed.pass(Duration::from_mins(1)).await;
    assert_eq!(bed.key().await, Ok("ASIA3".into()));
}

#[tokio::test]
async fn after_an_end_in_a_suspend_the_next_reader_waits_for_new_keys() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.time.suspend(DAY);
    // Before any task has run again.
    assert_eq!(bed.read(refresh_session_refresh::Demand::Valid).await, Ok("ASIA2".into()));
    bed.settle().await;
    assert_eq!(bed.source.fetches(), 2);
}
