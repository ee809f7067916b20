//! Where a connection comes from, and what it can prove.

use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::authorizer::{Authorizers, Claim};
use crate::{
    aws::judge::{judge, verify_chain},
    sync::lock,
    world::World,
};

/// What is known of a connection before its first packet.
pub(crate) struct Origin {
    /// Its number.
    pub(crate) connection: u64,
    /// `tls` or `alpn`, as in the ready line.
    pub(crate) port: &'static str,
    pub(crate) web_socket: bool,
    pub(crate) tls_version: &'static str,
    /// What was agreed on.
    pub(crate) alpn: Option<String>,
    /// The name or subject of the client certificate.
    pub(crate) certificate: Option<String>,
    /// Whose keys signed the request for a WebSocket.
    pub(crate) access_key_id: Option<String>,
    pub(crate) proof: Proof,
}

/// What a connection proves itself with.
pub(crate) enum Proof {
    /// A client certificate, to be judged once more at CONNECT.
    Certificate { presented: Vec<CertificateDer<'static>>, chain: Arc<dyn ClientCertVerifier> },
    /// A signed request, judged already.
    Signature,
    /// What a custom authorizer is to judge; with nothing said, the CONNECT says it.
    Claim(Claim),
}

impl Origin {
    /// Whether the client is somebody: the authorizer that said so, if one did, or why not.
    pub(crate) fn identify(
        &self,
        world: &World,
        authorizers: &Authorizers,
        user: Option<&str>,
        password: Option<&[u8]>,
    ) -> Result<Option<String>, String> {
        match &self.proof {
            Proof::Signature => Ok(None),
            Proof::Claim(claim) => authorizers.judge(&claim.with_connect(user, password)).map(Some),
            Proof::Certificate { presented, chain } => {
                let now = UnixTime::now();
                let certificates = lock(&world.certificates);
                let judged = judge(verify_chain(chain, presented, now), &certificates, presented, now);
                judged.map(|()| None).map_err(|error| error.to_string())
            }
        }
    }
}
