//! Many threads, on the machine's own clock. Nothing here depends on how long anything takes.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use refresh_session_refresh::{Demand, Held, Settings};
use tokio::runtime::{Builder, Handle, Runtime};

use super::bed::{Heard, deferred, eager};
use super::script::{Answer, Script, Scripted};
use super::shutdown::ends;
use crate::{Session, Surroundings, SystemAlarm, SystemClock};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

fn open(runtime: &Handle, script: &Arc<Script>, settings: &Settings, heard: &Heard) -> Session {
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        calendar: crate::clock::calendar(),
        alarm: Arc::new(SystemAlarm::new()),
        network: Arc::new(crate::SystemNetwork::new()),
        runtime: runtime.clone(),
    };
    Session::open(Box::new(Scripted::new(script)), settings, around, heard.listener()).unwrap()
}

/// The number of the keys, if their parts belong together.
fn number(held: &Held) -> usize {
    let identity = &held.identity;
    let number = identity.access_key_id.strip_prefix("ASIA").unwrap();
    let secret = identity.secret_access_key.expose_str().unwrap();
    let token = identity.session_token.as_ref().unwrap().expose_str().unwrap();
    assert_eq!((secret, token), (&*format!("canary-secret-{number}"), &*format!("canary-token-{number}")));
    number.parse().unwrap()
}

#[test]
fn a_thousand_first_reads_over_fifty_sessions_are_one_fetch() {
    let runtime = runtime();
    for round in 0..20 {
        let script = Script::new(Arc::new(SystemClock), Some(&format!("first reads {round}")));
        let heard = Heard::default();
        let sessions: Vec<_> =
            (0..50).map(|_| Arc::new(open(runtime.handle(), &script, &deferred(), &heard))).collect();
        let reads: Vec<_> = (0..1000)
            .map(|read| {
                let session = sessions[read % sessions.len()].clone();
                runtime.spawn(async move { session.identity(Demand::Valid).await.unwrap() })
            })
            .collect();
        let keys: Vec<_> = reads.into_iter().map(|read| runtime.block_on(read).unwrap()).collect();
        assert_eq!(script.fetches(), 1);
        assert!(keys.iter().all(|each| Arc::ptr_eq(&each.held, &keys[0].held)));
        assert_eq!(number(&keys[0].held), 1);
        assert_eq!(keys.iter().map(|keys| keys.serial).collect::<HashSet<_>>().len(), 1);
        assert_eq!(heard.words().len(), 50, "each session is told once");
    }
}

