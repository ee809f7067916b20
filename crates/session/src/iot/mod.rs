//! The AWS IoT source: options in, credentials out.
//!
//! [`IotSource::new`] parses everything that can be parsed without the network and without the token: names, files,
//! and, for a key in a file, that it belongs to the certificate. The token is opened at the first fetch, off the
//! runtime's workers, and again only if that failed; from then on its signer looks after itself.
//!
//! Every fetch looks at the files first. One that has changed for the good means a new TLS configuration and a new
//! connection: neither tickets nor a kept connection of the old identity are used again.

mod device;
mod expiry;
mod files;
mod memory;
mod options;
pub(crate) mod token;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{
    Calendar, Certificate, Class, Clock, Code, Error, Issued, Result, Timestamp, Warning,
};
use refresh_session_iot::{Endpoint, IotClient, IotRequest};
use refresh_session_tls::{ClientIdentity, HttpClient, Proxy, Target, TlsConfig, Trust};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use device::Device;
use files::{Files, Given, Holder};
pub use options::{CaOptions, IotOptions, Pkcs11Fields, Pkcs11Options, ProxyOptions};
use token::TokenIdentity;

use crate::description::Description;
use crate::source::{Fetching, Source};
use crate::{ca, proxy};

/// The AWS IoT credentials endpoint as a [`Source`].
pub struct IotSource {
    device: Device,
    /// `None`: the key is in a file.
    token: Option<TokenIdentity>,
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
    /// Of the files it was made of.
    revision: u64,
    identity: ClientIdentity,
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
        match (&options.private_key, &options.pkcs11) {
            (None, None) => {
                return Err(missing("privateKey", "give exactly one of `privateKey` and `pkcs11`"));
            }
            (Some(_), Some(_)) => {
                return Err(Error::new(Code::ConflictingOptions, "both `privateKey` and `pkcs11` are given")
                    .with_param("privateKey")
                    .with_hint("Give exactly one: where the private key is."));
            }
            (None, Some(_)) => refuse_passphrase(options.private_key_passphrase.is_some())?,
            (Some(_), None) => {}
        }
        let given = Given {
            certificate: options.certificate,
            private_key: options.private_key,
            passphrase: options.private_key_passphrase,
            ca: options.ca,
        };
        let files = Files::open(given, &mut description)?;
        let mut shareable = true;
        let mut token = None;
        if let Some(pkcs11) = options.pkcs11 {
            let (identity, token_warnings) = TokenIdentity::new(pkcs11, options.timeout, &clock)?;
            warnings.extend(token_warnings);
            shareable = identity.describe(&mut description);
            token = Some(identity);
        }
        let source = Self {
            device: Device::new(files, options.certificate_warning_days),
            token,
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

    /// The client of what the files held at the last look.
    async fn connected(&self) -> Result<Connected> {
        let mut slot = self.client.lock().await;
        let current = self.device.files.current();
        if let Some(connected) = slot.as_ref().filter(|connected| connected.revision == current.revision) {
            return Ok(connected.clone());
        }
        let identity = match current.holder {
            Holder::Ready(identity) => identity,
            Holder::Token(chain) => self.open(chain, slot.as_ref()).await?,
        };
        self.device.uses(identity.leaf());
        let tls = self.tls(identity.clone(), current.trust).await?;
        if let Some(warning) = tls.warning() {
            self.device.files.warn(warning.clone());
        }
        let http = HttpClient::new(self.target.clone(), tls, self.connect_timeout, self.clock.clone())
            .through(self.proxy.clone());
        let client = Arc::new(IotClient::new(http, self.request.clone(), self.clock.clone()));
        // The old one's connection goes with it.
        Ok(slot.insert(Connected { revision: current.revision, identity, client }).clone())
    }

    /// The identity of a key in a token. One that is open already is only given its new certificate: neither PIN nor
    /// token are asked for again.
    async fn open(
        &self,
        chain: Option<Vec<Certificate>>,
        open: Option<&Connected>,
    ) -> Result<ClientIdentity> {
        if let (Some(chain), Some(open)) = (&chain, open)
            && let Some(renewed) = open.identity.with_chain(chain)
        {
            return Ok(renewed);
        }
        let Some(token) = &self.token else {
            return Err(Error::new(Code::Internal, "a source without a key"));
        };
        let identity = token.open(chain).await?;
        self.device.files.proved(identity.leaf().public_key());
        Ok(identity)
    }

    async fn attempt(&self) -> Result<Issued> {
        let fetched = match self.connected().await {
            Ok(connected) => connected.client.fetch().await,
            Err(error) => Err(error),
        };
        if let Err(error) = &fetched
            && error.class() == Class::Pkcs11
        {
            // Another token, or another PIN, may be the right one by now: the next attempt opens it anew.
            self.client.lock().await.take();
            if matches!(error.code(), Code::Pkcs11KeyMismatch | Code::Pkcs11KeyNotFound) {
                self.device.files.disproved();
            }
        }
        fetched
    }

    /// Reading the system's trust store touches a hundred files.
    async fn tls(&self, identity: ClientIdentity, trust: Trust) -> Result<TlsConfig> {
        let (verify_peer, clock) = (self.verify_peer, self.clock.clone());
        // Nobody can have certified us before it was so late.
        let calendar = self.calendar.not_before(identity.leaf().not_before());
        let built =
            spawn_blocking(move || TlsConfig::new(Some(&identity), &trust, verify_peer, &calendar, clock));
        built
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Internal, "loading the trust store was cut short")))
    }
}

