//! STS, and the way to it: one client for a source, made at its first use.

use std::fmt;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use refresh_session_core::{Calendar, Clock, Code, Error, Result, Secret, Warning};
use refresh_session_sts::{StsClient, StsEndpoint, StsSettings};
use refresh_session_tls::{HttpClient, Proxy, Trust};
use tokio::sync::Mutex;

use super::StsClientOptions;
use crate::ca::{self, CaOptions};
use crate::description::Description;
use crate::{proxy, task};

const CA: &str = "stsClientConfig.ca";

/// An endpoint of STS with everything that leads there.
pub struct StsLink {
    endpoint: StsEndpoint,
    trust: Trust,
    /// The bundle's content, for telling links apart.
    bundle: Option<Secret>,
    verify_peer: bool,
    server_name: Option<String>,
    proxy: Option<Proxy>,
    connect_timeout: Option<Duration>,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
    client: Mutex<Option<Arc<StsClient>>>,
    warnings: SyncMutex<Vec<Warning>>,
}

impl StsLink {
    /// Checks the options and reads the CA they name. No network.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn new(
        options: StsClientOptions,
        clock: Arc<dyn Clock>,
        calendar: Calendar,
    ) -> Result<(Self, Vec<Warning>)> {
        let StsClientOptions {
            region, endpoint, use_fips, use_dualstack, ca, verify_peer, server_name, ..
        } = options;
        let region = region.ok_or_else(missing_region)?;
        let named = server_name.clone();
        let settings = StsSettings { region, endpoint, use_fips, use_dualstack, server_name };
        let endpoint = StsEndpoint::new(settings)?;
        let proxy = proxy::on_the_way_to(endpoint.target(), &options.proxy)
            .map_err(|error| error.with_param("stsClientConfig.proxy"))?;
        let (trust, bundle) = match ca {
            CaOptions::System => (Trust::System, None),
            CaOptions::Bundle(material) => {
                let material = material.loaded(CA)?;
                let trust = Trust::bundle(&material).map_err(|error| error.with_param(CA))?;
                (trust, Some(material.read(CA)?))
            }
        };
        let mut warnings = Vec::new();
        if !verify_peer && !endpoint.is_plain() {
            warnings.push(ca::not_verified());
        }
        let link = Self {
            endpoint,
            trust,
            bundle,
            verify_peer,
            server_name: named,
            proxy,
            connect_timeout: options.connect_timeout,
            clock,
            calendar,
            client: Mutex::new(None),
            warnings: SyncMutex::default(),
        };
        Ok((link, warnings))
    }

    /// The region that requests are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        self.endpoint.region()
    }

    /// The client. The first time it may read the system's trust store.
    ///
    /// # Errors
    /// `ERR_BAD_CA` if the trusted roots are unusable.
    pub async fn client(&self) -> Result<Arc<StsClient>> {
        let mut slot = self.client.lock().await;
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let http = self.http().await?.through(self.proxy.clone());
        let client = StsClient::new(self.endpoint.clone(), http, self.calendar.clone(), self.clock.clone());
        Ok(slot.insert(Arc::new(client)).clone())
    }

    /// The error for a call that was dropped because it may take no more than `limit`.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        match self.client.try_lock().ok().and_then(|client| client.clone()) {
            Some(client) => client.timed_out(limit),
            None => Error::new(
                Code::Timeout,
                format!("loading the trust store: not done within {} ms", limit.as_millis()),
            )
            .with_hint("Check the device's disk, or raise `timeoutMs`."),
        }
    }

    /// Closes the kept connection.
    pub async fn close(&self) {
        if let Some(client) = self.client.lock().await.take() {
            client.close().await;
        }
    }

    /// Warnings that came up since the last call.
    pub fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds which STS it is, and by which way it is asked.
    pub fn describe(&self, description: &mut Description) {
        let target = self.endpoint.target();
        description.field("region", self.region());
        description.field("endpoint", target.authority());
        description.field("plain", [self.endpoint.is_plain().into()]);
        description.field("verifyPeer", [self.verify_peer.into()]);
        description.optional("serverName", self.server_name.as_ref());
        description.optional("ca", self.bundle.as_ref().map(|bundle| bundle.expose().to_vec()));
        description
            .optional("connectTimeoutMs", self.connect_timeout.map(|limit| limit.as_millis().to_le_bytes()));
        proxy::describe(self.proxy.as_ref(), description);
    }

    async fn http(&self) -> Result<HttpClient> {
        let (target, limit, clock) =
            (self.endpoint.target().clone(), self.connect_timeout, self.clock.clone());
        if self.endpoint.is_plain() {
            return Ok(HttpClient::plain(target, limit, clock));
        }
        let (trust, verify, calendar) = (self.trust.clone(), self.verify_peer, self.calendar.clone());
        let tls = task::tls(None, trust, verify, calendar, clock.clone()).await?;
        if let Some(warning) = tls.warning() {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.clone());
        }
        Ok(HttpClient::new(target, tls, limit, clock))
    }
}

impl fmt::Debug for StsLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsLink")
            .field("endpoint", &self.endpoint)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

fn missing_region() -> Error {
    Error::new(Code::MissingOption, "option `region` is missing: STS is asked in a region")
        .with_param("region")
        .with_hint("Give `region`, `stsClientConfig.region`, or AWS_REGION in the environment.")
}
