//! Linux: one watcher for the whole process, which goes with its last reader.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use refresh_session_core::Clock;
use rustix::io::Errno;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Network;
use super::pace::Pace;
use super::socket::Socket;
use crate::alarm::{Alarm, SystemAlarm};
use crate::clock::SystemClock;
use crate::source::Fetching;
use crate::task;

/// The machine's network, by what the kernel tells of it.
#[derive(Debug, Default)]
pub struct SystemNetwork {
    reading: Mutex<Option<Reading>>,
}

impl SystemNetwork {
    /// Opens nothing before somebody waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn reading(&self) -> Reading {
        lock(&self.reading).get_or_insert_with(Reading::begin).clone()
    }
}

impl Network for SystemNetwork {
    fn came(&self) -> Fetching<'_, ()> {
        Box::pin(async move {
            loop {
                let mut reading = self.reading();
                let told = reading.notices.changed().await;
                // Seen now, or the watcher's runtime has ended before this one: then another watcher is needed.
                *lock(&self.reading) = told.is_ok().then_some(reading);
                if told.is_ok() {
                    return;
                }
            }
        })
    }
}

/// A reader's part in the watcher. A clone has seen what the original has.
#[derive(Clone, Debug)]
struct Reading {
    notices: watch::Receiver<()>,
    _watcher: Arc<Watcher>,
}

impl Reading {
    fn begin() -> Self {
        static SHARED: Mutex<Weak<Watcher>> = Mutex::new(Weak::new());
        let mut shared = lock(&SHARED);
        let running = shared.upgrade().filter(|watcher| watcher.notices.has_changed().is_ok());
        let watcher = running.unwrap_or_else(|| {
            let watcher = Arc::new(Watcher::start());
            *shared = Arc::downgrade(&watcher);
            watcher
        });
        let mut notices = watcher.notices.clone();
        notices.mark_unchanged();
        Self { notices, _watcher: watcher }
    }
}

/// The task that reads the socket. It ends, and the socket with it, when this is dropped.
#[derive(Debug)]
struct Watcher {
    notices: watch::Receiver<()>,
    task: AbortHandle,
}

impl Watcher {
    fn start() -> Self {
        let (tell, notices) = watch::channel(());
        // Open before anybody waits: what comes from here on is told.
        let socket = Socket::open();
        Self { notices, task: task::spawn(&Handle::current(), watch(socket, tell)).abort_handle() }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Before the next try where the kernel lacked something.
const PATIENCE: Duration = Duration::from_mins(1);

async fn watch(mut socket: std::io::Result<Socket>, tell: watch::Sender<()>) {
    let mut pace = Pace::default();
    loop {
        let error = match &mut socket {
            Ok(socket) => read(socket, &mut pace, &tell).await,
            Err(error) => std::mem::replace(error, std::io::ErrorKind::Other.into()),
        };
        if !passes(&error) {
            // Never tells. Nobody is to try again for that, so it goes on.
            drop(socket);
            return std::future::pending().await;
        }
        tokio::time::sleep(PATIENCE).await;
        socket = Socket::open();
    }
}

/// Tells of news until the socket fails.
async fn read(socket: &mut Socket, pace: &mut Pace, tell: &watch::Sender<()>) -> std::io::Error {
    let alarm = SystemAlarm::new();
    loop {
        if let Err(error) = socket.news().await {
            return error;
        }
        alarm.sleep_until(pace.due(SystemClock.boot())).await;
        if let Err(error) = socket.catch_up() {
            return error;
        }
        pace.told(SystemClock.boot());
        tell.send_replace(());
    }
}

/// Whether it may be otherwise a minute later. Whatever forbids such sockets goes on forbidding them.
fn passes(error: &std::io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    error.raw_os_error().is_some_and(|code| short.iter().any(|errno| errno.raw_os_error() == code))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn where_it_is_forbidden_nobody_is_told_and_nothing_runs() {
        for errno in [Errno::ACCESS, Errno::PERM, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::NOSYS] {
            let (tell, mut notices) = watch::channel(());
            let watching = tokio::spawn(watch(Err(errno.into()), tell));
            let day = Duration::from_hours(24);
            tokio::time::timeout(day, notices.changed()).await.expect_err("told, or ended");
            assert!(!watching.is_finished());
            watching.abort();
        }
    }

    #[test]
    fn what_lacks_for_now_is_tried_again() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS] {
            assert!(passes(&errno.into()), "{errno}");
        }
        assert!(!passes(&Errno::PERM.into()));
        assert!(!passes(&std::io::ErrorKind::Other.into()));
    }
}
