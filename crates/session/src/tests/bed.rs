//! A session on virtual time, and what a test does with it.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use refresh_session_core::{Calendar, Clock, Code, Result, Timestamp};
use refresh_session_refresh::{Demand, Mode, Policy, Settings};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::script::{Script, Scripted};
use crate::alarm::virtual_time::VirtualTime;
use crate::source::Source;
use crate::{Listener, Presented, Session, SessionEvent, Surroundings};

pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// What one fetch may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// After so long, keys for an hour are in their advisory window, whatever was drawn, and not yet in the mandatory one.
pub(crate) const DUE: Duration = Duration::from_secs(3525);

/// Reads start fetches.
pub(crate) fn deferred() -> Settings {
    Settings::new(Policy::GATEWAY, LIMIT)
}

/// So does a timer, from the start.
pub(crate) fn eager() -> Settings {
    Settings { mode: Mode::Eager, ..deferred() }
}

/// A session with its time, its source and what it has been told.
pub(crate) struct Bed {
    pub(crate) time: VirtualTime,
    pub(crate) source: Arc<Script>,
    pub(crate) session: Arc<Session>,
    pub(crate) heard: Heard,
    /// Held by the engine that was made for this session, if one was, and by its timer.
    alarm: Weak<VirtualTime>,
}

impl Bed {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::over(VirtualTime::new(), settings, None)
    }

    /// On a source that may be shared under this name.
    pub(crate) fn shared(name: &str, settings: &Settings) -> Self {
        Self::over(VirtualTime::new(), settings, Some(name))
    }

    /// Another session, on another source, in the same time.
    pub(crate) fn over(time: VirtualTime, settings: &Settings, sharing: Option<&str>) -> Self {
        let source = Script::new(Arc::new(time.clone()), sharing);
        Self::on(time, source, settings)
    }

    /// Another session on a source of the same script, in the same time.
    pub(crate) fn another(&self, settings: &Settings) -> Self {
        Self::on(self.time.clone(), self.source.clone(), settings)
    }

    fn on(time: VirtualTime, source: Arc<Script>, settings: &Settings) -> Self {
        let heard = Heard::default();
        let (session, alarm) = open(&time, Box::new(Scripted::new(&source)), settings, heard.listener());
        Self { time, source, session: Arc::new(session), heard, alarm }
    }

    pub(crate) async fn settle(&self) {
        self.time.settle().await;
    }

    pub(crate) async fn pass(&self, by: Duration) {
        self.time.pass(by).await;
    }

    /// Reads, and lets whatever that started in the background come to its end.
    pub(crate) async fn key(&self) -> Result<String, Code> {
        let read = self.read(Demand::Valid).await;
        self.settle().await;
        read
    }

    pub(crate) async fn read(&self, demand: Demand) -> Result<String, Code> {
        key(self.session.identity(demand).await)
    }

    /// A caller who may have to wait.
    pub(crate) fn ask(&self, demand: Demand) -> JoinHandle<Result<String, Code>> {
        let session = self.session.clone();
        tokio::spawn(async move { key(session.identity(demand).await) })
    }

    /// Whether neither the engine that was made for this session nor its timer exists any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.alarm.strong_count() == 0
    }

    /// This machine's wall clock, set wrong by so many seconds.
    pub(crate) async fn set_wall_wrong_by(&self, seconds: i64) {
        let wall = self.time.wall().unix_millis() + seconds * 1000;
        self.time.set_wall(Timestamp::from_unix_millis(wall));
        self.settle().await;
    }
}

fn key(read: Result<Presented>) -> Result<String, Code> {
    read.map(|keys| keys.held.identity.access_key_id.clone()).map_err(|error| error.code())
}

/// A session, and whether its engine and timer live.
pub(crate) fn open(
    time: &VirtualTime,
    source: Box<dyn Source>,
    settings: &Settings,
    listener: Listener,
) -> (Session, Weak<VirtualTime>) {
    let alarm = Arc::new(time.clone());
    let weak = Arc::downgrade(&alarm);
    let around = Surroundings {
        clock: Arc::new(time.clone()),
        calendar: Calendar::new(),
        alarm,
        network: Arc::new(crate::SystemNetwork::new()),
        runtime: Handle::current(),
    };
    (Session::open(source, settings, around, listener).unwrap(), weak)
}

/// What a session has told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<SessionEvent>>>);

impl Heard {
    pub(crate) fn listener(&self) -> Listener {
        let heard = self.0.clone();
        Arc::new(move |event| heard.lock().unwrap().push(event.clone()))
    }

    /// Since the last call.
    pub(crate) fn take(&self) -> Vec<SessionEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The same in a word each, with what it was about.
    pub(crate) fn words(&self) -> Vec<String> {
        let word = |event: SessionEvent| match event {
            SessionEvent::Refreshed { access_key_id, .. } => format!("refreshed {access_key_id}"),
            SessionEvent::RefreshFailed { error, .. } => format!("failed {}", error.code()),
            SessionEvent::Expired { access_key_id, .. } => format!("expired {access_key_id}"),
            SessionEvent::Warning(warning) => format!("warning {}", warning.code),
        };
        self.take().into_iter().map(word).collect()
    }
}
