//! The device certificates and their keys.
//!
//! | Name               | Key        | Why it is there                                                     |
//! |--------------------|------------|---------------------------------------------------------------------|
//! | `ec256`            | P-256      | the usual device; its key in every form a file can have             |
//! | `ec384`            | P-384      | another good curve                                                  |
//! | `ec521`            | P-521      | a curve that ring cannot do: must be refused with a clear error     |
//! | `ec256-expired`    | P-256      | its certificate has expired                                         |
//! | `ec256-unknown`    | P-256      | not registered, and signed by a CA nobody knows                     |
//! | `ec256-unattached` | P-256      | registered, but attached to no thing                                |
//! | `rsa2048`          | RSA 2048   | the smallest good RSA key; PKCS#8, PKCS#1 and encrypted             |
//! | `rsa1024`          | RSA 1024   | too short: must be refused                                          |
//! | `ed25519`          | Ed25519    | AWS IoT does not take such keys; the testbed does                   |

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rcgen::KeyPair;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{
    Authorities,
    authority::Validity,
    openssl::{self, Algorithm, AuthorityFiles, Form},
};
use crate::{
    failure::{During, Failure},
    folder::write_private,
};

/// A device certificate with the files that belong to it.
#[derive(Clone)]
pub(crate) struct Device {
    /// What the control port calls it.
    pub(crate) name: String,
    /// The certificate.
    pub(crate) der: CertificateDer<'static>,
    /// The certificate's file.
    pub(crate) certificate: PathBuf,
    /// The key's files, by form. Empty if the key lives in a token.
    pub(crate) keys: BTreeMap<Form, PathBuf>,
}

/// Where a device key comes from.
#[derive(Clone, Copy)]
enum Source {
    Ring(&'static rcgen::SignatureAlgorithm, Validity),
    OpenSsl(Algorithm),
}

/// One row of the table above.
struct Plan {
    name: &'static str,
    source: Source,
    also: &'static [Form],
}

const P256: Source = Source::Ring(&rcgen::PKCS_ECDSA_P256_SHA256, Validity::Current);
const P256_EXPIRED: Source = Source::Ring(&rcgen::PKCS_ECDSA_P256_SHA256, Validity::Expired);
const P384: Source = Source::Ring(&rcgen::PKCS_ECDSA_P384_SHA384, Validity::Current);

const PLANS: [Plan; 9] = [
    Plan { name: "ec256", source: P256, also: &[Form::Sec1, Form::Encrypted, Form::LegacyEncrypted] },
    Plan { name: "ec384", source: P384, also: &[] },
    Plan { name: "ec521", source: Source::OpenSsl(Algorithm::P521), also: &[] },
    Plan { name: "ec256-expired", source: P256_EXPIRED, also: &[] },
    Plan { name: super::UNKNOWN_DEVICE, source: P256, also: &[] },
    Plan { name: super::UNATTACHED_DEVICE, source: P256, also: &[] },
    Plan {
        name: "rsa2048",
        source: Source::OpenSsl(Algorithm::Rsa(2048)),
        also: &[Form::Pkcs1, Form::Encrypted],
    },
    Plan { name: "rsa1024", source: Source::OpenSsl(Algorithm::Rsa(1024)), also: &[] },
    Plan { name: "ed25519", source: Source::OpenSsl(Algorithm::Ed25519), also: &[] },
];

/// Makes all of them in `folder`.
pub(crate) fn make_all(
    authorities: &Authorities,
    files: &AuthorityFiles,
    folder: &Path,
) -> Result<Vec<Device>, Failure> {
    PLANS.iter().map(|plan| plan.make(authorities, files, folder)).collect()
}

impl Plan {
    fn make(
        &self,
        authorities: &Authorities,
        files: &AuthorityFiles,
        folder: &Path,
    ) -> Result<Device, Failure> {
        let mut device = match self.source {
            Source::Ring(algorithm, validity) => {
                let key = KeyPair::generate_for(algorithm).during("generating a device key")?;
                let signer = if self.name == super::UNKNOWN_DEVICE {
                    &authorities.stranger
                } else {
                    &authorities.device
                };
                Device::from_key(signer, self.name, &key, validity, folder)?
            }
            Source::OpenSsl(algorithm) => Device::from_openssl(files, self.name, algorithm, folder)?,
        };
        let key = device.keys[&Form::Pkcs8].clone();
        for form in self.also {
            let path = folder.join(form.file(self.name));
            openssl::convert(&key, *form, &path)?;
            device.keys.insert(*form, path);
        }
        Ok(device)
    }
}

impl Device {
    /// A certificate for a key made by ring.
    pub(crate) fn from_key(
        authority: &super::authority::Authority,
        name: &str,
        key: &KeyPair,
        validity: Validity,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let device = Self::named(name, folder, authority.device(name, key, validity)?.der().clone());
        fs::write(&device.certificate, pem_of(&device.der)).during("writing a device certificate")?;
        write_private(&device.keys[&Form::Pkcs8], &key.serialize_pem()).during("writing a device key")?;
        Ok(device)
    }

    /// A certificate for a key made by OpenSSL.
    pub(crate) fn from_openssl(
        authority: &AuthorityFiles,
        name: &str,
        algorithm: Algorithm,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let mut device = Self::named(name, folder, CertificateDer::from(Vec::new()));
        let key = &device.keys[&Form::Pkcs8];
        openssl::generate(algorithm, key)?;
        openssl::certify(authority, name, key, &device.certificate)?;
        device.der =
            CertificateDer::from_pem_file(&device.certificate).during("reading a device certificate")?;
        Ok(device)
    }

    fn named(name: &str, folder: &Path, der: CertificateDer<'static>) -> Self {
        Self {
            name: name.to_owned(),
            der,
            certificate: folder.join(format!("{name}.cert.pem")),
            keys: BTreeMap::from([(Form::Pkcs8, folder.join(Form::Pkcs8.file(name)))]),
        }
    }
}

/// The certificate as a PEM file.
pub(super) fn pem_of(certificate: &CertificateDer<'_>) -> String {
    use x509_cert::der::pem::{LineEnding, encode_string};
    #[expect(clippy::expect_used, reason = "a valid label, and a length far from the limits of the encoder")]
    encode_string("CERTIFICATE", LineEnding::LF, certificate).expect("a certificate encodes as PEM")
}
