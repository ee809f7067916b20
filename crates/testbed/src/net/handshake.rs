//! What a handshake decides by: the client's certificate and the name it asks for.

use std::sync::{Arc, Mutex};

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    server::{
        ClientHello, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::{
    aws::judge::{judge, verify_chain},
    pki::{ALT_NAME, DATA_NAME, HOST},
    settings::{ClientSchemes, Refuse},
    sync::lock,
    world::World,
};

/// What is learned on the way and belongs into the log.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    scheme: Mutex<Option<SignatureScheme>>,
}

impl Notes {
    /// The scheme of the client's signature, if there was one.
    pub(crate) fn scheme(&self) -> Option<SignatureScheme> {
        *lock(&self.scheme)
    }
}

/// Asks for a client certificate, and judges it if bad ones are to be refused in the handshake.
pub(crate) struct Gatekeeper {
    pub(crate) world: Arc<World>,
    pub(crate) chain: Arc<dyn ClientCertVerifier>,
    pub(crate) schemes: ClientSchemes,
    pub(crate) refuse: Refuse,
    pub(crate) notes: Arc<Notes>,
}

impl std::fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatekeeper").field("refuse", &self.refuse).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Gatekeeper {
    /// None, as self-registered certificates are welcome too.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.refuse == Refuse::Tls {
            let mut presented = vec![end_entity.clone()];
            presented.extend_from_slice(intermediates);
            let certificates = lock(&self.world.certificates);
            judge(verify_chain(&self.chain, &presented, now), &certificates, &presented, now)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        *lock(&self.notes.scheme) = Some(signature.scheme);
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        *lock(&self.notes.scheme) = Some(signature.scheme);
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let all = self.chain.supported_verify_schemes();
        all.into_iter().filter(|scheme| self.schemes.include(*scheme)).collect()
    }
}

/// Shows one certificate, to clients that ask for the endpoint by its name.
#[derive(Debug)]
pub(crate) struct ByName {
    pub(crate) certificate: Arc<CertifiedKey>,
    pub(crate) required: bool,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().is_some_and(is_endpoint_name);
        (named || !self.required).then(|| Arc::clone(&self.certificate))
    }
}

/// Whether the endpoint goes by this name.
pub(crate) fn is_endpoint_name(name: &str) -> bool {
    [HOST, ALT_NAME, DATA_NAME].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}
