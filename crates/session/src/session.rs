//! A user's part in a source: reads, listens, and ends without ending the others'.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use refresh_session_core::Result;
use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::crypto::random;
use refresh_session_refresh::{Demand, Settings};
use tokio::sync::Notify;

use crate::description::Description;
use crate::device::Device;
use crate::engine::{Engine, Presented, SessionStatus, Surroundings, closed};
use crate::listener::Listener;
use crate::registry::Membership;
use crate::source::Source;

/// A session: what one user has of a source.
#[derive(Debug)]
pub struct Session {
    membership: Membership,
    listener: u64,
    closed: AtomicBool,
    closing: Notify,
}

impl Session {
    /// Nothing is fetched until somebody asks, or, in eager mode, until the runtime gets to it.
    ///
    /// Where another session of the process has the same source and the same settings, this one shares its engine,
    /// and `source` is dropped.
    ///
    /// # Errors
    /// Only if the system has no random numbers.
    pub fn open(
        source: Box<dyn Source>,
        settings: &Settings,
        around: Surroundings,
        listener: Listener,
    ) -> Result<Self> {
        let key = source.sharing().map(|source| key(source, settings)).transpose()?;
        let seed = random::seed()?;
        let membership = Membership::join(key, || Engine::new(source, settings, seed, around));
        let listener = membership.engine().listen(listener);
        Ok(Self { membership, listener, closed: AtomicBool::new(false), closing: Notify::new() })
    }

    /// The number of the keys that may be used without asking, otherwise 0: ask [`identity`](Self::identity).
    ///
    /// Cheap, takes no lock and allocates nothing: what lets a caller serve its own copy.
    #[must_use]
    pub fn fresh_serial(&self) -> u32 {
        if self.closed.load(Ordering::Relaxed) { 0 } else { self.engine().fresh_serial() }
    }

    /// Keys, fetched if need be. See [`Demand`].
    ///
    /// # Errors
    /// The source's error when there are no keys to serve, or for a demand that wants a fetch's outcome;
    /// `ERR_CLOSED`.
    pub async fn identity(&self, demand: Demand) -> Result<Presented> {
        self.while_open(async { Ok(self.engine().present(self.engine().read(demand).await?)) }).await
    }

    /// The outcome of `asking`, which is dropped when the session is closed.
    ///
    /// # Errors
    /// Those of `asking`; `ERR_CLOSED`.
    pub async fn while_open<T>(&self, asking: impl Future<Output = Result<T>>) -> Result<T> {
        let closing = self.closing.notified();
        tokio::pin!(closing);
        closing.as_mut().enable();
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        tokio::select! {
            outcome = asking => outcome,
            () = closing => Err(closed()),
        }
    }

    /// A service answered that these keys are no good any more. True if they are the ones held.
    pub fn invalidate(&self, access_key_id: &str) -> bool {
        !self.closed.load(Ordering::Acquire) && self.engine().invalidate(access_key_id)
    }

    /// How things stand.
    #[must_use]
    pub fn status(&self) -> SessionStatus {
        if self.closed.load(Ordering::Acquire) { SessionStatus::CLOSED } else { self.engine().status() }
    }

    /// The device that keys are fetched with, which is not that of the source given to [`open`](Self::open) where an engine
    /// is shared; `None`: the source has no device certificate.
    #[must_use]
    pub fn device(&self) -> Option<Arc<Device>> {
        self.engine().device()
    }

    /// Tells the warnings that came up since a fetch last told some: for whoever uses its [`device`](Self::device) too.
    pub fn tell_warnings(&self) {
        self.engine().tell_warnings();
    }

    /// Ends it. Whoever waits on it gets `ERR_CLOSED`; with the last session on a source the fetch is dropped, keys
    /// are wiped, connections and token sessions closed: the future is the wait for that, all else has happened when this
    /// returns. Again and again has no further effect.
    pub fn close(&self) -> impl Future<Output = ()> + Send + use<> {
        let engine = self.leave();
        async move {
            if let Some(engine) = engine {
                engine.close().await;
            }
        }
    }

    /// The engine, for the one who has to end it.
    fn leave(&self) -> Option<Arc<Engine>> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.closing.notify_waiters();
        self.engine().unlisten(self.listener);
        self.membership.leave().then(|| self.engine().clone())
    }

    fn engine(&self) -> &Arc<Engine> {
        self.membership.engine()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(engine) = self.leave() {
            engine.abandon();
        }
    }
}

/// Sources with other settings are asked at other times, so they are others.
fn key(source: KeyedHash, settings: &Settings) -> Result<KeyedHash> {
    let mut description = Description::new("shared engine");
    description.field("source", source);
    // Whatever a setting is called, it is in here.
    description.field("settings", format!("{settings:?}"));
    description.finish()
}
