//! The server certificates: one that is right and five that are each wrong in one way.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use rcgen::KeyPair;
use rustls::{crypto::ring::sign, sign::CertifiedKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{
    ALT_NAME, Authorities, DATA_NAME, HOST, STS_NAME,
    authority::{Authority, Validity},
    device::pem_of,
};
use crate::{
    failure::{During, Failure},
    settings::ServerCertificate,
};

/// Makes the certificates, each with a P-256 key of its own.
pub(super) fn make_all(
    authorities: &Authorities,
    folder: &Path,
) -> Result<BTreeMap<ServerCertificate, Arc<CertifiedKey>>, Failure> {
    let right: &[&str] = &[HOST, ALT_NAME, DATA_NAME, STS_NAME];
    let plans = [
        (ServerCertificate::Good, right, Validity::Current, &authorities.server),
        (ServerCertificate::Expired, right, Validity::Expired, &authorities.server),
        (ServerCertificate::NotYetValid, right, Validity::NotYet, &authorities.server),
        (ServerCertificate::WrongName, &["other.example"], Validity::Current, &authorities.server),
        (ServerCertificate::UnknownCa, right, Validity::Current, &authorities.stranger),
        (ServerCertificate::SelfSigned, right, Validity::Current, &authorities.stranger),
    ];
    let mut leaves = BTreeMap::new();
    for (kind, names, validity, authority) in plans {
        let key = KeyPair::generate().during("generating a server key")?;
        let certificate = match kind {
            ServerCertificate::SelfSigned => Authority::nobody(names, &key)?,
            _ => authority.server(names, &key, validity)?,
        };
        let certificate = certificate.der().clone();
        fs::write(folder.join(format!("server-{}.cert.pem", kind.name())), pem_of(&certificate))
            .during("writing a server certificate")?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = sign::any_supported_type(&key).during("loading a server key")?;
        leaves.insert(kind, Arc::new(CertifiedKey::new(vec![certificate], key)));
    }
    Ok(leaves)
}
