//! The registry of device certificates: which exist, in what state, attached to which things.
//!
//! A certificate is known by the SHA-256 of its DER form, which is also its certificate id. Setting the status of
//! `ec256-unknown` to `active` makes it what AWS calls a certificate registered without a CA: it is then good
//! although nobody knows its issuer.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    overlay::overlay,
    pki::{THING, UNATTACHED_DEVICE, UNKNOWN_DEVICE, device::Device},
    random,
};

/// The state of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Registered and good.
    Active,
    /// Registered and revoked.
    Revoked,
    /// Not registered.
    Unknown,
}

/// What `PUT /certificates/{name}` can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Registration {
    /// The state.
    pub(crate) status: Status,
    /// The things the certificate is attached to.
    pub(crate) things: BTreeSet<String>,
}

/// The certificates by name and by id.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    registrations: BTreeMap<String, Registration>,
    names: BTreeMap<String, String>,
}

impl Certificates {
    /// Registers the devices as they are at the start.
    pub(crate) fn of<'a>(devices: impl Iterator<Item = &'a Device>) -> Self {
        let mut certificates = Self::default();
        for device in devices {
            let status = if device.name == UNKNOWN_DEVICE { Status::Unknown } else { Status::Active };
            let attached = device.name != UNATTACHED_DEVICE && status == Status::Active;
            let things = attached.then(|| THING.to_owned()).into_iter().collect();
            certificates.names.insert(id(&device.der), device.name.clone());
            certificates.registrations.insert(device.name.clone(), Registration { status, things });
        }
        certificates
    }

    /// The name of a certificate, if it has one here.
    pub(crate) fn name(&self, certificate: &[u8]) -> Option<&str> {
        self.names.get(&id(certificate)).map(String::as_str)
    }

    /// What is registered about a certificate.
    pub(crate) fn registration(&self, certificate: &[u8]) -> Option<&Registration> {
        self.registrations.get(self.name(certificate)?)
    }

    /// Changes `name` as `PUT /certificates/{name}` asks, or says what is wrong. `pem`, the certificate itself,
    /// registers one that the testbed did not make, or replaces the one of that name.
    pub(crate) fn update(&mut self, name: &str, mut patch: Value) -> Result<&Registration, String> {
        let pem = patch.as_object_mut().and_then(|fields| fields.shift_remove("pem"));
        let certificate = match &pem {
            None => None,
            Some(Value::String(pem)) => Some(
                CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| format!("`pem`: {error}"))?,
            ),
            Some(_) => return Err("`pem` must be a string".to_owned()),
        };
        let current = match (self.registrations.get(name), &certificate) {
            (Some(current), _) => current.clone(),
            (None, Some(_)) => Registration { status: Status::Active, things: BTreeSet::new() },
            (None, None) => {
                return Err(format!("there is no certificate `{name}`; give its `pem` to register it"));
            }
        };
        let updated = overlay(&current, patch)?;
        if let Some(certificate) = certificate {
            self.names.retain(|_, other| other != name);
            self.names.insert(id(&certificate), name.to_owned());
        }
        Ok(self.registrations.entry(name.to_owned()).insert_entry(updated).into_mut())
    }

    /// As `GET /state` shows it.
    pub(crate) fn to_json(&self) -> Value {
        let shown = self.names.iter().filter_map(|(id, name)| {
            let registration = self.registrations.get(name)?;
            let value = json!({
                "certificateId": id,
                "status": registration.status,
                "things": registration.things,
            });
            Some((name.clone(), value))
        });
        Value::Object(shown.collect())
    }
}

/// The certificate id: lowercase hexadecimal SHA-256 of the DER form.
pub(crate) fn id(certificate: &[u8]) -> String {
    random::hex(digest::digest(&digest::SHA256, certificate).as_ref())
}
