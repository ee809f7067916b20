//! The driver under a source and clocks that the test owns. Time is virtual: nothing sleeps.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::{BootTime, Clock, Code, Error, Identity, Issued, Result, Timestamp};
use refresh_session_session::{Fetching, Schedule, Session, Source};
use tokio::sync::Semaphore;

const LIMIT: Duration = Duration::from_secs(10);
const HOUR: u64 = 3600;

/// What the source answers next: keys that live for so many seconds, a failure, or never.
#[derive(Clone, Copy)]
enum Answer {
    Keys(u64),
    Failure,
    Never,
}

#[derive(Debug, Default)]
struct TestClock {
    boot_millis: Mutex<u64>,
    wall_offset_millis: Mutex<i64>,
}

impl TestClock {
    fn advance(&self, seconds: u64) {
        *self.boot_millis.lock().unwrap() += seconds * 1000;
    }
}

impl Clock for TestClock {
    fn boot(&self) -> BootTime {
        BootTime::from_duration(Duration::from_millis(*self.boot_millis.lock().unwrap()))
    }

    fn wall(&self) -> Timestamp {
        let since_boot = i64::try_from(*self.boot_millis.lock().unwrap()).unwrap();
        Timestamp::from_unix_millis(1_700_000_000_000 + since_boot + *self.wall_offset_millis.lock().unwrap())
    }
}

/// Issues numbered keys; each fetch waits for a permit.
struct TestSource {
    clock: Arc<TestClock>,
    answer: Mutex<Answer>,
    has_date: bool,
    permits: Semaphore,
    fetches: AtomicU32,
    closes: AtomicU32,
}

impl std::fmt::Debug for TestSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestSource")
    }
}

#[derive(Clone, Debug)]
struct Shared(Arc<TestSource>);

impl Source for Shared {
    fn timed_out(&self, limit: Duration) -> Error {
        Error::new(Code::Timeout, format!("not done within {} ms", limit.as_millis()))
    }

    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let number = self.0.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.permits.acquire().await.unwrap().forget();
            let answer = *self.0.answer.lock().unwrap();
            let life = match answer {
                Answer::Keys(life) => life,
                Answer::Failure => return Err(Error::new(Code::ServiceUnavailable, "down")),
                Answer::Never => std::future::pending().await,
            };
            // The server's calendar is its own; only its distance to the expiration counts.
            let server_now = if self.0.has_date {
                Timestamp::parse_rfc3339("2026-06-01T00:00:00Z").unwrap()
            } else {
                self.0.clock.wall()
            };
            let expiration =
                Timestamp::from_unix_millis(server_now.unix_millis() + i64::try_from(life * 1000).unwrap());
            Ok(Issued {
                identity: Identity::new(format!("ASIA{number}"), "secret".into(), "token".into(), expiration),
                server_date: self.0.has_date.then_some(server_now),
                at: self.0.clock.boot(),
            })
        })
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {
            self.0.closes.fetch_add(1, Ordering::SeqCst);
        })
    }
}

struct Bed {
    session: Arc<Session>,
    source: Arc<TestSource>,
    clock: Arc<TestClock>,
}

impl Bed {
    fn new(answer: Answer) -> Self {
        Self::with(answer, true)
    }

    fn with(answer: Answer, has_date: bool) -> Self {
        let clock = Arc::new(TestClock::default());
        let source = Arc::new(TestSource {
            clock: clock.clone(),
            answer: Mutex::new(answer),
            has_date,
            permits: Semaphore::new(1000),
            fetches: AtomicU32::new(0),
            closes: AtomicU32::new(0),
        });
        let session =
            Session::new(Box::new(Shared(source.clone())), clock.clone(), Schedule::new(None), LIMIT);
        Self { session, source, clock }
    }

    async fn key(&self) -> Result<String, Code> {
        let held = self.session.identity(false).await;
        held.map(|held| held.identity.access_key_id.clone()).map_err(|error| error.code())
    }

