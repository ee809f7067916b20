//! A source that does as the test says, and notes what was asked of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{BootTime, Clock, Code, Error, Identity, Issued, Result, Timestamp, Warning};
use tokio::sync::watch;

use crate::description::Description;
use crate::source::{Fetching, Source};

/// What the source answers from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Keys that live for so long by the source's calendar.
    Keys(Duration),
    /// Keys that do not end.
    Endless,
    Failure(Code),
    Never,
    Panic,
}

/// The other end of a [`Scripted`] source.
#[derive(Debug)]
pub(crate) struct Script {
    clock: Arc<dyn Clock>,
    /// The source's calendar when the clock was made.
    calendar: (BootTime, Timestamp),
    sharing: Option<KeyedHash>,
    answer: Mutex<Answer>,
    dated: Mutex<bool>,
    warnings: Mutex<Vec<Warning>>,
    gate: watch::Sender<bool>,
    fetched_at: Mutex<Vec<BootTime>>,
    under_way: AtomicUsize,
    closes: AtomicUsize,
}

impl Script {
    /// Issues keys for an hour, at once, with a date. Its calendar is the wall clock's of now, and its own from then
    /// on. Sources of the same `sharing` may stand in for one another; nothing is shared between tests, which have
    /// different names.
    pub(crate) fn new(clock: Arc<dyn Clock>, sharing: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            calendar: (clock.boot(), clock.wall()),
            clock,
            sharing: sharing.map(|name| Description::new(name).finish().unwrap()),
            answer: Mutex::new(Answer::Keys(Duration::from_hours(1))),
            dated: Mutex::new(true),
            warnings: Mutex::default(),
            gate: watch::Sender::new(true),
            fetched_at: Mutex::default(),
            under_way: AtomicUsize::new(0),
            closes: AtomicUsize::new(0),
        })
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Without a `Date` from now on.
    pub(crate) fn undated(&self) {
        *self.dated.lock().unwrap() = false;
    }

    pub(crate) fn warn(&self, warning: Warning) {
        self.warnings.lock().unwrap().push(warning);
    }

    /// Fetches wait from now on, until [`open`](Self::open).
    pub(crate) fn hold(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    /// How often it was asked.
    pub(crate) fn fetches(&self) -> usize {
        self.fetched_at.lock().unwrap().len()
    }

    pub(crate) fn fetched_at(&self) -> Vec<BootTime> {
        self.fetched_at.lock().unwrap().clone()
    }

    /// Fetches that have begun and neither ended nor been dropped.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    pub(crate) fn closes(&self) -> usize {
        self.closes.load(Ordering::SeqCst)
    }

    /// How many sources of this script exist.
    pub(crate) fn sources(self: &Arc<Self>) -> usize {
        Arc::weak_count(self)
    }

    fn calendar(&self) -> Timestamp {
        let (boot, wall) = self.calendar;
        let passed = self.clock.boot().since(boot);
        Timestamp::from_unix_millis(wall.unix_millis() + millis(passed))
    }

    async fn fetch(&self) -> Result<Issued> {
        let number = {
            let mut fetched_at = self.fetched_at.lock().unwrap();
            fetched_at.push(self.clock.boot());
            fetched_at.len()
        };
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let _ends = UnderWay(self);
        self.gate.subscribe().wait_for(|open| *open).await.unwrap();
        let answer = *self.answer.lock().unwrap();
        let expiration = match answer {
            Answer::Keys(life) => {
                Some(Timestamp::from_unix_millis(self.calendar().unix_millis() + millis(life)))
            }
            Answer::Endless => None,
            Answer::Failure(code) => return Err(Error::new(code, "asked the script: it said no")),
            Answer::Never => std::future::pending().await,
            Answer::Panic => panic!("the script says so"),
        };
        Ok(Issued {
            identity: identity(number, expiration),
            server_date: self.dated.lock().unwrap().then(|| self.calendar()),
            at: self.clock.boot(),
            round_trip: Duration::ZERO,
        })
    }
}

/// The n-th keys: their parts can be told from those of any others.
pub(crate) fn identity(number: usize, expiration: Option<Timestamp>) -> Identity {
    let secret = |what: &str| format!("canary-{what}-{number}").as_str().into();
    Identity::new(format!("ASIA{number}"), secret("secret"), Some(secret("token")), expiration)
}

pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}

struct UnderWay<'a>(&'a Script);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A source of a script. What it drops with itself, if anything, is the test's.
#[derive(Debug)]
pub(crate) struct Scripted {
    script: Arc<Script>,
    /// What is counted as a source.
    _counted: std::sync::Weak<Script>,
}

impl Scripted {
    pub(crate) fn new(script: &Arc<Script>) -> Self {
        Self { script: script.clone(), _counted: Arc::downgrade(script) }
    }
}

impl Source for Scripted {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(self.script.fetch())
    }

    fn timed_out(&self, limit: Duration) -> Error {
        let message = format!("asked the script: no word within {} ms", limit.as_millis());
        Error::new(Code::Timeout, message)
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {
            self.script.closes.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.script.sharing
    }

    fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.script.warnings.lock().unwrap())
    }

    fn certificate_expiry(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339("2049-12-31T00:00:00Z")
    }
}
