//! The device's identity with real files, in virtual time where time matters.
//!
//! | Module | Holds |
//! |---|---|
//! | `gateway` | two months of a gateway that asks for keys every hour |
//! | `users` | two that share one device |

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use refresh_session_tls::Material;

use super::*;
use crate::ca::CaOptions;

mod gateway;
mod users;

/// A folder of this name for this process.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("refresh-session-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a new pair that ends on this day.
fn issue(folder: &Path, (year, month, day): (i32, u8, u8)) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["gw".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, month, day);
    std::fs::write(folder.join("key"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert"), params.self_signed(&key).unwrap().pem()).unwrap();
}

/// The options that name a folder's files.
fn options(folder: &Path) -> DeviceOptions {
    DeviceOptions {
        certificate: Some(Material::Path(folder.join("cert"))),
        private_key: Some(Material::Path(folder.join("key"))),
        private_key_passphrase: None,
        pkcs11: None,
        ca: CaOptions::System,
        timeout: Duration::from_secs(10),
        certificate_warning_days: 30,
    }
}

fn device(options: DeviceOptions, clock: &Arc<dyn Clock>) -> Device {
    Device::new(options, clock, &mut Description::new("test")).unwrap().0
}