impl Source for IotSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let revision = self.device.look().await.revision;
            let mut fetched = self.attempt().await;
            if fetched.as_ref().is_err_and(may_be_rotated) {
                // Somebody may have revoked the old certificate, or changed the CA, as soon as the new one was written.
                if self.device.look().await.revision != revision {
                    fetched = self.attempt().await;
                }
            }
            self.device.fetched(self.clock.boot(), self.calendar.reading(&*self.clock));
            fetched
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        // Held by the fetch only while it opens the token or loads the trust store.
        let connected = self.client.try_lock().ok().and_then(|connected| connected.clone());
        match (connected, &self.token) {
            (Some(connected), _) => connected.client.timed_out(limit),
            (None, Some(token)) => token.timed_out(limit),
            (None, None) => Error::new(
                Code::Timeout,
                format!("loading the trust store: not done within {} ms", limit.as_millis()),
            )
            .with_hint("Check the device's disk, or raise `timeoutMs`."),
        }
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {
            if let Some(connected) = self.client.lock().await.take() {
                connected.client.close().await;
            }
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

/// What decides which keys the endpoint issues, and by which way it is asked. Certificate, PIN and CA are added where
/// they are read.
fn describe(options: &IotOptions) -> Description {
    let mut description = Description::new("iot");
    description.field("endpoint", &options.endpoint);
    description.field("roleAlias", &options.role_alias);
    description.optional("thingName", options.thing_name.as_ref());
    description.optional("durationSeconds", options.duration_seconds.map(u32::to_le_bytes));
    description.optional("serverName", options.server_name.as_ref());
    description.field("verifyPeer", [options.verify_peer.into()]);
    description.field("certificateWarningDays", options.certificate_warning_days.to_le_bytes());
    description
        .optional("connectTimeoutMs", options.connect_timeout.map(|limit| limit.as_millis().to_le_bytes()));
    description
}

/// Whether a failure may be due to certificates, or the key in a token, that have been replaced meanwhile. A server
/// that just hangs up may mean the certificate too.
fn may_be_rotated(error: &Error) -> bool {
    use Code::{
        CertificateNotAccepted, CertificateRefused, ConnectionLost, Pkcs11KeyMismatch, Pkcs11KeyNotFound,
        ServerCertificate,
    };
    matches!(
        error.code(),
        CertificateRefused
            | CertificateNotAccepted
            | ServerCertificate
            | ConnectionLost
            | Pkcs11KeyMismatch
            | Pkcs11KeyNotFound
    )
}

fn missing(param: &'static str, what: &str) -> Error {
    Error::new(Code::MissingOption, format!("option `{param}` is missing: {what}")).with_param(param)
}

fn refuse_passphrase(given: bool) -> Result<()> {
    if !given {
        return Ok(());
    }
    Err(Error::new(
        Code::ConflictingOptions,
        "option `privateKeyPassphrase` goes with `privateKey`, not with `pkcs11`",
    )
    .with_param("privateKeyPassphrase")
    .with_hint("A token's PIN is `pkcs11.userPin`."))
}