#[test]
fn keys_are_never_torn_while_others_replace_them() {
    let runtime = runtime();
    let script = Script::new(Arc::new(SystemClock), None);
    let session = open(runtime.handle(), &script, &deferred(), &Heard::default());
    let (reading, renewed) = (AtomicUsize::new(20), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..4000 {
                    let keys = runtime.block_on(session.identity(Demand::Valid)).unwrap();
                    let number = number(&keys.held);
                    assert!(number >= last, "older keys after newer ones: {number} after {last}");
                    assert_ne!(keys.serial, 0);
                    last = number;
                }
                reading.fetch_sub(1, Ordering::SeqCst);
            });
        }
        scope.spawn(|| {
            while reading.load(Ordering::SeqCst) > 0 {
                number(&runtime.block_on(session.identity(Demand::Forced)).unwrap().held);
                renewed.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    assert!(renewed.into_inner() > 1, "there was nothing to tear");
}

#[test]
fn what_a_refresh_brought_is_what_every_thread_reads_next() {
    let runtime = runtime();
    let script = Script::new(Arc::new(SystemClock), None);
    let session = open(runtime.handle(), &script, &deferred(), &Heard::default());
    let (refreshed, to_read) = mpsc::sync_channel(0);
    thread::scope(|scope| {
        let (session, runtime) = (&session, &runtime);
        scope.spawn(move || {
            for _ in 0..2000 {
                let keys = runtime.block_on(session.identity(Demand::Forced)).unwrap();
                refreshed.send((number(&keys.held), keys.serial)).unwrap();
            }
        });
        // The next refresh may be over as well by the time of the look.
        for (refreshed, serial) in to_read {
            let fresh = session.fresh_serial();
            assert!(fresh >= serial, "a copy made before the refresh still counts: {fresh} < {serial}");
            let read = number(&runtime.block_on(session.identity(Demand::Valid)).unwrap().held);
            assert!(read >= refreshed, "{read} < {refreshed}");
        }
    });
}

#[test]
fn sessions_that_come_and_go_leave_one_another_alone() {
    let runtime = runtime();
    let script = Script::new(Arc::new(SystemClock), Some("come and go"));
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (script, runtime, start) = (&script, &runtime, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..300 {
                    let settings = if thread % 2 == 0 { deferred() } else { eager() };
                    let session = open(runtime.handle(), script, &settings, &Heard::default());
                    let keys = runtime.block_on(session.identity(Demand::Valid)).unwrap();
                    number(&keys.held);
                    if round % 2 == 0 {
                        runtime.block_on(session.close());
                    }
                }
            });
        }
    });
    // Their engines end in the background.
    while script.sources() > 0 || runtime.metrics().num_alive_tasks() > 0 {
        thread::yield_now();
    }
    assert_eq!(script.under_way(), 0);
}

#[test]
fn readers_and_the_one_who_closes_all_come_to_an_end() {
    let runtime = runtime();
    for _ in 0..200 {
        let script = Script::new(Arc::new(SystemClock), None);
        let session = Arc::new(open(runtime.handle(), &script, &deferred(), &Heard::default()));
        let closed = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4)
            .map(|reader| {
                let (session, closed) = (session.clone(), closed.clone());
                let demand = if reader % 2 == 0 { Demand::Valid } else { Demand::Forced };
                runtime.spawn(async move {
                    loop {
                        let was_closed = closed.load(Ordering::SeqCst);
                        match session.identity(demand).await {
                            Ok(keys) => assert!(number(&keys.held) > 0 && !was_closed),
                            Err(error) => return error.code(),
                        }
                    }
                })
            })
            .collect();
        runtime.block_on(session.close());
        closed.store(true, Ordering::SeqCst);
        for reader in readers {
            assert_eq!(runtime.block_on(reader).unwrap().as_str(), "ERR_CLOSED");
        }
        assert_eq!(session.fresh_serial(), 0);
    }
}

/// Between the machine's word and the fetch's task there is a moment in which somebody may close.
#[test]
fn a_fetch_that_takes_off_into_a_close_is_dropped() {
    ends(|| {
        let runtime = runtime();
        for _ in 0..1000 {
            let script = Script::new(Arc::new(SystemClock), None);
            script.answer(Answer::Never);
            let session = open(runtime.handle(), &script, &deferred(), &Heard::default());
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    let read = runtime.block_on(session.identity(Demand::Valid));
                    assert_eq!(read.unwrap_err().code().as_str(), "ERR_CLOSED");
                });
                start.wait();
                thread::yield_now();
                runtime.block_on(session.close());
            });
            while runtime.metrics().num_alive_tasks() > 0 {
                thread::yield_now();
            }
            assert_eq!((script.under_way(), script.closes()), (0, 1));
        }
    });
}

/// The first fetch of an eager session may be over before the one who opened it gets to do anything.
#[test]
fn no_event_is_too_early_for_the_first_listener() {
    let runtime = runtime();
    for round in 0..3000 {
        let script = Script::new(Arc::new(SystemClock), None);
        let heard = Heard::default();
        let session = open(runtime.handle(), &script, &eager(), &heard);
        runtime.block_on(session.identity(Demand::Valid)).unwrap();
        assert_eq!(heard.words(), ["refreshed ASIA1"], "round {round}");
    }
}
