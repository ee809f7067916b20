//! What a caller gets.

use std::time::Duration;

use refresh_session_core::Code;
use refresh_session_refresh::{Demand, Settings};

use super::bed::{Bed, DUE, HOUR, LIMIT, deferred};
use super::script::Answer;

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::unnecessary_wraps, reason = "as a read gives it")]
fn asia(number: usize) -> Result<String, Code> {
    Ok(format!("ASIA{number}"))
}

#[tokio::test]
async fn nothing_is_fetched_until_somebody_asks_and_then_once() {
    let bed = Bed::new(&deferred());
    bed.settle().await;
    assert_eq!((bed.source.fetches(), bed.session.fresh_serial()), (0, 0));
    for _ in 0..5 {
        assert_eq!(bed.key().await, asia(1));
    }
    assert_eq!(bed.source.fetches(), 1);
}

#[tokio::test]
async fn everybody_who_asks_meanwhile_gets_the_same_fetch() {
    let bed = Bed::new(&deferred());
    bed.source.hold();
    let demands = [Demand::Valid, Demand::Fresh, Demand::Forced];
    let asking: Vec<_> = demands.iter().cycle().take(60).map(|demand| bed.ask(*demand)).collect();
    bed.settle().await;
    assert!(asking.iter().all(|asked| !asked.is_finished()));
    bed.source.open();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), asia(1));
    }
    assert_eq!(bed.source.fetches(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_the_fetch() {
    let bed = Bed::new(&deferred());
    bed.source.hold();
    let caller = bed.ask(Demand::Valid);
    bed.settle().await;
    caller.abort();
    bed.settle().await;
    assert!(caller.await.unwrap_err().is_cancelled());
    bed.source.open();
    bed.settle().await;
    assert_ne!(bed.session.fresh_serial(), 0);
    assert_eq!(bed.source.fetches(), 1);
}

#[tokio::test]
async fn in_the_advisory_window_readers_do_not_wait() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.pass(DUE).await;
    bed.source.hold();
    assert_eq!(bed.session.fresh_serial(), 0);
    for _ in 0..5 {
        assert_eq!(bed.key().await, asia(1));
    }
    assert_eq!(bed.source.fetches(), 2);
    bed.source.open();
    bed.settle().await;
    assert_eq!(bed.key().await, asia(2));
    assert_eq!(bed.source.fetches(), 2);
}

#[tokio::test]
async fn in_the_mandatory_window_they_do_and_get_the_old_keys_if_it_fails() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.pass(HOUR.saturating_sub(SECOND * 30)).await;
    bed.source.hold();
    let asked = bed.ask(Demand::Valid);
    bed.settle().await;
    assert!(!asked.is_finished());
    bed.source.answer(Answer::Failure(Code::ServiceUnavailable));
    bed.source.open();
    assert_eq!(asked.await.unwrap(), asia(1));
}

#[tokio::test]
async fn a_failure_keeps_valid_keys_and_is_not_repeated_by_every_reader() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    bed.source.answer(Answer::Failure(Code::ServiceUnavailable));
    bed.pass(DUE).await;
    for (left, fetches) in [(75, 2), (30, 3)] {
        for _ in 0..5 {
            assert_eq!(bed.key().await, asia(1), "{left} s left");
        }
        assert_eq!(bed.source.fetches(), fetches, "one attempt in each window");
        bed.pass(SECOND * 45).await;
    }
    assert_eq!(bed.key().await, Err(Code::ServiceUnavailable));
    bed.source.answer(Answer::Keys(HOUR));
    assert_eq!(bed.key().await, asia(5));
}

#[tokio::test]
async fn a_forced_refresh_fails_aloud_and_keeps_the_keys() {
    let bed = Bed::new(&deferred());
    bed.key().await.unwrap();
    let serial = bed.session.fresh_serial();
    bed.source.answer(Answer::Failure(Code::ServiceUnavailable));
    assert_eq!(bed.read(Demand::Forced).await, Err(Code::ServiceUnavailable));
    assert_eq!((bed.key().await, bed.session.fresh_serial()), (asia(1), serial));
    bed.source.answer(Answer::Keys(HOUR));
    assert_eq!(bed.read(Demand::Forced).await, asia(3));
    assert_eq!(bed.key().await, asia(3));
}

