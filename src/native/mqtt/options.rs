//! Data transfer objects. Types are checked by `src/ts/options/mqtt.ts`; values by the rooms below.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use refresh_session_core::Secret;
use refresh_session_mqtt::{Properties, Text};
use refresh_session_session::PinProvider;
use refresh_session_session::ca::CaOptions;
use refresh_session_session::mqtt::{
    MqttAuthorizer, MqttIdentity, MqttLimits, MqttOptions, MqttQueueOptions, MqttTransport, MqttWill,
};

use crate::options::{NativePkcs11Options, NativeProxyOptions, ca, material, proxy, secret};

/// Options of `session.mqtt()`.
#[allow(clippy::struct_excessive_bools, reason = "the user's switches, by their names")]
#[napi(object)]
pub struct NativeMqttOptions {
    pub endpoint: String,
    pub client_id: String,
    pub web_socket: bool,
    pub v311: bool,
    pub port: Option<u16>,
    pub use_alpn: bool,
    pub keep_alive_seconds: u16,
    pub clean_start: bool,
    pub session_expiry_seconds: Option<u32>,
    pub will: Option<NativeMqttWill>,
    pub username: Option<String>,
    pub password: Option<Either<String, Uint8Array>>,
    /// Names and values by turns.
    pub user_properties: Vec<String>,
    pub custom_authorizer: Option<NativeMqttAuthorizer>,
    pub certificate: Option<Either<String, Uint8Array>>,
    pub private_key: Option<Either<String, Uint8Array>>,
    pub private_key_passphrase: Option<Either<String, Uint8Array>>,
    pub pkcs11: Option<Either<String, NativePkcs11Options>>,
    pub ca: Option<Either<String, Uint8Array>>,
    /// `ca: "system"`: not the session's.
    pub system_ca: bool,
    pub verify_peer: bool,
    pub server_name: Option<String>,
    pub proxy: Option<NativeProxyOptions>,
    pub region: Option<String>,
    /// For an endpoint whose name has none.
    pub session_region: Option<String>,
    pub reconnect_min_seconds: Option<f64>,
    pub reconnect_max_seconds: Option<f64>,
    pub connect_timeout_ms: Option<u32>,
    pub connack_timeout_ms: Option<u32>,
    pub ping_timeout_ms: Option<u32>,
    pub ack_timeout_ms: Option<u32>,
    pub max_connection_seconds: Option<u32>,
    pub topic_aliases: bool,
    pub limits: NativeMqttLimits,
    /// Missing: `false`.
    pub offline_queue: Option<NativeMqttQueue>,
}

/// The `will` option.
#[napi(object)]
pub struct NativeMqttWill {
    pub topic: String,
    pub payload: Either<String, Uint8Array>,
    pub qos: u8,
    pub retain: bool,
    pub properties: Option<NativeMqttWillProperties>,
}

/// The properties of a will.
#[napi(object)]
pub struct NativeMqttWillProperties {
    pub delay_seconds: Option<u32>,
    pub payload_format: Option<bool>,
    pub message_expiry_seconds: Option<u32>,
    pub content_type: Option<String>,
    pub response_topic: Option<String>,
    pub correlation_data: Option<Uint8Array>,
    /// Names and values by turns.
    pub user: Vec<String>,
}

/// The `customAuthorizer` option.
#[napi(object)]
pub struct NativeMqttAuthorizer {
    pub name: Option<String>,
    pub token_key_name: Option<String>,
    pub token_value: Option<String>,
    pub token_signature: Option<String>,
}

/// The `limits` option.
#[napi(object)]
pub struct NativeMqttLimits {
    pub none: bool,
    pub publishes_per_second: Option<u32>,
    pub bytes_per_second: Option<u32>,
    pub in_flight: Option<u16>,
    pub packet_bytes: Option<u32>,
    pub topic_bytes: Option<u16>,
    pub topic_slashes: Option<u16>,
    pub subscriptions: Option<u16>,
    pub filters_per_subscribe: Option<u16>,
}

/// The `offlineQueue` option.
#[napi(object)]
pub struct NativeMqttQueue {
    pub max_messages: Option<u32>,
    pub max_bytes: Option<f64>,
    pub ttl_seconds: Option<f64>,
    pub policy: Option<String>,
    pub directory: Option<String>,
    pub fsync: Option<String>,
}

