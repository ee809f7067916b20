//! A user: long-term keys and an MFA device.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ACCOUNT, device::Device};
use crate::aws::{principal::Principal, vault::Issued};

/// A user of the first account. Deliberately without `Debug`.
#[derive(Clone)]
pub(crate) struct User {
    arn: String,
    keys: Arc<Issued>,
    /// Its MFA device.
    pub(crate) device: Device,
}

impl User {
    /// A user with new keys and a new device.
    pub(super) fn new(name: &str) -> Self {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        let keys = Arc::new(Issued::long_term(Principal::User { arn: arn.clone() }));
        Self { arn, keys, device: Device::new(format!("arn:aws:iam::{ACCOUNT}:mfa/{name}")) }
    }

    /// Its ARN.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// Its long-term keys.
    pub(crate) fn keys(&self) -> &Arc<Issued> {
        &self.keys
    }

    /// Everything a test needs to be this user, secrets included.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.arn.rsplit('/').next(),
            "arn": self.arn,
            "accessKeyId": self.keys.access_key_id,
            "secretAccessKey": self.keys.secret_access_key,
            "mfaSerial": self.device.serial(),
            "mfaSeed": self.device.seed(),
        })
    }
}
