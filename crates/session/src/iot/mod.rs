//! The AWS IoT source: options in, credentials out.
//!
//! [`IotSource::new`] parses everything that can be parsed without the network and without the token: names, files,
//! and, for a key in a file, that it belongs to the certificate. The token is opened at the first fetch, off the
//! runtime's workers, and again only if that failed; from then on its signer looks after itself.

mod options;
mod proxy;
mod token;

use std::sync::{Arc, Mutex as SyncMutex, OnceLock, PoisonError};
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{Certificate, Class, Clock, Code, Error, Issued, Result, Timestamp, Warning};
use refresh_session_iot::{Endpoint, IotClient, IotRequest};
use refresh_session_tls::identity::certificate_chain;
use refresh_session_tls::{ClientIdentity, HttpClient, Proxy, Target, TlsConfig, Trust};
use tokio::sync::Mutex;

pub use options::{CaOptions, IotOptions, Pkcs11Fields, Pkcs11Options, ProxyOptions};
use token::TokenIdentity;

use crate::description::Description;
use crate::source::{Fetching, Source};

/// The AWS IoT credentials endpoint as a [`Source`].
pub struct IotSource {
    identity: IdentityOptions,
    target: Target,
    proxy: Option<Proxy>,
    trust: Trust,
    verify_peer: bool,
    request: IotRequest,
    connect_timeout: Option<Duration>,
    clock: Arc<dyn Clock>,
    client: Mutex<Option<Arc<IotClient>>>,
    region: Option<String>,
    sharing: Option<KeyedHash>,
    warnings: SyncMutex<Vec<Warning>>,
    certificate_expiry: OnceLock<Timestamp>,
}

enum IdentityOptions {
    /// Key in memory, matched.
    Ready(ClientIdentity),
    /// Key in a token that nobody has opened yet.
    Token(Box<TokenIdentity>),
}

impl IotSource {
    /// Checks the options and reads the files they name. The warnings are for the user.
    ///
    /// # Errors
    /// Codes of the classes validation and configuration, each naming the option.
    pub fn new(options: IotOptions, clock: Arc<dyn Clock>) -> Result<(Self, Vec<Warning>)> {
        let mut warnings = Vec::new();
        let mut description = describe(&options);
        let (endpoint, rewritten) = Endpoint::parse(&options.endpoint)?;
        warnings.extend(rewritten);
        let proxy = proxy::on_the_way_to(&endpoint, &options.proxy)?;
        proxy::describe(proxy.as_ref(), &mut description);
        let request = IotRequest::new(options.role_alias, options.thing_name, options.duration_seconds)?;
        let target = Target::new(endpoint.host, endpoint.port, options.server_name)?;
        let trust = match &options.ca {
            CaOptions::System => Trust::System,
            CaOptions::Bundle(material) => {
                description.field("ca", material.read("ca")?.expose());
                Trust::bundle(material)?
            }
        };
        if !options.verify_peer {
            warnings.push(Warning {
                code: "WARN_PEER_NOT_VERIFIED",
                message: "`verifyPeer` is false: anybody on the way can play the endpoint and hand out keys. Use `ca` instead."
                    .into(),
            });
        }
        let chain = options.certificate.as_ref().map(certificate_chain).transpose()?;
        for certificate in chain.iter().flatten() {
            description.field("certificate", certificate.der());
        }
        let mut shareable = true;
        let identity = match (options.private_key, options.pkcs11) {
            (Some(key), None) => {
                let chain = chain.ok_or_else(|| missing("certificate", "give the device certificate"))?;
                let passphrase = options.private_key_passphrase.as_ref();
                // Whoever gets past this has the key that belongs to the certificate: no need to describe it.
                IdentityOptions::Ready(ClientIdentity::from_key(&chain, &key, passphrase)?)
            }
            (None, Some(pkcs11)) => {
                refuse_passphrase(options.private_key_passphrase.is_some())?;
                let (token, token_warnings) = TokenIdentity::new(pkcs11, chain, options.timeout, &clock)?;
                warnings.extend(token_warnings);
                shareable = token.describe(&mut description);
                IdentityOptions::Token(Box::new(token))
            }
            (None, None) => {
                return Err(missing("privateKey", "give exactly one of `privateKey` and `pkcs11`"));
            }
            (Some(_), Some(_)) => {
                return Err(Error::new(Code::ConflictingOptions, "both `privateKey` and `pkcs11` are given")
                    .with_param("privateKey")
                    .with_hint("Give exactly one: where the private key is."));
            }
        };
        let source = Self {
            identity,
            target,
            proxy,
            trust,
            verify_peer: options.verify_peer,
            request,
            connect_timeout: options.connect_timeout,
            clock,
            client: Mutex::new(None),
            region: endpoint.region,
            sharing: shareable.then(|| description.finish()).transpose()?,
            warnings: SyncMutex::default(),
            certificate_expiry: OnceLock::new(),
        };
        Ok((source, warnings))
    }