#[tokio::test]
async fn the_wall_clock_moves_nothing_while_the_source_tells_the_time() {
    let bed = Bed::new(&deferred());
    for years in [-56, 0, 50] {
        bed.set_wall_wrong_by(years * 365 * 86_400).await;
        assert_eq!(bed.key().await, asia(1));
    }
    bed.pass(DUE).await;
    bed.key().await.unwrap();
    assert_eq!((bed.key().await, bed.source.fetches()), (asia(2), 2));
}

#[tokio::test]
async fn without_a_date_the_local_calendar_is_believed() {
    let bed = Bed::new(&deferred());
    bed.source.undated();
    assert_eq!(bed.key().await, asia(1));
    bed.pass(HOUR).await;
    assert_eq!(bed.key().await, asia(2));
    // To a machine two hours ahead, such keys are over before they are there.
    bed.set_wall_wrong_by(7200).await;
    assert_eq!(bed.read(Demand::Forced).await, Err(Code::ExpiredReply));
    assert_eq!(bed.key().await, asia(2));
}

#[tokio::test]
async fn keys_that_are_over_on_arrival_are_not_installed() {
    let bed = Bed::new(&deferred());
    bed.source.answer(Answer::Keys(Duration::ZERO));
    assert_eq!(bed.key().await, Err(Code::ExpiredReply));
    assert_eq!(bed.session.fresh_serial(), 0);
}

#[tokio::test]
async fn a_source_that_never_answers_ends_in_its_own_words_and_is_dropped() {
    let bed = Bed::new(&deferred());
    bed.source.answer(Answer::Never);
    let session = bed.session.clone();
    let asked = tokio::spawn(async move { session.identity(Demand::Valid).await });
    bed.pass(LIMIT.saturating_sub(SECOND)).await;
    assert!(!asked.is_finished());
    assert_eq!(bed.source.under_way(), 1);
    bed.pass(SECOND).await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Timeout, "asked the script: no word within 10000 ms"));
    assert_eq!(bed.source.under_way(), 0);
    bed.source.answer(Answer::Keys(HOUR));
    assert_eq!(bed.key().await, asia(2));
    assert_eq!(bed.session.status().failures, 1, "the one that was dropped has not landed again");
}

#[tokio::test]
async fn a_panic_in_the_source_lands() {
    let bed = Bed::new(&deferred());
    bed.source.answer(Answer::Panic);
    let asked = [bed.ask(Demand::Valid), bed.ask(Demand::Fresh)];
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Err(Code::Internal));
    }
    bed.source.answer(Answer::Keys(HOUR));
    assert_eq!(bed.key().await, asia(2));
}

#[tokio::test]
async fn a_startup_jitter_holds_callers_and_the_timer_lets_them_go() {
    let jitter = SECOND * 200;
    let bed = Bed::new(&Settings { startup_jitter: jitter, startup_holds_callers: true, ..deferred() });
    let asked = [bed.ask(Demand::Valid), bed.ask(Demand::Valid)];
    bed.settle().await;
    assert_eq!(bed.source.fetches(), 0);
    bed.pass(jitter).await;
    for asked in asked {
        assert_eq!(asked.await.unwrap(), asia(1));
    }
    assert_eq!(bed.source.fetches(), 1);
}

#[tokio::test]
async fn nobody_waits_any_more_so_nothing_is_fetched_at_the_end_of_the_jitter() {
    let jitter = SECOND * 200;
    let bed = Bed::new(&Settings { startup_jitter: jitter, startup_holds_callers: true, ..deferred() });
    let caller = bed.ask(Demand::Valid);
    bed.settle().await;
    caller.abort();
    bed.pass(jitter * 2).await;
    assert_eq!(bed.source.fetches(), 0);
}

#[tokio::test]
async fn one_who_comes_while_a_fetch_hangs_is_answered_with_the_rest() {
    let bed = Bed::new(&deferred());
    bed.source.answer(Answer::Never);
    let first = bed.ask(Demand::Valid);
    bed.pass(LIMIT / 2).await;
    let second = bed.ask(Demand::Valid);
    bed.pass(LIMIT / 2).await;
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Err(Code::Timeout), Err(Code::Timeout)));
    assert_eq!(bed.source.fetches(), 1);
}
