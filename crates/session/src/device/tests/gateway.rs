//! Two months of a gateway that asks for keys every hour, with real files in virtual time.

use std::path::PathBuf;

use refresh_session_core::{Basis, Error, Issued, Result, ServerClock};
use refresh_session_refresh::{Demand, Settings};

use super::*;
use crate::alarm::virtual_time::VirtualTime;
use crate::source::{Fetching, Source};
use crate::tests::bed::{HOUR, Heard, deferred, eager, open};
use crate::tests::script::{Script, Scripted};
use crate::{Session, SessionEvent};

const HANGS: Duration = Duration::from_secs(20);

/// A script's keys, as a device with files gets them.
struct WithFiles {
    keys: Scripted,
    device: Arc<Device>,
    time: VirtualTime,
    server: Mutex<ServerClock>,
}

impl std::fmt::Debug for WithFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WithFiles")
    }
}

impl Source for WithFiles {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            self.device.look().await;
            let fetched = self.keys.fetch().await;
            let mut server = self.server.lock().unwrap();
            if let Ok(issued) = &fetched
                && let Some(date) = issued.server_date
            {
                server.learn(date, issued.at, issued.round_trip);
            }
            let boot = self.time.boot();
            let reading = server.at(boot).map_or_else(
                || Reading { now: self.time.wall(), basis: Basis::Wall },
                |now| Reading { now, basis: Basis::Server },
            );
            self.device.used(boot, reading);
            fetched
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        self.keys.timed_out(limit)
    }

    fn close(&self) -> Fetching<'_, ()> {
        self.keys.close()
    }

    fn take_warnings(&self) -> Vec<Warning> {
        self.device.take_warnings()
    }

    fn certificate_expiry(&self) -> Option<Timestamp> {
        self.device.certificate_expiry()
    }

    fn device(&self) -> Option<Arc<Device>> {
        Some(self.device.clone())
    }
}

struct Gateway {
    time: VirtualTime,
    script: Arc<Script>,
    session: Session,
    heard: Heard,
    folder: PathBuf,
}

impl Gateway {
    /// On 2026-01-01, with a certificate that ends on this day.
    fn new(name: &str, ends: (i32, u8, u8)) -> Self {
        Self::with(name, ends, &deferred())
    }

    fn with(name: &str, ends: (i32, u8, u8), settings: &Settings) -> Self {
        let folder = folder(name);
        issue(&folder, ends);
        let (time, heard) = (VirtualTime::new(), Heard::default());
        let clock: Arc<dyn Clock> = Arc::new(time.clone());
        let device = Arc::new(device(options(&folder), &clock));
        let script = Script::new(Arc::new(time.clone()), None);
        let (keys, server) = (Scripted::new(&script), Mutex::default());
        let source = WithFiles { keys, device, time: time.clone(), server };
        let (session, _) = open(&time, Box::new(source), settings, heard.listener());
        Self { time, script, session, heard, folder }
    }

    /// An hour later keys are over: the read waits for new ones. The warnings that came with them.
    async fn hour(&self) -> Vec<String> {
        self.time.advance(HOUR);
        let _ = self.session.identity(Demand::Valid).await;
        self.heard.warnings()
    }

