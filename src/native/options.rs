//! Data transfer objects. Types are checked by `src/ts/options`; values by the rooms below.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use refresh_session_core::Secret;
use refresh_session_session::ca::CaOptions;
use refresh_session_session::iot::{IotOptions, Pkcs11Fields, Pkcs11Options};
use refresh_session_session::proxy::ProxyOptions;
use refresh_session_session::{CommonOptions, PinProvider, PinSource};
use refresh_session_tls::Material;

/// A text or bytes.
pub(crate) type TextOrBytes = Either<String, Uint8Array>;

/// Options of every method.
#[napi(object)]
pub struct NativeCommonOptions {
    pub timeout_ms: u32,
    pub eager: bool,
    pub refresh_policy: Option<String>,
    pub advisory_window_seconds: Option<u32>,
    pub mandatory_window_seconds: Option<u32>,
    pub startup_jitter_seconds: Option<f64>,
}

impl NativeCommonOptions {
    pub(crate) fn to_options(&self) -> CommonOptions {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        CommonOptions {
            eager: self.eager,
            refresh_policy: self.refresh_policy.clone(),
            advisory_window: self.advisory_window_seconds.map(seconds),
            mandatory_window: self.mandatory_window_seconds.map(seconds),
            // `src/ts` has checked the range; the conversion fails only for what is out of it.
            startup_jitter: self
                .startup_jitter_seconds
                .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
            timeout: Duration::from_millis(self.timeout_ms.into()),
        }
    }
}

/// Options of `method: "iot"`.
#[napi(object)]
pub struct NativeIotOptions {
    pub endpoint: String,
    pub role_alias: String,
    pub thing_name: Option<String>,
    pub duration_seconds: Option<u32>,
    pub certificate: Option<Either<String, Uint8Array>>,
    pub private_key: Option<Either<String, Uint8Array>>,
    pub private_key_passphrase: Option<Either<String, Uint8Array>>,
    pub pkcs11: Option<Either<String, NativePkcs11Options>>,
    pub ca: Option<Either<String, Uint8Array>>,
    pub verify_peer: bool,
    pub server_name: Option<String>,
    pub connect_timeout_ms: Option<u32>,
    pub certificate_warning_days: u32,
    pub proxy: Option<NativeProxyOptions>,
}

/// The `proxy` option, or what the environment has in its place.
#[napi(object)]
pub struct NativeProxyOptions {
    pub url: String,
    /// The environment variable that it is from.
    pub variable: Option<String>,
    /// The environment's `no_proxy`.
    pub no_proxy: Option<String>,
}

/// The `pkcs11` option as an object.
#[napi(object)]
pub struct NativePkcs11Options {
    pub uri: Option<String>,
    pub library: Option<String>,
    pub library_sha256: Option<Uint8Array>,
    pub user_pin: Option<Either<String, Uint8Array>>,
    /// The variable that the callback reads.
    pub user_pin_env: Option<String>,
    pub force_login: Option<bool>,
    pub slot_id: Option<u32>,
    pub token_label: Option<String>,
    pub token_serial: Option<String>,
    pub private_key_label: Option<String>,
    pub private_key_id: Option<Uint8Array>,
    pub certificate_label: Option<String>,
    pub certificate_id: Option<Uint8Array>,
    pub sign_timeout_ms: Option<u32>,
}

impl NativeIotOptions {
    pub(crate) fn into_options(self, timeout: Duration, pin: Option<Arc<dyn PinProvider>>) -> IotOptions {
        IotOptions {
            endpoint: self.endpoint,
            role_alias: self.role_alias,
            thing_name: self.thing_name,
            duration_seconds: self.duration_seconds,
            certificate: self.certificate.map(material),
            private_key: self.private_key.map(material),
            private_key_passphrase: self.private_key_passphrase.map(secret),
            pkcs11: self.pkcs11.map(|pkcs11| NativePkcs11Options::into_options(pkcs11, pin)),
            ca: ca(self.ca),
            verify_peer: self.verify_peer,
            server_name: self.server_name,
            timeout,
            certificate_warning_days: self.certificate_warning_days,
            proxy: proxy(self.proxy),
            connect_timeout: self.connect_timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        }
    }
}

impl NativeProxyOptions {
    fn into_options(self) -> ProxyOptions {
        let url = Secret::from(self.url);
        match self.variable {
            None => ProxyOptions::Url(url),
            Some(variable) => ProxyOptions::Environment { variable, url, no_proxy: self.no_proxy },
        }
    }
}

impl NativePkcs11Options {
    /// The `pkcs11` option in either form.
    pub(crate) fn into_options(
        given: Either<String, Self>,
        callback: Option<Arc<dyn PinProvider>>,
    ) -> Pkcs11Options {
        match given {
            Either::A(uri) => Pkcs11Options::Uri(uri),
            Either::B(fields) => Pkcs11Options::Fields(Box::new(fields.into_fields(callback))),
        }
    }

    fn into_fields(self, callback: Option<Arc<dyn PinProvider>>) -> Pkcs11Fields {
        let user_pin = match (self.user_pin, callback, self.user_pin_env) {
            (Some(pin), _, _) => PinSource::Value(secret(pin)),
            (None, Some(callback), Some(name)) => PinSource::Variable(name, callback),
            (None, Some(callback), None) => PinSource::Callback(callback),
            (None, None, _) => PinSource::None,
        };
        Pkcs11Fields {
            uri: self.uri,
            library: self.library,
            library_sha256: self.library_sha256.map(|hash| hash.to_vec()),
            slot_id: self.slot_id.map(Into::into),
            token_label: self.token_label,
            token_serial: self.token_serial,
            private_key_label: self.private_key_label,
            private_key_id: self.private_key_id.map(|id| id.to_vec()),
            certificate_label: self.certificate_label,
            certificate_id: self.certificate_id.map(|id| id.to_vec()),
            user_pin,
            force_login: self.force_login.unwrap_or(false),
            sign_timeout: self.sign_timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        }
    }
}

/// Left out: the system's store.
pub(crate) fn ca(bundle: Option<TextOrBytes>) -> CaOptions {
    bundle.map_or(CaOptions::System, |ca| CaOptions::Bundle(material(ca)))
}

pub(crate) fn proxy(option: Option<NativeProxyOptions>) -> ProxyOptions {
    option.map_or(ProxyOptions::Direct, NativeProxyOptions::into_options)
}

pub(crate) fn material(content: TextOrBytes) -> Material {
    match content {
        Either::A(text) => Material::from_text(text),
        Either::B(bytes) => Material::from_bytes(bytes.to_vec()),
    }
}

pub(crate) fn secret(content: TextOrBytes) -> Secret {
    match content {
        Either::A(text) => Secret::from(text),
        Either::B(bytes) => Secret::new(bytes.to_vec()),
    }
}
