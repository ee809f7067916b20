//! Options as the bridge hands them over: types are right, nothing else is checked.

use std::path::PathBuf;
use std::time::Duration;

use refresh_session_core::Secret;
use refresh_session_mqtt::Properties;
use refresh_session_tls::Material;

use crate::ca::CaOptions;
use crate::device::Pkcs11Options;
use crate::proxy::ProxyOptions;

/// How the server is reached and who we are to it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MqttTransport {
    /// MQTT in TLS with the device certificate.
    #[default]
    X509,
    /// MQTT in WebSocket in TLS, the handshake signed with the session's credentials.
    WebSocket,
}

/// An identity of the connection's own.
#[derive(Debug, Default)]
pub struct MqttIdentity {
    /// `certificate`.
    pub certificate: Option<Material>,
    /// `privateKey`.
    pub private_key: Option<Material>,
    /// `privateKeyPassphrase`.
    pub private_key_passphrase: Option<Secret>,
    /// `pkcs11`.
    pub pkcs11: Option<Pkcs11Options>,
}

/// `offlineQueue`.
#[derive(Clone, Debug)]
pub struct MqttQueueOptions {
    /// `maxMessages`.
    pub max_messages: Option<u32>,
    /// `maxBytes`.
    pub max_bytes: Option<u64>,
    /// `ttlSeconds`.
    pub ttl: Option<Duration>,
    /// `policy`: `reject`, `drop-oldest` or `drop-newest`.
    pub policy: Option<String>,
    /// `directory`: of the queue on disk.
    pub directory: Option<PathBuf>,
    /// `fsync`: `always`, `interval` or `never`.
    pub fsync: Option<String>,
}

/// `will`.
#[derive(Debug)]
pub struct MqttWill {
    /// `topic`.
    pub topic: String,
    /// `payload`.
    pub payload: Vec<u8>,
    /// `qos`.
    pub qos: u8,
    /// `retain`.
    pub retain: bool,
    /// `properties`, and its delay.
    pub properties: Option<Box<Properties>>,
}

/// `customAuthorizer`.
#[derive(Debug)]
pub struct MqttAuthorizer {
    /// `name`; `None`: the account's default.
    pub name: Option<String>,
    /// `tokenKeyName`.
    pub token_key_name: Option<String>,
    /// `tokenValue`.
    pub token_value: Option<Secret>,
    /// `tokenSignature`, Base64.
    pub token_signature: Option<Secret>,
}

/// Single limits that replace those of `limits`.
#[derive(Clone, Debug, Default)]
pub struct MqttLimits {
    /// `none` rather than `aws` for what is not said here.
    pub none: bool,
    /// `publishesPerSecond`; 0: none.
    pub publishes_per_second: Option<u32>,
    /// `bytesPerSecond`; 0: none.
    pub bytes_per_second: Option<u32>,
    /// `inFlight`.
    pub in_flight: Option<u16>,
    /// `packetBytes`.
    pub packet_bytes: Option<u32>,
    /// `topicBytes`.
    pub topic_bytes: Option<u16>,
    /// `topicSlashes`.
    pub topic_slashes: Option<u16>,
    /// `subscriptions`.
    pub subscriptions: Option<u16>,
    /// `filtersPerSubscribe`.
    pub filters_per_subscribe: Option<u16>,
}

/// Options of `session.mqtt()`; the names are those of the public API in snake case.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the user's switches, by their names")]
pub struct MqttOptions {
    /// `host[:port]`.
    pub endpoint: String,
    /// `clientId`; empty: the server chooses (MQTT 5).
    pub client_id: String,
    /// `transport`.
    pub transport: MqttTransport,
    /// `protocolVersion: 311`.
    pub v311: bool,
    /// `port`; `None`: the endpoint's, or by transport.
    pub port: Option<u16>,
    /// `useAlpn`: port 443 with the ALPN name.
    pub use_alpn: bool,
    /// `keepAliveSeconds`.
    pub keep_alive_seconds: u16,
    /// `cleanStart`.
    pub clean_start: bool,
    /// `sessionExpirySeconds`.
    pub session_expiry_seconds: Option<u32>,
    /// `will`.
    pub will: Option<MqttWill>,
    /// `username`.
    pub username: Option<String>,
    /// `password`.
    pub password: Option<Secret>,
    /// `connectProperties`: user properties of CONNECT.
    pub user_properties: Vec<(String, String)>,
    /// `customAuthorizer`.
    pub authorizer: Option<MqttAuthorizer>,
    /// `certificate`, `privateKey`, `pkcs11`: in place of the session's.
    pub identity: MqttIdentity,
    /// `ca`; `None`: the session's, or else the system's.
    pub ca: Option<CaOptions>,
    /// `verifyPeer`.
    pub verify_peer: bool,
    /// `serverName`.
    pub server_name: Option<String>,
    /// `proxy`.
    pub proxy: ProxyOptions,
    /// `region` to sign for; `None`: the endpoint's.
    pub region: Option<String>,
    /// The session's, for an endpoint whose name has none.
    pub session_region: Option<String>,
    /// `reconnectMinSeconds`.
    pub reconnect_min: Option<Duration>,
    /// `reconnectMaxSeconds`.
    pub reconnect_max: Option<Duration>,
    /// `connectTimeoutMs`: name, TCP, proxy, TLS, token, WebSocket.
    pub connect_timeout: Option<Duration>,
    /// `connackTimeoutMs`.
    pub connack_timeout: Option<Duration>,
    /// `pingTimeoutMs`.
    pub ping_timeout: Option<Duration>,
    /// `ackTimeoutMs`.
    pub ack_timeout: Option<Duration>,
    /// `maxConnectionSeconds`: a connection is replaced before that; default: none, or 23 to 24 hours for WebSocket.
    pub max_connection: Option<Duration>,
    /// `manualAcknowledge`.
    pub manual_ack: bool,
    /// `topicAliases`.
    pub topic_aliases: bool,
    /// `limits`.
    pub limits: MqttLimits,
    /// `offlineQueue`; `None`: `false`.
    pub queue: Option<MqttQueueOptions>,
}
