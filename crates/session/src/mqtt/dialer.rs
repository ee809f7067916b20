//! Brings up TLS, or WebSocket in TLS, to one place, with one identity.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refresh_session_core::{Code, Error, Result, Warning};
use refresh_session_tls::{TlsConfig, Trust, dial};
use tokio::time::timeout;

use super::route::Route;
use super::upgrading::Upgrading;
use super::wire::{Dial, Wire};
use crate::Session;
use crate::device::{Device, Identified};
use crate::source::Fetching;
use crate::task;

/// Who we are to the server.
pub(super) enum Who {
    /// One with a certificate.
    Device {
        device: Arc<Device>,
        /// Whose device it is, if it is a session's: it tells the device's warnings.
        session: Option<Arc<Session>>,
        /// In place of the device's.
        trust: Option<Trust>,
    },
    /// One that shows no certificate in TLS.
    Nobody {
        /// Which servers are believed; `None`: as the device has it.
        trust: Trust,
        device: Option<Arc<Device>>,
    },
}

/// A [`Dial`] to real servers.
pub(super) struct Dialer {
    route: Route,
    who: Who,
    /// With WebSocket.
    upgrading: Option<Upgrading>,
    /// The dialer of one identity: its tickets are not for another one.
    made: Mutex<Option<Made>>,
    warnings: Mutex<Vec<Warning>>,
}

#[derive(Clone)]
struct Made {
    /// Of the identity.
    revision: Option<u64>,
    identified: Option<Identified>,
    dialer: Arc<dial::Dialer>,
}

impl Dialer {
    pub(super) fn new(route: Route, who: Who, upgrading: Option<Upgrading>) -> Self {
        Self { route, who, upgrading, made: Mutex::default(), warnings: Mutex::default() }
    }

    async fn attempt(&self) -> Result<Wire> {
        let Some(device) = self.device() else { return self.once().await };
        let looked = device.look().await;
        let mut outcome = self.once().await;
        // Somebody may have revoked the old certificate, or changed the CA, as soon as the new one was written.
        if outcome.as_ref().is_err_and(Device::may_be_rotated) && device.look().await != looked {
            outcome = self.once().await;
        }
        let Route { clock, calendar, .. } = &self.route;
        device.used(clock.boot(), calendar.reading(&**clock));
        outcome
    }

    async fn once(&self) -> Result<Wire> {
        let made = self.made().await?;
        let Some(upgrading) = &self.upgrading else {
            return Ok(Box::new(self.carried(&made).await?));
        };
        // Before there is a connection that somebody may time out on.
        let mut path = upgrading.path(&self.route).await?;
        let before = self.route.offset();
        let mut opened = upgrading.open(self.carried(&made).await?, path, &self.route).await;
        if opened.as_ref().is_err_and(|error| error.code() == Code::MqttConnectRefused) {
            upgrading.refused();
            // The answer has told what time it is. If that was what was wrong, it is not any more.
            if self.route.offset().abs_diff(before) > TOLERATED_MILLIS {
                path = upgrading.path(&self.route).await?;
                opened = upgrading.open(self.carried(&made).await?, path, &self.route).await;
            }
        }
        Ok(Box::new(opened?))
    }

    async fn carried(&self, made: &Made) -> Result<dial::TlsStream> {
        made.dialer.dial().await.inspect_err(|error| {
            if let (Who::Device { device, .. }, Some(identified)) = (&self.who, &made.identified) {
                device.failed(identified, error);
            }
        })
    }

    /// For the identity in use.
    async fn made(&self) -> Result<Made> {
        let identified = match &self.who {
            Who::Device { device, .. } => Some(device.identified().await?),
            Who::Nobody { .. } => None,
        };
        let revision = identified.as_ref().map(|identified| identified.revision);
        // Without an identity there are no tickets worth keeping: such connections are few, and last.
        if let Some(made) =
            lock(&self.made).as_ref().filter(|made| revision.is_some() && made.revision == revision)
        {
            return Ok(made.clone());
        }
        let tls = self.tls(identified.as_ref()).await?;
        if let Some(warning) = tls.warning() {
            lock(&self.warnings).push(warning.clone());
        }
        let Route { target, proxy, alpn, clock, .. } = &self.route;
        let (tls, named) = match alpn {
            Some(name) => (tls.with_alpn(&[*name]), true),
            None => (tls, false),
        };
        let dialer = dial::Dialer::new(target.clone(), tls, None, clock.clone())
            .through(proxy.clone())
            .requiring_alpn(named);
        let made = Made { revision, identified, dialer: Arc::new(dialer) };
        *lock(&self.made) = Some(made.clone());
        Ok(made)
    }

    async fn tls(&self, identified: Option<&Identified>) -> Result<TlsConfig> {
        let Route { verify_peer, clock, calendar, .. } = &self.route;
        let (verify_peer, clock, calendar) = (*verify_peer, clock.clone(), calendar.clone());
        match (&self.who, identified) {
            (Who::Device { trust, .. }, Some(identified)) => {
                let trust = trust.clone().unwrap_or_else(|| identified.trust.clone());
                let mut identified = identified.clone();
                identified.trust = trust;
                identified.tls(verify_peer, &calendar, clock).await
            }
            (Who::Nobody { trust, device }, _) => {
                let trust = device.as_ref().map_or_else(|| trust.clone(), |device| device.trust());
                task::tls(None, trust, verify_peer, calendar, clock).await
            }
            (Who::Device { .. }, None) => Err(Error::new(Code::Internal, "a device without an identity")),
        }
    }

    fn device(&self) -> Option<&Arc<Device>> {
        match &self.who {
            Who::Device { device, .. } => Some(device),
            Who::Nobody { device, .. } => device.as_ref(),
        }
    }

    /// Where the time went.
    fn timed_out(&self) -> Error {
        let limit = self.route.limit;
        if let Who::Device { device, .. } = &self.who
            && let Some(error) = device.timed_out(limit)
        {
            return error;
        }
        if let Some(error) = self.upgrading.as_ref().and_then(|upgrading| upgrading.timed_out(limit)) {
            return error;
        }
        match lock(&self.made).as_ref() {
            Some(made) => made.dialer.timed_out(limit),
            None => Error::new(
                Code::Timeout,
                format!("loading the trust store: not done within {} ms", limit.as_millis()),
            )
            .with_hint("Check the device's disk, or raise `connectTimeoutMs`."),
        }
    }
}

impl Dial for Dialer {
    fn dial(&self) -> Fetching<'_, Result<Wire>> {
        Box::pin(async {
            let outcome = match timeout(self.route.limit, self.attempt()).await {
                Ok(outcome) => outcome,
                Err(_) => Err(self.timed_out()),
            };
            if let Who::Device { session: Some(session), .. } = &self.who {
                session.tell_warnings();
            }
            outcome
        })
    }

    fn take_warnings(&self) -> Vec<Warning> {
        let mut warnings = std::mem::take(&mut *lock(&self.warnings));
        if let Who::Device { device, session: None, .. } = &self.who {
            warnings.extend(device.take_warnings());
        }
        warnings
    }
}

/// A signature that is off by more is made again. AWS takes five minutes.
const TOLERATED_MILLIS: u64 = 60_000;

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("target", &self.route.target)
            .field("proxy", &self.route.proxy)
            .field("alpn", &self.route.alpn)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
