//! The AWS IoT source: options in, credentials out.
//!
//! [`IotSource::new`] parses everything that can be parsed without the network and without the token. Who it is, and the
//! token, its [`Device`] sees to.
//!
//! Every fetch has the device look at its files first. One that has changed for the good means a new TLS configuration
//! and a new connection: neither tickets nor a kept connection of the old identity are used again.

mod options;

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Calendar, Class, Clock, Code, Error, Issued, Result, Timestamp, Warning};
use refresh_session_iot::{Endpoint, IotClient, IotRequest};
use refresh_session_tls::{HttpClient, Proxy, Target};
use tokio::sync::Mutex;

pub use options::{CaOptions, DeviceOptions, IotOptions, Pkcs11Fields, Pkcs11Options, ProxyOptions};

use crate::description::Description;
use crate::device::{Device, Identified};
use crate::source::{Fetching, Source};
use crate::{ca, proxy};

/// The AWS IoT credentials endpoint as a [`Source`].
pub struct IotSource {
    device: Arc<Device>,
    target: Target,
    proxy: Option<Proxy>,
    verify_peer: bool,
    request: IotRequest,
    connect_timeout: Option<Duration>,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
    client: Mutex<Option<Connected>>,
    region: Option<String>,
    sharing: Option<KeyedHash>,
}

/// An identity with its client.
#[derive(Clone)]
struct Connected {
    identified: Identified,
    client: Arc<IotClient>,
}

impl IotSource {
    /// Checks the options and reads the files they name. The warnings are for the user.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn new(
        options: IotOptions,
        clock: Arc<dyn Clock>,
        calendar: Calendar,
    ) -> Result<(Self, Vec<Warning>)> {
        let mut warnings = Vec::new();
        let mut description = describe(&options);
        let (endpoint, rewritten) = Endpoint::parse(&options.endpoint)?;
        warnings.extend(rewritten);
        let request = IotRequest::new(options.role_alias, options.thing_name, options.duration_seconds)?;
        let target = Target::new(endpoint.host, endpoint.port, options.server_name)?;
        let proxy = proxy::on_the_way_to(&target, &options.proxy)?;
        proxy::describe(proxy.as_ref(), &mut description);
        if !options.verify_peer {
            warnings.push(ca::not_verified());
        }
        let device = DeviceOptions {
            certificate: options.certificate,
            private_key: options.private_key,
            private_key_passphrase: options.private_key_passphrase,
            pkcs11: options.pkcs11,
            ca: options.ca,
            timeout: options.timeout,
            certificate_warning_days: options.certificate_warning_days,
        };
        let (device, of_device, shareable) = Device::new(device, &clock, &mut description)?;
        warnings.extend(of_device);
        let source = Self {
            device: Arc::new(device),
            target,
            proxy,
            verify_peer: options.verify_peer,
            request,
            connect_timeout: options.connect_timeout,
            clock,
            calendar,
            client: Mutex::new(None),
            region: endpoint.region,
            sharing: shareable.then(|| description.finish()).transpose()?,
        };
        Ok((source, warnings))
    }

    /// The AWS region in the endpoint's name.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The client of the identity in use.
    async fn connected(&self) -> Result<Connected> {
        let mut slot = self.client.lock().await;
        let identified = match self.device.identified().await {
            Ok(identified) => identified,
            Err(error) => {
                if error.class() == Class::Pkcs11 {
                    // Its connection goes with the token.
                    slot.take();
                }
                return Err(error);
            }
        };
        if let Some(connected) =
            slot.as_ref().filter(|connected| connected.identified.revision == identified.revision)
        {
            return Ok(connected.clone());
        }
        let tls = identified.tls(self.verify_peer, &self.calendar, self.clock.clone()).await?;
        if let Some(warning) = tls.warning() {
            self.device.warn(warning.clone());
        }
        let http = HttpClient::new(self.target.clone(), tls, self.connect_timeout, self.clock.clone())
            .through(self.proxy.clone());
        let client = Arc::new(IotClient::new(http, self.request.clone(), self.clock.clone()));
        // The old one's connection goes with it.
        Ok(slot.insert(Connected { identified, client }).clone())
    }

    async fn attempt(&self) -> Result<Issued> {
        let connected = self.connected().await?;
        let fetched = connected.client.fetch().await;
        if let Err(error) = &fetched
            && error.class() == Class::Pkcs11
        {
            self.client.lock().await.take();
            self.device.failed(&connected.identified, error);
        }
        fetched
    }
}

impl Source for IotSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let looked = self.device.look().await;
            let mut fetched = self.attempt().await;
            if fetched.as_ref().is_err_and(Device::may_be_rotated) {
                // Somebody may have revoked the old certificate, or changed the CA, as soon as the new one was written.
                if self.device.look().await != looked {
                    fetched = self.attempt().await;
                }
            }
            self.device.used(self.clock.boot(), self.calendar.reading(&*self.clock));
            fetched
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        // Held by the fetch only while it opens the token or loads the trust store.
        if let Some(connected) = self.client.try_lock().ok().and_then(|connected| connected.clone()) {
            return connected.client.timed_out(limit);
        }
        self.device.timed_out(limit).unwrap_or_else(|| {
            Error::new(
                Code::Timeout,
                format!("loading the trust store: not done within {} ms", limit.as_millis()),
            )
            .with_hint("Check the device's disk, or raise `timeoutMs`.")
        })
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {
            if let Some(connected) = self.client.lock().await.take() {
                connected.client.close().await;
            }
            self.device.release();
        })
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.sharing
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

impl std::fmt::Debug for IotSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IotSource")
            .field("target", &self.target)
            .field("proxy", &self.proxy)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// What decides which keys the endpoint issues, and by which way it is asked. The device adds who it
/// is.
fn describe(options: &IotOptions) -> Description {
    let mut description = Description::new("iot");
    description.field("endpoint", &options.endpoint);
    description.field("roleAlias", &options.role_alias);
    description.optional("thingName", options.thing_name.as_ref());
    description.optional("durationSeconds", options.duration_seconds.map(u32::to_le_bytes));
    description.optional("serverName", options.server_name.as_ref());
    description.field("verifyPeer", [options.verify_peer.into()]);
    description
        .optional("connectTimeoutMs", options.connect_timeout.map(|limit| limit.as_millis().to_le_bytes()));
    description
}
