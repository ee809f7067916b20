//! The TLS configurations, made for each connection from the settings of that moment.
//!
//! What has to outlive a connection for sessions to be resumed (ticket keys, the session store) is made once.

use std::{collections::BTreeMap, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    server::{
        NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions,
        WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use super::handshake::{ByName, Gatekeeper, Notes};
use crate::{
    failure::{During, Failure},
    pki::Pki,
    settings::{ServerCertificate, Settings, TlsVersion},
    world::World,
};

/// What the configurations are made from.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    certificates: BTreeMap<ServerCertificate, Arc<CertifiedKey>>,
    /// Verifies chains up to the device CA, and signatures.
    pub(crate) chain: Arc<dyn ClientCertVerifier>,
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Tls {
    /// Prepares everything that does not depend on settings.
    pub(crate) fn new(pki: &Pki) -> Result<Self, Failure> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(pki.device_ca().clone()).during("trusting the device CA")?;
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .during("making a verifier of client certificates")?;
        Ok(Self {
            provider,
            certificates: pki.servers.clone(),
            chain,
            ticketer: ring::Ticketer::new().during("making a ticket key")?,
            sessions: ServerSessionMemoryCache::new(1024),
        })
    }

    /// The configuration of the credentials endpoint.
    pub(crate) fn endpoint(
        &self,
        world: &Arc<World>,
        notes: &Arc<Notes>,
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let settings: Settings = world.settings();
        let gatekeeper = Gatekeeper {
            world: Arc::clone(world),
            chain: Arc::clone(&self.chain),
            schemes: settings.client_schemes,
            refuse: settings.refuse,
            notes: Arc::clone(notes),
        };
        let certificate = self.certificate(settings.server_certificate)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&versions(&settings))?
            .with_client_cert_verifier(Arc::new(gatekeeper))
            .with_cert_resolver(Arc::new(ByName { certificate, required: settings.require_sni }));
        if settings.tickets {
            config.ticketer = Arc::clone(&self.ticketer);
            config.session_storage = Arc::clone(&self.sessions);
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(config))
    }

    /// The same without client certificates.
    pub(crate) fn without_certificate(&self, world: &World) -> Result<Arc<ServerConfig>, rustls::Error> {
        let settings = world.settings();
        let certificate = self.certificate(settings.server_certificate)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&versions(&settings))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByName { certificate, required: settings.require_sni }));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// The configuration of STS and S3: always the good certificate, no client certificate, any name.
    pub(crate) fn plain(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let certificate = self.certificate(ServerCertificate::Good)?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByName { certificate, required: false }));
        Ok(Arc::new(config))
    }

    fn certificate(&self, kind: ServerCertificate) -> Result<Arc<CertifiedKey>, rustls::Error> {
        let certificate = self.certificates.get(&kind).cloned();
        certificate.ok_or_else(|| rustls::Error::General(format!("no server certificate {}", kind.name())))
    }
}

fn versions(settings: &Settings) -> Vec<&'static SupportedProtocolVersion> {
    let version = |version: &TlsVersion| match version {
        TlsVersion::V12 => &TLS12,
        TlsVersion::V13 => &TLS13,
    };
    settings.versions.iter().map(version).collect()
}