    /// The AWS region in the endpoint's name.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The device certificate, where it is known before the token is opened.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.identity {
            IdentityOptions::Ready(identity) => Some(identity.leaf()),
            IdentityOptions::Token(token) => token.certificate(),
        }
    }

    async fn client(&self) -> Result<Arc<IotClient>> {
        let mut slot = self.client.lock().await;
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let identity = match &self.identity {
            IdentityOptions::Ready(identity) => identity.clone(),
            IdentityOptions::Token(token) => token.open().await?,
        };
        // The first one known is told; a token whose certificate is another one later is another session's matter.
        let _ = self.certificate_expiry.set(identity.leaf().not_after());
        let tls = self.tls(identity).await?;
        if let Some(warning) = tls.warning() {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.clone());
        }
        let http = HttpClient::new(self.target.clone(), tls, self.connect_timeout, self.clock.clone())
            .through(self.proxy.clone());
        let client = Arc::new(IotClient::new(http, self.request.clone(), self.clock.clone()));
        *slot = Some(client.clone());
        Ok(client)
    }

    /// Reading the system's trust store touches a hundred files.
    async fn tls(&self, identity: ClientIdentity) -> Result<TlsConfig> {
        let (trust, verify_peer) = (self.trust.clone(), self.verify_peer);
        let built = tokio::task::spawn_blocking(move || TlsConfig::new(&identity, &trust, verify_peer));
        built
            .await
            .unwrap_or_else(|_| Err(Error::new(Code::Internal, "loading the trust store was cut short")))
    }
}

impl Source for IotSource {
    fn fetch(&self) -> Fetching<'_, Result<Issued>> {
        Box::pin(async {
            let fetched = self.client().await?.fetch().await;
            if fetched.as_ref().is_err_and(|error| error.class() == Class::Pkcs11) {
                // Another token, or another PIN, may be the right one by now: the next fetch opens it anew.
                self.client.lock().await.take();
            }
            fetched
        })
    }

    fn timed_out(&self, limit: Duration) -> Error {
        // Held by the fetch only while it opens the token or loads the trust store.
        let client = self.client.try_lock().ok().and_then(|client| client.clone());
        match (client, &self.identity) {
            (Some(client), _) => client.timed_out(limit),
            (None, IdentityOptions::Token(token)) => token.timed_out(limit),
            (None, IdentityOptions::Ready(_)) => Error::new(
                Code::Timeout,
                format!("loading the trust store: not done within {} ms", limit.as_millis()),
            )
            .with_hint("Check the device's disk, or raise `timeoutMs`."),
        }
    }

    fn close(&self) -> Fetching<'_, ()> {
        Box::pin(async {
            if let Some(client) = self.client.lock().await.take() {
                client.close().await;
            }
        })
    }

    fn sharing(&self) -> Option<KeyedHash> {
        self.sharing
    }

    fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn certificate_expiry(&self) -> Option<Timestamp> {
        let known = self.certificate().map(Certificate::not_after);
        known.or_else(|| self.certificate_expiry.get().copied())
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

/// What decides which keys the endpoint issues, and by which way it is asked. Key, PIN and CA are added where they are
/// read.
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