    /// The day of the month and the hour of every warning in so many days.
    async fn days(&self, days: u32) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..days * 24 {
            for warning in self.hour().await {
                assert!(warning.contains("WARN_CERTIFICATE_EXPIRES"), "{warning}");
                told.push(self.now());
            }
        }
        told
    }

    fn now(&self) -> String {
        self.time.wall().to_string()
    }

    fn expiry(&self) -> String {
        self.session.status().certificate_expiry.unwrap().to_string()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn warnings_begin_thirty_days_before_come_daily_and_end_with_the_rotation() {
    let gateway = Gateway::new("sixty-days", (2026, 2, 1));
    assert_eq!(gateway.expiry(), "2026-02-01T00:00:00Z");
    // To the hour: 30 days before, then every 24 hours.
    let days: Vec<_> = (2..=10).map(|day| format!("2026-01-{day:02}T00:00:00Z")).collect();
    assert_eq!(gateway.days(9).await, days);
    assert_eq!(gateway.expiry(), "2026-02-01T00:00:00Z");

    issue(&gateway.folder, (2026, 3, 15));
    assert!(gateway.hour().await.is_empty());
    assert_eq!(gateway.expiry(), "2026-03-15T00:00:00Z");
    // Until 30 days before the end of that one.
    assert_eq!(gateway.days(34).await, ["2026-02-13T00:00:00Z"]);
    assert_eq!(gateway.now(), "2026-02-13T01:00:00Z");
    assert_eq!(gateway.days(17).await.len(), 17);

    issue(&gateway.folder, (2027, 3, 15));
    assert!(gateway.hour().await.is_empty());
    assert!(gateway.days(2).await.is_empty());
}

#[tokio::test]
async fn a_wall_clock_that_is_wrong_changes_nothing() {
    let gateway = Gateway::new("wrong-clock", (2026, 2, 1));
    gateway.time.set_wall(Timestamp::from_unix_millis(0));
    assert_eq!(gateway.days(1).await, ["1970-01-02T00:00:00Z"]);
    gateway.time.set_wall(Timestamp::from_unix_millis(4_000_000_000_000));
    assert_eq!(gateway.days(3).await.len(), 3);
}

#[tokio::test]
async fn a_certificate_that_is_over_is_told_daily_while_every_fetch_fails() {
    let gateway = Gateway::new("over", (2026, 1, 3));
    let day = gateway.days(1).await;
    // At the first fetch, which is near enough.
    assert_eq!(day, ["2026-01-01T01:00:00Z"]);
    gateway.script.answer(crate::tests::script::Answer::Failure(Code::CertificateRefused));
    let told = gateway.days(5).await;
    assert_eq!(told.len(), 5, "{told:?}");
    // The new one ends that, also when it is refused.
    issue(&gateway.folder, (2027, 1, 1));
    assert!(gateway.days(2).await.is_empty());
    assert_eq!(gateway.expiry(), "2027-01-01T00:00:00Z");
}

#[tokio::test]
async fn an_eager_session_that_nobody_reads_from_looks_too() {
    let gateway = Gateway::with("eager", (2026, 1, 20), &eager());
    let fetches = async |number| {
        while gateway.script.fetches() < number || gateway.session.status().fetches < number as u64 {
            // Files are read by another thread, which the virtual time knows nothing of.
            tokio::task::yield_now().await;
        }
    };
    gateway.time.settle().await;
    gateway.time.advance(Duration::from_secs(5));
    timeout(HANGS, fetches(1)).await.unwrap();
    gateway.time.settle().await;
    assert_eq!(gateway.heard.warnings().len(), 1);
    issue(&gateway.folder, (2027, 1, 1));
    gateway.time.settle().await;
    gateway.time.advance(HOUR);
    timeout(HANGS, fetches(2)).await.unwrap();
    gateway.time.settle().await;
    assert_eq!(gateway.expiry(), "2027-01-01T00:00:00Z");
}

#[tokio::test]
async fn who_uses_the_device_too_has_the_session_tell_its_warnings() {
    let gateway = Gateway::new("another-user", (2026, 1, 20));
    let device = gateway.session.device().unwrap();
    let reading = Reading { now: gateway.time.wall(), basis: Basis::Wall };
    device.used(gateway.time.boot(), reading);
    assert!(gateway.heard.warnings().is_empty());
    gateway.session.tell_warnings();
    assert_eq!(gateway.heard.warnings().len(), 1);
    // Neither is told again: a day has not passed.
    assert!(gateway.hour().await.is_empty());
}

/// What a gateway has heard, as text.
impl Heard {
    fn warnings(&self) -> Vec<String> {
        let warning = |event| match event {
            SessionEvent::Warning(warning) => Some(format!("{}: {}", warning.code, warning.message)),
            _ => None,
        };
        self.take().into_iter().filter_map(warning).collect()
    }
}