    fn answer(&self, answer: Answer) {
        *self.source.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> u32 {
        self.source.fetches.load(Ordering::SeqCst)
    }

    /// Lets a fetch in the background land.
    async fn settle(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn nothing_is_fetched_until_somebody_asks_and_then_once() {
    let bed = Bed::new(Answer::Keys(HOUR));
    assert_eq!((bed.fetches(), bed.session.fresh_generation()), (0, 0));
    for _ in 0..5 {
        assert_eq!(bed.key().await, Ok("ASIA1".into()));
    }
    assert_eq!((bed.fetches(), bed.session.fresh_generation()), (1, 1));
}

#[tokio::test]
async fn everybody_who_asks_meanwhile_gets_the_same_fetch() {
    let bed = Bed::new(Answer::Keys(HOUR));
    bed.source.permits.forget_permits(1000);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let session = bed.session.clone();
            tokio::spawn(async move { session.identity(false).await.unwrap().generation })
        })
        .collect();
    bed.settle().await;
    bed.source.permits.add_permits(1);
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 1);
    }
    assert_eq!(bed.fetches(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_the_fetch() {
    let bed = Bed::new(Answer::Keys(HOUR));
    bed.source.permits.forget_permits(1000);
    let session = bed.session.clone();
    let caller = tokio::spawn(async move { session.identity(false).await });
    bed.settle().await;
    caller.abort();
    bed.source.permits.add_permits(1);
    bed.settle().await;
    assert_eq!((bed.session.fresh_generation(), bed.fetches()), (1, 1));
}

#[tokio::test]
async fn in_the_advisory_window_readers_do_not_wait() {
    let bed = Bed::new(Answer::Keys(HOUR));
    bed.key().await.unwrap();
    bed.clock.advance(HOUR - 600);
    assert_eq!(bed.session.fresh_generation(), 0);
    assert_eq!(bed.key().await, Ok("ASIA1".into()));
    bed.settle().await;
    assert_eq!(bed.key().await, Ok("ASIA2".into()));
    assert_eq!(bed.fetches(), 2);
}

#[tokio::test]
async fn a_failure_keeps_valid_keys_and_is_not_repeated_by_every_reader() {
    let bed = Bed::new(Answer::Keys(HOUR));
    bed.key().await.unwrap();
    bed.answer(Answer::Failure);
    for left in [600, 30] {
        *bed.clock.boot_millis.lock().unwrap() = (HOUR - left) * 1000;
        for _ in 0..5 {
            assert_eq!(bed.key().await, Ok("ASIA1".into()), "{left} s left");
            bed.settle().await;
        }
    }
    assert_eq!(bed.fetches(), 3, "one attempt in each window");
    bed.clock.advance(30);
    assert_eq!(bed.key().await, Err(Code::ServiceUnavailable));
    bed.answer(Answer::Keys(HOUR));
    assert_eq!(bed.key().await, Ok("ASIA5".into()));
}

#[tokio::test]
async fn a_forced_refresh_fails_aloud_and_keeps_the_keys() {
    let bed = Bed::new(Answer::Keys(HOUR));
    bed.key().await.unwrap();
    bed.answer(Answer::Failure);
    assert_eq!(bed.session.identity(true).await.unwrap_err().code(), Code::ServiceUnavailable);
    assert_eq!(bed.key().await, Ok("ASIA1".into()));
    bed.answer(Answer::Keys(HOUR));
    assert_eq!(bed.session.identity(true).await.unwrap().generation, 2);
}

#[tokio::test]
async fn the_wall_clock_moves_nothing_while_the_server_tells_the_time() {
    let bed = Bed::new(Answer::Keys(HOUR));
    for step in [-1_700_000_000_000, 0, 1_500_000_000_000] {
        *bed.clock.wall_offset_millis.lock().unwrap() = step;
        assert_eq!(bed.key().await, Ok("ASIA1".into()));
    }
    assert_eq!(bed.fetches(), 1);
}

#[tokio::test]
async fn without_a_date_the_local_calendar_is_believed() {
    let bed = Bed::with(Answer::Keys(HOUR), false);
    assert_eq!(bed.key().await, Ok("ASIA1".into()));
    bed.clock.advance(HOUR);
    assert_eq!(bed.key().await, Ok("ASIA2".into()));
}

#[tokio::test]
async fn keys_that_are_over_on_arrival_are_not_installed() {
    let bed = Bed::new(Answer::Keys(0));
    assert_eq!(bed.key().await, Err(Code::ExpiredReply));
    assert_eq!(bed.session.fresh_generation(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_ends_in_a_timeout() {
    let bed = Bed::new(Answer::Never);
    assert_eq!(bed.key().await, Err(Code::Timeout));
    bed.answer(Answer::Keys(HOUR));
    assert_eq!(bed.key().await, Ok("ASIA2".into()));
}

#[tokio::test]
async fn close_ends_everything_and_everybody() {
    let bed = Bed::new(Answer::Never);
    let session = bed.session.clone();
    let waiting = tokio::spawn(async move { session.identity(false).await });
    bed.settle().await;
    bed.session.close().await;
    bed.session.close().await;
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), Code::Closed);
    assert_eq!(bed.key().await, Err(Code::Closed));
    assert_eq!(bed.session.fresh_generation(), 0);
    assert_eq!(bed.source.closes.load(Ordering::SeqCst), 1);
}
