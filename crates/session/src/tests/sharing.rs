//! Sessions on the same source.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Code, Error, Issued, Result};
use refresh_session_refresh::{Demand, Settings, Zone};

use super::bed::{Bed, DUE, Heard, deferred, eager, open};
use super::script::{Script, Scripted};
use crate::alarm::virtual_time::VirtualTime;
use crate::source::{Fetching, Source};
use crate::{CustomName, CustomSource, Session};

#[tokio::test]
async fn the_same_source_and_settings_are_one_engine_and_one_fetch() {
    let one = Bed::shared("one engine", &deferred());
    let other = one.another(&deferred());
    assert_eq!(one.source.sources(), 1, "the second source is not needed");
    assert!(other.is_gone(), "no engine was made for it");
    let (mine, yours) =
        tokio::join!(one.session.identity(Demand::Valid), other.session.identity(Demand::Valid));
    let (mine, yours) = (mine.unwrap(), yours.unwrap());
    assert!(Arc::ptr_eq(&mine.held, &yours.held));
    assert_eq!((mine.serial, one.session.fresh_serial()), (yours.serial, other.session.fresh_serial()));
    one.pass(DUE).await;
    one.key().await.unwrap();
    assert_eq!(other.key().await.unwrap(), "ASIA2");
    assert_eq!(one.source.fetches(), 2);
}

#[tokio::test]
async fn other_settings_are_another_engine() {
    let one = Bed::shared("other settings", &deferred());
    let others = [
        eager(),
        Settings { advisory: Some(Duration::from_secs(100)), ..deferred() },
        Settings { fetch_limit: Duration::from_secs(9), ..deferred() },
    ];
    let others: Vec<_> = others.iter().map(|settings| one.another(settings)).collect();
    one.settle().await;
    one.key().await.unwrap();
    for other in &others {
        other.key().await.unwrap();
    }
    assert_eq!(one.source.fetches(), 1 + others.len());
}

#[tokio::test]
async fn another_hash_is_another_engine_and_none_is_one_of_its_own() {
    let one = Bed::shared("a hash", &deferred());
    let other = Bed::over(one.time.clone(), &deferred(), Some("another hash"));
    let alone = Bed::over(one.time.clone(), &deferred(), None);
    let alone_too = alone.another(&deferred());
    for bed in [&one, &other, &alone, &alone_too] {
        bed.key().await.unwrap();
    }
    assert_eq!((one.source.fetches(), other.source.fetches(), alone.source.fetches()), (1, 1, 2));
}

#[tokio::test]
async fn closing_one_leaves_the_other_working() {
    let (one, other) = pair("closing one");
    one.source.hold();
    let (mine, yours) = (one.ask(Demand::Valid), other.ask(Demand::Valid));
    one.settle().await;
    one.session.close().await;
    assert_eq!(mine.await.unwrap(), Err(Code::Closed), "at once");
    assert_eq!((one.source.under_way(), yours.is_finished()), (1, false));
    one.source.open();
    assert_eq!(yours.await.unwrap(), Ok("ASIA1".into()));

    assert_eq!(one.key().await, Err(Code::Closed));
    assert_eq!((one.session.fresh_serial(), one.session.status().zone), (0, Zone::Closed));
    assert!(!one.session.invalidate("ASIA1"), "what is closed has no say");
    assert_eq!((other.key().await, other.session.status().zone), (Ok("ASIA1".into()), Zone::Fresh));
    assert_ne!(other.session.fresh_serial(), 0);
    assert_eq!((one.source.fetches(), one.source.closes()), (1, 0));
}

#[tokio::test]
async fn the_last_close_closes_the_source_and_only_once() {
    let (one, other) = pair("the last close");
    one.key().await.unwrap();
    for _ in 0..3 {
        one.session.close().await;
    }
    assert_eq!(one.source.closes(), 0, "one user closed thrice is one");
    tokio::join!(other.session.close(), other.session.close());
    one.session.close().await;
    drop((one.session, other.session));
    assert_eq!(one.source.closes(), 1);
}

#[tokio::test]
async fn a_drop_counts_as_a_close() {
    let (one, other) = pair("a drop");
    one.key().await.unwrap();
    drop(one.session);
    assert_eq!(other.key().await, Ok("ASIA1".into()));
    other.session.close().await;
    assert_eq!((one.source.fetches(), one.source.closes()), (1, 1));
}

#[tokio::test]
async fn after_the_last_close_there_is_a_new_engine() {
    let first = Bed::shared("a new engine", &deferred());
    first.key().await.unwrap();
    first.session.close().await;
    let next = first.another(&deferred());
    assert_eq!(next.session.status().zone, Zone::Empty);
    assert_eq!(next.key().await, Ok("ASIA2".into()));
    drop(first.session);
    first.time.settle().await;
    assert_eq!(
        next.another(&deferred()).key().await,
        Ok("ASIA2".into()),
        "the old one's end is not the new one's"
    );
    assert_eq!(next.source.fetches(), 2);
}

#[tokio::test]
async fn the_same_callback_is_the_same_source() {
    #[derive(Debug)]
    struct Never;
    impl crate::CustomProvider for Never {
        fn credentials(&self) -> Fetching<'_, Result<crate::CustomKeys>> {
            Box::pin(std::future::pending())
        }
    }
    let hash = |name, same| {
        let clock = Arc::new(VirtualTime::new());
        CustomSource::new(Arc::new(Never), name, same, clock).unwrap().sharing().unwrap()
    };
    assert_eq!(hash(CustomName::Callback, "1"), hash(CustomName::Callback, "1"));
    assert_ne!(hash(CustomName::Callback, "1"), hash(CustomName::Callback, "2"));
    assert_ne!(hash(CustomName::Callback, "1"), hash(CustomName::Provider, "1"));
}

/// A source may be built on other sessions, which end with it: also where it is not needed.
#[tokio::test]
async fn a_source_that_is_not_needed_may_hold_the_last_session_of_another() {
    let (done, is_done) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _in_runtime = runtime.enter();
        let time = VirtualTime::new();
        let needed = Bed::over(time.clone(), &deferred(), Some("built on another"));
        let inner = Bed::over(time.clone(), &deferred(), Some("beneath another"));
        let script: Arc<Script> = needed.source.clone();
        let session = Arc::into_inner(inner.session).unwrap();
        let outer = Built { on: Scripted::new(&script), _beneath: session };
        let (joined, _) = open(&time, Box::new(outer), &deferred(), Heard::default().listener());
        drop((joined, needed.session));
        done.send(()).unwrap();
    });
    let waited = tokio::task::spawn_blocking(move || is_done.recv_timeout(Duration::from_secs(20)));
    assert_eq!(waited.await.unwrap(), Ok(()), "a deadlock");
}

fn pair(name: &str) -> (Bed, Bed) {
    let one = Bed::shared(name, &deferred());
    let other = one.another(&deferred());
    (one, other)
}

#[derive(Debug)]
struct Built {
    on: Scripted,
    _beneath: Session,
}

impl Source for Built {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        self.on.fetch()
    }

    fn timed_out(&self, limit: Duration) -> Error {
        self.on.timed_out(limit)
    }

    fn close(&self) -> Fetching<'_, ()> {
        self.on.close()
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.on.sharing()
    }
}