impl NativeMqttOptions {
    pub(super) fn into_options(self, pin: Option<Arc<dyn PinProvider>>) -> MqttOptions {
        let millis = |millis: u32| Duration::from_millis(millis.into());
        let own_ca = self.ca.is_some() || self.system_ca;
        MqttOptions {
            endpoint: self.endpoint,
            client_id: self.client_id,
            transport: if self.web_socket { MqttTransport::WebSocket } else { MqttTransport::X509 },
            v311: self.v311,
            port: self.port,
            use_alpn: self.use_alpn,
            keep_alive_seconds: self.keep_alive_seconds,
            clean_start: self.clean_start,
            session_expiry_seconds: self.session_expiry_seconds,
            will: self.will.map(Into::into),
            username: self.username,
            password: self.password.map(secret),
            user_properties: pairs(self.user_properties).collect(),
            authorizer: self.custom_authorizer.map(Into::into),
            identity: MqttIdentity {
                certificate: self.certificate.map(material),
                private_key: self.private_key.map(material),
                private_key_passphrase: self.private_key_passphrase.map(secret),
                pkcs11: self.pkcs11.map(|pkcs11| NativePkcs11Options::into_options(pkcs11, pin)),
            },
            ca: own_ca.then(|| -> CaOptions { ca(self.ca) }),
            verify_peer: self.verify_peer,
            server_name: self.server_name,
            proxy: proxy(self.proxy),
            region: self.region,
            session_region: self.session_region,
            reconnect_min: self.reconnect_min_seconds.map(seconds),
            reconnect_max: self.reconnect_max_seconds.map(seconds),
            connect_timeout: self.connect_timeout_ms.map(millis),
            connack_timeout: self.connack_timeout_ms.map(millis),
            ping_timeout: self.ping_timeout_ms.map(millis),
            ack_timeout: self.ack_timeout_ms.map(millis),
            max_connection: self.max_connection_seconds.map(|seconds| Duration::from_secs(seconds.into())),
            // `src/ts` acknowledges: when the user has said so, or has been given the message.
            manual_ack: true,
            topic_aliases: self.topic_aliases,
            limits: self.limits.into(),
            queue: self.offline_queue.map(Into::into),
        }
    }
}

impl From<NativeMqttWill> for MqttWill {
    fn from(will: NativeMqttWill) -> Self {
        Self {
            topic: will.topic,
            payload: match will.payload {
                Either::A(text) => text.into_bytes(),
                Either::B(bytes) => bytes.to_vec(),
            },
            qos: will.qos,
            retain: will.retain,
            properties: will.properties.map(|properties| Box::new(properties.into())),
        }
    }
}

impl From<NativeMqttWillProperties> for Properties {
    fn from(given: NativeMqttWillProperties) -> Self {
        Self {
            will_delay: given.delay_seconds,
            payload_format: given.payload_format,
            message_expiry: given.message_expiry_seconds,
            content_type: given.content_type.map(Text::from),
            response_topic: given.response_topic.map(Text::from),
            correlation_data: given.correlation_data.map(|data| Bytes::from(data.to_vec())),
            user: pairs(given.user).map(|(name, value)| (name.into(), value.into())).collect(),
            ..Self::default()
        }
    }
}

impl From<NativeMqttAuthorizer> for MqttAuthorizer {
    fn from(given: NativeMqttAuthorizer) -> Self {
        Self {
            name: given.name,
            token_key_name: given.token_key_name,
            token_value: given.token_value.map(Secret::from),
            token_signature: given.token_signature.map(Secret::from),
        }
    }
}

impl From<NativeMqttLimits> for MqttLimits {
    fn from(given: NativeMqttLimits) -> Self {
        Self {
            none: given.none,
            publishes_per_second: given.publishes_per_second,
            bytes_per_second: given.bytes_per_second,
            in_flight: given.in_flight,
            packet_bytes: given.packet_bytes,
            topic_bytes: given.topic_bytes,
            topic_slashes: given.topic_slashes,
            subscriptions: given.subscriptions,
            filters_per_subscribe: given.filters_per_subscribe,
        }
    }
}

impl From<NativeMqttQueue> for MqttQueueOptions {
    fn from(given: NativeMqttQueue) -> Self {
        Self {
            max_messages: given.max_messages,
            max_bytes: given.max_bytes.map(whole),
            ttl: given.ttl_seconds.map(seconds),
            policy: given.policy,
            directory: given.directory.map(PathBuf::from),
            fsync: given.fsync,
        }
    }
}

/// `src/ts` has checked the range; the conversion fails only for what is out of it.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`src/ts` has checked that it is whole and positive"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

fn pairs(flat: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let mut flat = flat.into_iter();
    std::iter::from_fn(move || flat.next().zip(flat.next()))
}
