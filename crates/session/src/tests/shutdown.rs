//! The runtime ends first: a process that exits, a worker that is terminated.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use refresh_session_core::Code;
use refresh_session_refresh::{Demand, Settings, Zone};
use tokio::runtime::{Builder, Runtime};

use super::bed::{Bed, HOUR, deferred, eager};
use super::script::Answer;

/// Whatever blocks here blocks for good.
pub(super) fn ends(what: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let test = thread::spawn(move || {
        what();
        done.send(()).unwrap();
    });
    match is_done.recv_timeout(Duration::from_mins(1)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock"),
        _ => test.join().unwrap(),
    }
}

fn each_runtime(test: impl Fn(Runtime) + Send + 'static) {
    ends(move || {
        test(Builder::new_current_thread().enable_all().build().unwrap());
        test(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
    });
}

fn held_by_jitter() -> Settings {
    Settings { startup_jitter: HOUR, startup_holds_callers: true, ..deferred() }
}

#[test]
fn sessions_outlive_a_runtime_with_fetches_and_timers_under_way() {
    each_runtime(|runtime| {
        let beds = runtime.block_on(async {
            let beds = [deferred(), eager(), held_by_jitter()].map(|settings| {
                let (never, keys) = (Bed::new(&settings), Bed::new(&settings));
                never.source.answer(Answer::Never);
                [never, keys]
            });
            let beds = beds.into_iter().flatten().collect::<Vec<_>>();
            for bed in &beds {
                drop([bed.ask(Demand::Valid), bed.ask(Demand::Fresh), bed.ask(Demand::Forced)]);
                bed.settle().await;
            }
            beds
        });
        drop(runtime);
        for bed in beds {
            assert_eq!(bed.source.under_way(), 0);
            assert_ne!(bed.session.status().zone, Zone::Closed);
            let has_keys = bed.session.status().expires_at.is_some();
            assert_eq!(bed.session.fresh_serial() != 0, has_keys);
            bed.session.invalidate("ASIA1");
            let source = bed.source.clone();
            drop(bed);
            assert_eq!(source.sources(), 0);
        }
    });
}

#[test]
fn who_asks_then_is_told_and_does_not_wait_for_ever() {
    each_runtime(|runtime| {
        let (fresh, with_keys) = runtime.block_on(async {
            let (fresh, with_keys) = (Bed::new(&deferred()), Bed::new(&eager()));
            with_keys.key().await.unwrap();
            (fresh, with_keys)
        });
        drop(runtime);
        let later = Builder::new_current_thread().build().unwrap();
        later.block_on(async {
            assert_eq!(fresh.read(Demand::Valid).await, Err(Code::Internal));
            assert_eq!(with_keys.read(Demand::Valid).await, Ok("ASIA1".into()), "they are still good");
            assert_eq!(with_keys.read(Demand::Forced).await, Err(Code::Internal));
            with_keys.session.close().await;
            fresh.session.close().await;
            assert_eq!((with_keys.source.closes(), fresh.source.closes()), (1, 1));
        });
    });
}

#[test]
fn who_waits_elsewhere_is_answered_when_the_fetch_is_dropped() {
    each_runtime(|runtime| {
        let bed = runtime.block_on(async { Bed::new(&deferred()) });
        bed.source.answer(Answer::Never);
        let (session, source) = (bed.session.clone(), bed.source.clone());
        let waiting = thread::spawn(move || {
            let own = Builder::new_current_thread().build().unwrap();
            own.block_on(session.identity(Demand::Valid)).map(|_| ()).unwrap_err().code()
        });
        // A current-thread runtime runs only while somebody is in it.
        while source.under_way() == 0 {
            runtime.block_on(tokio::task::yield_now());
        }
        drop(runtime);
        assert_eq!(waiting.join().unwrap(), Code::Internal);
    });
}

#[test]
fn sessions_open_and_close_on_a_runtime_that_is_no_more() {
    each_runtime(|runtime| {
        let beds = runtime.block_on(async {
            [Bed::shared("no runtime", &eager()), Bed::shared("no runtime either", &deferred())]
        });
        let handle = runtime.handle().clone();
        drop(runtime);
        let _in_runtime = handle.enter();
        for bed in &beds {
            let another = bed.another(&held_by_jitter());
            assert_eq!(another.session.status().zone, Zone::Empty);
        }
    });
}

#[test]
fn a_session_that_ends_in_the_runtimes_last_task_ends_with_it() {
    each_runtime(|runtime| {
        let bed = runtime.block_on(async { Bed::new(&eager()) });
        let source = bed.source.clone();
        source.answer(Answer::Never);
        // The session is dropped while the runtime is being taken apart.
        runtime.spawn(async move {
            bed.session.identity(Demand::Valid).await.unwrap();
            drop(bed);
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert_eq!((source.sources(), source.under_way()), (0, 0));
    });
}
