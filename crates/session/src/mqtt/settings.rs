//! From the options to the machine's settings.

use std::time::Duration;

use bytes::Bytes;
use refresh_session_core::shown::quoted;
use refresh_session_core::{Error, Result};
use refresh_session_mqtt::{
    Backoff, FullPolicy, Limits, Properties, QoS, Queue, Settings, Text, Version, Will,
};

use super::authorizer;
use super::options::{MqttLimits, MqttOptions, MqttQueueOptions, MqttTransport, MqttWill};

/// AWS IoT ends a WebSocket after 24 hours.
const WEBSOCKET_LIFE: Duration = Duration::from_hours(24);
/// Name, TCP, proxy, TLS, token and WebSocket, where nothing else is said.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The dialer says better what took so long.
const SLACK: Duration = Duration::from_secs(1);

/// # Errors
/// `ERR_INVALID_OPTION` naming the option; `ERR_MQTT_QOS`, `ERR_MQTT_TOPIC`, `ERR_MQTT_PROPERTY` for a will.
pub(super) fn settings(options: &mut MqttOptions) -> Result<Settings> {
    let mut settings = Settings::new(options.client_id.as_str());
    settings.version = if options.v311 { Version::V311 } else { Version::V5 };
    refuse_of_v5(options)?;
    settings.limits = limits(&options.limits);
    settings.queue = options.queue.as_ref().map_or(Ok(QUEUE_OFF), queue)?;
    settings.backoff = backoff(options);
    settings.open_limit = options.connect_timeout.unwrap_or(CONNECT_LIMIT) + SLACK;
    settings.connack_limit = options.connack_timeout.unwrap_or(settings.connack_limit);
    settings.ping_limit = options.ping_timeout.unwrap_or(settings.ping_limit);
    settings.ack_limit = options.ack_timeout.unwrap_or(settings.ack_limit);
    let by_web = options.transport == MqttTransport::WebSocket;
    settings.life = options.max_connection.or(by_web.then_some(WEBSOCKET_LIFE));
    settings.manual_ack = options.manual_ack;
    settings.topic_aliases = options.topic_aliases;
    let connect = &mut settings.connect;
    connect.clean_start = options.clean_start;
    connect.keep_alive = options.keep_alive_seconds;
    connect.password = options.password.take();
    connect.username = options.username.as_deref().map(Text::from);
    if let (Some(authorizer), false) = (&options.authorizer, by_web) {
        connect.username = Some(authorizer::in_username(authorizer, options.username.as_deref())?);
    }
    connect.will = options.will.take().map(will).transpose()?;
    connect.properties = Properties {
        session_expiry: options.session_expiry_seconds,
        user: options
            .user_properties
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
        ..Properties::default()
    };
    settings.checked()
}

/// Nothing waits for a connection; what waits for the limits and for acknowledgements is bounded as ever.
const QUEUE_OFF: Queue = Queue {
    offline: false,
    max_messages: 1000,
    max_bytes: 4 * 1024 * 1024,
    ttl: None,
    policy: FullPolicy::Reject,
};

fn queue(options: &MqttQueueOptions) -> Result<Queue> {
    let default = Queue::default();
    let policy = match options.policy.as_deref() {
        None | Some("reject") => FullPolicy::Reject,
        Some("drop-oldest") => FullPolicy::DropOldest,
        Some("drop-newest") => FullPolicy::DropNewest,
        Some(other) => {
            let found = format!(
                "is {}: it must be one of \"reject\", \"drop-oldest\", \"drop-newest\"",
                quoted(other)
            );
            return Err(Error::invalid_option("offlineQueue.policy", found));
        }
    };
    Ok(Queue {
        offline: true,
        max_messages: options.max_messages.map_or(default.max_messages, |most| most as usize),
        max_bytes: options
            .max_bytes
            .map_or(default.max_bytes, |most| usize::try_from(most).unwrap_or(usize::MAX)),
        ttl: options.ttl,
        policy,
    })
}

fn backoff(options: &MqttOptions) -> Backoff {
    let default = Backoff::default();
    let min = options.reconnect_min.unwrap_or(default.min);
    // Who asks for a longer pause than the default's longest gets it.
    let max = options.reconnect_max.unwrap_or(default.max.max(min));
    Backoff { min, max, ..default }
}

fn limits(options: &MqttLimits) -> Limits {
    let base = if options.none { Limits::NONE } else { Limits::AWS };
    // 0 lifts a limit.
    let rate = |given: Option<u32>, base: Option<u32>| match given {
        Some(0) => None,
        given => given.or(base),
    };
    let count = |given: Option<u16>, base: Option<u16>| match given {
        Some(0) => None,
        given => given.or(base),
    };
    Limits {
        publishes_per_second: rate(options.publishes_per_second, base.publishes_per_second),
        bytes_per_second: rate(options.bytes_per_second, base.bytes_per_second),
        unacknowledged: options.in_flight.unwrap_or(base.unacknowledged),
        packet: options.packet_bytes.unwrap_or(base.packet),
        topic: options.topic_bytes.unwrap_or(base.topic),
        slashes: count(options.topic_slashes, base.slashes),
        subscriptions: count(options.subscriptions, base.subscriptions),
        filters_per_packet: options.filters_per_subscribe.unwrap_or(base.filters_per_packet),
        ..base
    }
}

fn will(will: MqttWill) -> Result<Will> {
    Ok(Will {
        topic: will.topic.as_str().into(),
        payload: Bytes::from(will.payload),
        qos: QoS::try_from(will.qos).map_err(|error| error.with_param("will.qos"))?,
        retain: will.retain,
        properties: will.properties,
    })
}

/// What MQTT 3.1.1 has no place for is not left out in silence.
fn refuse_of_v5(options: &MqttOptions) -> Result<()> {
    if !options.v311 {
        return Ok(());
    }
    let given = [
        ("sessionExpirySeconds", options.session_expiry_seconds.is_some()),
        ("userProperties", !options.user_properties.is_empty()),
        ("will.properties", options.will.as_ref().is_some_and(|will| will.properties.is_some())),
        ("topicAliases", options.topic_aliases),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((param, _)) => Err(Error::invalid_option(param, "is of MQTT 5, and `protocolVersion` is 311")),
    }
}

/// For the dialer, which outlives the options.
pub(super) fn connect_limit(options: &MqttOptions) -> Duration {
    options.connect_timeout.unwrap_or(CONNECT_LIMIT)
}
