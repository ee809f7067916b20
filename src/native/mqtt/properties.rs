//! The properties of MQTT 5, as an object.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use refresh_session_mqtt::{Properties, Text};

/// What a packet brought besides its proper content; of the packets that JavaScript sees.
#[napi(object, object_from_js = false)]
pub struct NativeMqttProperties {
    pub payload_format: Option<bool>,
    pub message_expiry_seconds: Option<u32>,
    pub content_type: Option<String>,
    pub response_topic: Option<String>,
    pub correlation_data: Option<Buffer>,
    pub session_expiry_seconds: Option<u32>,
    pub assigned_client_id: Option<String>,
    pub server_keep_alive_seconds: Option<u32>,
    pub response_information: Option<String>,
    pub server_reference: Option<String>,
    pub reason_string: Option<String>,
    pub receive_maximum: Option<u32>,
    pub topic_alias_maximum: Option<u32>,
    /// Absent: the server takes all.
    pub maximum_qos: Option<u32>,
    pub retain_available: Option<bool>,
    pub maximum_packet_size: Option<u32>,
    pub wildcard_available: Option<bool>,
    pub subscription_ids_available: Option<bool>,
    pub shared_available: Option<bool>,
    pub subscription_ids: Option<Vec<u32>>,
    /// Names and values by turns.
    pub user: Option<Vec<String>>,
}

impl From<Properties> for NativeMqttProperties {
    fn from(given: Properties) -> Self {
        let text = |text: Option<Text>| text.map(|text| text.to_string());
        let user = given.user.iter().flat_map(|(name, value)| [name.to_string(), value.to_string()]);
        let user: Vec<String> = user.collect();
        Self {
            payload_format: given.payload_format,
            message_expiry_seconds: given.message_expiry,
            content_type: text(given.content_type),
            response_topic: text(given.response_topic),
            correlation_data: given.correlation_data.map(|data| data.to_vec().into()),
            session_expiry_seconds: given.session_expiry,
            assigned_client_id: text(given.assigned_client_id),
            server_keep_alive_seconds: given.server_keep_alive.map(Into::into),
            response_information: text(given.response_information),
            server_reference: text(given.server_reference),
            reason_string: text(given.reason_string),
            receive_maximum: given.receive_maximum.map(Into::into),
            topic_alias_maximum: given.topic_alias_maximum.map(Into::into),
            maximum_qos: given.maximum_qos.map(Into::into),
            retain_available: given.retain_available,
            maximum_packet_size: given.maximum_packet_size,
            wildcard_available: given.wildcard_available,
            subscription_ids_available: given.subscription_ids_available,
            shared_available: given.shared_available,
            subscription_ids: (!given.subscription_ids.is_empty()).then_some(given.subscription_ids),
            user: (!user.is_empty()).then_some(user),
        }
    }
}
