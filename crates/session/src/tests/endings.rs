//! Close, drop, and what is left afterwards: nothing.

use std::time::Duration;

use refresh_session_core::Code;
use refresh_session_refresh::{Demand, Settings, Zone};
use tokio::runtime::Handle;

use super::bed::{Bed, HOUR, deferred, eager};
use super::script::Answer;

#[tokio::test]
async fn close_ends_everything_and_everybody() {
    let bed = Bed::new(&deferred());
    bed.source.answer(Answer::Never);
    let waiting = [bed.ask(Demand::Valid), bed.ask(Demand::Fresh), bed.ask(Demand::Forced)];
    bed.settle().await;
    assert_eq!(bed.source.under_way(), 1);
    bed.session.close().await;
    bed.session.close().await;
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Err(Code::Closed));
    }
    bed.settle().await;
    assert_eq!((bed.source.under_way(), bed.source.closes()), (0, 1));
    for demand in [Demand::Valid, Demand::Fresh, Demand::Forced] {
        assert_eq!(bed.read(demand).await, Err(Code::Closed));
    }
    assert_eq!(bed.session.fresh_serial(), 0);
    assert_eq!(bed.source.fetches(), 1);
}

#[tokio::test]
async fn keys_are_given_up_at_close_though_the_session_is_kept() {
    let bed = Bed::new(&deferred());
    let held = bed.session.identity(Demand::Valid).await.unwrap().held;
    bed.session.close().await;
    assert_eq!(std::sync::Arc::strong_count(&held), 1, "the last ones are the caller's");
}

/// What an engine leaves is looked for in the process: its timer, its fetch, itself, its source.
async fn leaves_nothing(bed: Bed, end: impl AsyncFnOnce(&mut Option<Bed>), with: &str) {
    let (time, source) = (bed.time.clone(), bed.source.clone());
    let mut rest = Some(bed);
    end(&mut rest).await;
    time.settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "{with}: a task");
    assert_eq!(time.deadlines(), [], "{with}: a deadline");
    assert_eq!(source.under_way(), 0, "{with}: a fetch");
    drop(rest);
    assert_eq!(source.sources(), 0, "{with}: the source");
}

/// In every state that it can be in when it ends.
async fn in_every_state(name: &str, end: impl AsyncFn(&mut Option<Bed>)) {
    let jitter = Settings { startup_jitter: HOUR, startup_holds_callers: true, ..deferred() };
    for settings in [deferred(), eager(), jitter] {
        for shared in [false, true] {
            let new = || if shared { Bed::shared(name, &settings) } else { Bed::new(&settings) };
            leaves_nothing(new(), &end, "new").await;

            let bed = new();
            bed.source.hold();
            let asked = bed.ask(Demand::Valid);
            bed.settle().await;
            asked.abort();
            leaves_nothing(bed, &end, "with a fetch under way").await;

            let bed = new();
            let _ = bed.read(Demand::Forced).await;
            leaves_nothing(bed, &end, "with keys").await;

            let bed = new();
            bed.source.answer(Answer::Failure(Code::Dns));
            let _ = bed.read(Demand::Forced).await;
            leaves_nothing(bed, &end, "after a failure").await;
        }
    }
}

#[tokio::test]
async fn close_leaves_nothing() {
    in_every_state("close leaves", async |bed| {
        let bed = bed.as_ref().unwrap();
        bed.session.close().await;
        assert_eq!(bed.source.closes(), 1);
    })
    .await;
}

#[tokio::test]
async fn drop_without_close_leaves_nothing() {
    in_every_state("drop leaves", async |bed| {
        let bed = bed.take().unwrap();
        let (time, source) = (bed.time.clone(), bed.source.clone());
        let Bed { session, .. } = bed;
        drop(session);
        time.settle().await;
        assert_eq!((source.sources(), source.closes()), (0, 0), "it lets go when it is dropped");
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_ends_is_not_found_any_more() {
    let bed = Bed::shared("not found", &deferred());
    let other = bed.another(&deferred());
    bed.key().await.unwrap();
    bed.session.close().await;
    bed.settle().await;
    assert!(!bed.is_gone(), "there is another");
    other.session.close().await;
    bed.settle().await;
    // What is left is held by the two sessions, and not by the registry or the timer.
    let source = bed.source.clone();
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    drop(other.session);
    assert_eq!(source.sources(), 1);
    let Bed { session, .. } = bed;
    drop(session);
    assert_eq!(source.sources(), 0);
}

#[tokio::test]
async fn time_means_nothing_to_a_closed_session() {
    let bed = Bed::new(&eager());
    bed.settle().await;
    assert_eq!(bed.source.fetches(), 1);
    bed.session.close().await;
    bed.heard.take();
    bed.pass(HOUR * 24).await;
    bed.time.suspend(Duration::from_hours(24));
    bed.settle().await;
    assert_eq!((bed.source.fetches(), bed.session.status().zone), (1, Zone::Closed));
    assert_eq!(bed.heard.words(), [""; 0]);
}
