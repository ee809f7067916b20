//! A session on virtual time, and what a test does with it.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use refresh_session_core::{Clock, Code, Result, Timestamp};
use refresh_session_refresh::{Demand, Mode, Policy, Settings};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::script::{Script, Scripted};
use crate::alarm::virtual_time::VirtualTime;
use crate::source::Source;
use crate::{Listener, Presented, Session, SessionEvent, Surroundings};

pub(super) const HOUR: Duration = Duration::from_hours(1);
/// What one fetch may take.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// After so long, keys for an hour are in their advisory window, whatever was drawn, and not yet in the mandatory one.
pub(super) const DUE: Duration = Duration::from_secs(3525);

/// Reads start fetches.
pub(super) fn deferred() -> Settings {
    Settings::new(Policy::GATEWAY, LIMIT)
}

/// So does a timer, from the start.
pub(super) fn eager() -> Settings {
    Settings { mode: Mode::Eager, ..deferred() }
}

/// A session with its time, its source and what it has been told.
pub(super) struct Bed {
    pub(super) time: VirtualTime,
    pub(super) source: Arc<Script>,
    pub(super) session: Arc<Session>,
    pub(super) heard: Heard,
    /// Held by the engine that was made for this session, if one was, and by its timer.
    alarm: Weak<VirtualTime>,
}

impl Bed {
    pub(super) fn new(settings: &Settings) -> Self {
        Self::over(VirtualTime::new(), settings, None)
    }

    /// On a source that may be shared under this name.
    pub(super) fn shared(name: &str, settings: &Settings) -> Self {
        Self::over(VirtualTime::new(), settings, Some(name))
    }

    /// Another session, on another source, in the same time.
    pub(super) fn over(time: VirtualTime, settings: &Settings, sharing: Option<&str>) -> Self {
        let source = Script::new(Arc::new(time.clone()), sharing);
        Self::on(time, source, settings)
    }

    /// Another session on a source of the same script, in the same time.
    pub(super) fn another(&self, settings: &Settings) -> Self {
        Self::on(self.time.clone(), self.source.clone(), settings)
    }

    fn on(time: VirtualTime, source: Arc<Script>, settings: &Settings) -> Self {
        let heard = Heard::default();
        let (session, alarm) = open(&time, Box::new(Scripted::new(&source)), settings, heard.listener());
        Self { time, source, session: Arc::new(session), heard, alarm }
    }

    pub(super) async fn settle(&self) {
        self.time.settle().await;
    }

    pub(super) async fn pass(&self, by: Duration) {
        self.time.pass(by).await;
    }

    /// Reads, and lets whatever that started in the background come to its end.
    pub(super) async fn key(&self) -> Result<String, Code> {
        let read = self.read(Demand::Valid).await;
        self.settle().await;
        read
    }

    pub(super) async fn read(&self, demand: Demand) -> Result<String, Code> {
        key(self.session.identity(demand).await)
    }

    /// A caller who may have to wait.
    pub(super) fn ask(&self, demand: Demand) -> JoinHandle<Result<String, Code>> {
        let session = self.session.clone();
        tokio::spawn(async move { key(session.identity(demand).await) })
    }

    /// Whether neither the engine that was made for this session nor its timer exists any more.
    pub(super) fn is_gone(&self) -> bool {
        self.alarm.strong_count() == 0
    }

    /// This machine's wall clock, set wrong by so many seconds.
    pub(super) async fn set_wall_wrong_by(&self, seconds: i64) {
        let wall = self.time.wall().unix_millis() + seconds * 1000;
        self.time.set_wall(Timestamp::from_unix_millis(wall));
        self.settle().await;
    }
}

fn key(read: Result<Presented>) -> Result<String, Code> {
    read.map(|keys| keys.held.identity.access_key_id.clone()).map_err(|error| error.code())
}

/// A session, and whether its engine and timer live.
pub(super) fn open(
    time: &VirtualTime,
    source: Box<dyn Source>,
    settings: &Settings,
    listener: Listener,
) -> (Session, Weak<VirtualTime>) {
    let alarm = Arc::new(time.clone());
    let weak = Arc::downgrade(&alarm);
    let around = Surroundings { clock: Arc::new(time.clone()), alarm, runtime: Handle::current() };
    (Session::open(source, settings, around, listener).unwrap(), weak)
}

/// What a session has told.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<SessionEvent>>>);

impl Heard {
    pub(super) fn listener(&self) -> Listener {
        let heard = self.0.clone();
        Arc::new(move |event| heard.lock().unwrap().push(event.clone()))
    }

    /// Since the last call.
    pub(super) fn take(&self) -> Vec<SessionEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The same in a word each, with what it was about.
    pub(super) fn words(&self) -> Vec<String> {
        let word = |event: SessionEvent| match event {
            SessionEvent::Refreshed { access_key_id, .. } => format!("refreshed {access_key_id}"),
            SessionEvent::RefreshFailed { error, .. } => format!("failed {}", error.code()),
            SessionEvent::Expired { access_key_id, .. } => format!("expired {access_key_id}"),
            SessionEvent::Warning(warning) => format!("warning {}", warning.code),
        };
        self.take().into_iter().map(word).collect()
    }
}
