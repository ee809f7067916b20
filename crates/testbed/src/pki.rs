//! Everything with a certificate in it, made anew at every start in `DIR/pki`.
//!
//! * `ca.pem`, `ca.key.pem`: the device CA. Its key is there so that a test can sign certificates of its own.
//! * `server-ca.pem`: the CA that clients are to trust. A different one, see [`authority`].
//! * `server-*.cert.pem`: the server certificates ([`server`]), for reading only.
//! * one certificate and one or more key files per device ([`device`]).

pub(crate) mod authority;
pub(crate) mod device;
pub(crate) mod openssl;
mod server;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use self::{authority::Authority, device::Device, openssl::AuthorityFiles};
use crate::{
    failure::{During, Failure},
    settings::ServerCertificate,
};

/// The passphrase of every encrypted key file.
pub(crate) const PASSPHRASE: &str = "canary-passphrase-7Qx";
/// The thing that the good certificates are attached to.
pub(crate) const THING: &str = "gw-0042";
/// The name the endpoint goes by on this machine.
pub(crate) const HOST: &str = "localhost";
/// A name of the kind the real endpoint has.
pub(crate) const ALT_NAME: &str = "testbed.credentials.iot.eu-west-1.amazonaws.com";
/// A name of the kind the real data endpoint has.
pub(crate) const DATA_NAME: &str = "testbed-ats.iot.eu-west-1.amazonaws.com";
/// The name of the real regional STS.
pub(crate) const STS_NAME: &str = "sts.eu-west-1.amazonaws.com";
/// The device whose certificate is not registered.
pub(crate) const UNKNOWN_DEVICE: &str = "ec256-unknown";
/// The device that is attached to no thing.
pub(crate) const UNATTACHED_DEVICE: &str = "ec256-unattached";

/// The three authorities.
pub(crate) struct Authorities {
    device: Authority,
    server: Authority,
    stranger: Authority,
}

/// The authorities, the server certificates and the devices.
pub(crate) struct Pki {
    authorities: Authorities,
    files: AuthorityFiles,
    folder: PathBuf,
    server_ca: PathBuf,
    /// The server certificates to choose from.
    pub(crate) servers: BTreeMap<ServerCertificate, Arc<CertifiedKey>>,
    /// The devices with keys in files.
    pub(crate) devices: Vec<Device>,
}

impl Pki {
    /// Makes everything in `folder`, which exists.
    pub(crate) fn make(folder: &Path) -> Result<Self, Failure> {
        let authorities = Authorities {
            device: Authority::make("testbed device CA")?,
            server: Authority::make("testbed server CA")?,
            stranger: Authority::make("testbed stranger CA")?,
        };
        let files = AuthorityFiles {
            certificate: folder.join("ca.pem"),
            key: folder.join("ca.key.pem"),
            extensions: folder.join("device-extensions.cnf"),
        };
        authorities.device.write(&files.certificate, Some(&files.key))?;
        fs::write(&files.extensions, AuthorityFiles::EXTENSIONS).during("writing device-extensions.cnf")?;
        let server_ca = folder.join("server-ca.pem");
        authorities.server.write(&server_ca, None)?;
        let servers = server::make_all(&authorities, folder)?;
        let devices = device::make_all(&authorities, &files, folder)?;
        Ok(Self { authorities, files, folder: folder.to_owned(), server_ca, servers, devices })
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The authority that signs device certificates.
    pub(crate) fn device_authority(&self) -> &Authority {
        &self.authorities.device
    }

    /// The same as files.
    pub(crate) fn device_authority_files(&self) -> &AuthorityFiles {
        &self.files
    }

    /// The certificate of the device CA.
    pub(crate) fn device_ca(&self) -> &CertificateDer<'static> {
        self.authorities.device.certificate()
    }

    /// Where the certificate of the server CA is.
    pub(crate) fn server_ca_path(&self) -> &Path {
        &self.server_ca
    }
}
