//! How one client behaves, checked.

use std::time::Duration;

use refresh_session_core::{Error, Result};

use crate::backoff::Backoff;
use crate::codec::properties::bearer;
use crate::codec::{Connect, Properties, Version};
use crate::limits::Limits;
use crate::text::Text;
use crate::topic::check_topic;

/// What a full queue does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FullPolicy {
    /// Refuses what comes: `ERR_MQTT_QUEUE_FULL` at once.
    #[default]
    Reject,
    /// Takes what comes, and drops the oldest that was never sent: `ERR_MQTT_DROPPED`.
    DropOldest,
    /// Drops what comes: its operation settles with `ERR_MQTT_DROPPED`.
    DropNewest,
}

/// The queue of messages. It bounds all that are not settled yet, those on the wire too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queue {
    /// Whether messages are taken while there is no connection; if not: `ERR_MQTT_OFFLINE`.
    pub offline: bool,
    /// Messages at most.
    pub max_messages: usize,
    /// Bytes of topics and payloads at most.
    pub max_bytes: usize,
    /// A message that was not sent for so long is dropped: `ERR_MQTT_EXPIRED`.
    pub ttl: Option<Duration>,
    /// What happens when it is full.
    pub policy: FullPolicy,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            offline: true,
            max_messages: 1000,
            max_bytes: 4 * 1024 * 1024,
            ttl: None,
            policy: FullPolicy::Reject,
        }
    }
}

/// How one client behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the protocol.
    pub version: Version,
    /// Who it is. `clean_start` holds for the first CONNECT; in MQTT 5 the later ones ask for the session again.
    pub connect: Connect,
    /// What the server allows.
    pub limits: Limits,
    /// Of messages.
    pub queue: Queue,
    /// Between attempts.
    pub backoff: Backoff,
    /// For the transport to come up.
    pub open_limit: Duration,
    /// For CONNACK.
    pub connack_limit: Duration,
    /// For anything to come back after PINGREQ.
    pub ping_limit: Duration,
    /// For an acknowledgement. Over it the connection is given up, since nothing else would have the message sent again.
    pub ack_limit: Duration,
    /// A connection is replaced before it has lasted so long.
    pub life: Option<Duration>,
    /// Whether QoS 1 messages are acknowledged by the user, or else when they are handed out.
    pub manual_ack: bool,
    /// Whether topics are replaced by aliases, as far as the server allows.
    pub topic_aliases: bool,
}

impl Settings {
    /// For AWS IoT Core, with a clean start and a keep-alive of a minute.
    #[must_use]
    pub fn new(client_id: impl Into<Text>) -> Self {
        Self {
            version: Version::V5,
            connect: Connect {
                client_id: client_id.into(),
                clean_start: true,
                keep_alive: 60,
                username: None,
                password: None,
                will: None,
                properties: Properties::default(),
            },
            limits: Limits::AWS,
            queue: Queue::default(),
            backoff: Backoff::default(),
            open_limit: Duration::from_secs(10),
            connack_limit: Duration::from_secs(20),
            ping_limit: Duration::from_secs(30),
            ack_limit: Duration::from_secs(30),
            life: None,
            manual_ack: false,
            topic_aliases: false,
        }
    }

    /// How many QoS 1 messages the server may send without an acknowledgement, as it is told.
    pub(crate) fn receive_maximum(&self) -> usize {
        match self.version {
            Version::V311 => usize::from(u16::MAX),
            Version::V5 => {
                usize::from(self.connect.properties.receive_maximum.unwrap_or(self.limits.unacknowledged))
            }
        }
    }

    /// The same settings if they can be meant.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming the option; `ERR_MQTT_TOPIC` and `ERR_MQTT_PROPERTY` for a will.
    pub fn checked(self) -> Result<Self> {
        let Connect { client_id, keep_alive, username, password, will, properties, .. } = &self.connect;
        let limits = &self.limits;
        if client_id.len() > usize::from(limits.client_id) {
            let found = format!("has {} bytes: the limit is {}", client_id.len(), limits.client_id);
            return Err(Error::invalid_option("clientId", found));
        }
        if client_id.as_bytes().contains(&0) {
            return Err(Error::invalid_option("clientId", "holds U+0000, which MQTT does not allow"));
        }
        if client_id.is_empty() && self.version == Version::V311 {
            return Err(Error::invalid_option(
                "clientId",
                "is empty: under MQTT 3.1.1 the server chooses none",
            ));
        }
        let (least, most) = limits.keep_alive;
        if !(least..=most).contains(keep_alive) {
            let found = format!("is {keep_alive}: it must be between {least} and {most}");
            return Err(Error::invalid_option("keepAliveSeconds", found));
        }
        if password.is_some() && username.is_none() && self.version == Version::V311 {
            return Err(Error::invalid_option(
                "password",
                "is given without `username`, which MQTT 3.1.1 needs",
            ));
        }
        let long = |length: usize| length > usize::from(u16::MAX);
        if username.as_ref().is_some_and(|text| long(text.len()) || text.as_bytes().contains(&0)) {
            return Err(Error::invalid_option("username", "is longer than 65,535 bytes or holds U+0000"));
        }
        if password.as_ref().is_some_and(|secret| long(secret.expose().len())) {
            return Err(Error::invalid_option("password", "is longer than 65,535 bytes"));
        }
        if self.version == Version::V5 && !properties_fit(properties, bearer::CONNECT) {
            return Err(Error::invalid_option("properties", "hold what a CONNECT cannot carry"));
        }
        if let Some(will) = will {
            check_topic(&will.topic, limits)?;
            if long(will.payload.len()) {
                return Err(Error::invalid_option("will.payload", "is longer than 65,535 bytes"));
            }
            if will.properties.as_deref().is_some_and(|found| !properties_fit(found, bearer::WILL)) {
                return Err(Error::invalid_option("will.properties", "hold what a will cannot carry"));
            }
        }
        if self.backoff.min.is_zero() || self.backoff.max < self.backoff.min {
            let found = "is 0, or more than `reconnectMaxSeconds`: attempts would not stop or never start";
            return Err(Error::invalid_option("reconnectMinSeconds", found));
        }
        let counts = [usize::from(limits.unacknowledged), usize::from(limits.filters_per_packet)];
        if counts.contains(&0) || [limits.publishes_per_second, limits.bytes_per_second].contains(&Some(0)) {
            return Err(Error::invalid_option("limits", "hold a 0: nothing would ever be sent"));
        }
        Ok(self)
    }
}

fn properties_fit(properties: &Properties, bearer: u16) -> bool {
    properties.first_not_in(bearer).is_none() && properties.first_too_long().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Will;

    #[test]
    fn what_aws_would_refuse_is_refused_here() {
        let param = |change: fn(&mut Settings)| {
            let mut settings = Settings::new("gw");
            change(&mut settings);
            settings.checked().err().and_then(|error| error.param().map(str::to_owned))
        };
        assert_eq!(param(|_| {}), None);
        assert_eq!(param(|it| it.connect.client_id = "x".repeat(129).into()).as_deref(), Some("clientId"));
        assert_eq!(param(|it| it.connect.keep_alive = 29).as_deref(), Some("keepAliveSeconds"));
        assert_eq!(param(|it| it.connect.keep_alive = 1201).as_deref(), Some("keepAliveSeconds"));
        assert_eq!(param(|it| it.backoff.min = Duration::ZERO).as_deref(), Some("reconnectMinSeconds"));
        assert_eq!(param(|it| it.limits.unacknowledged = 0).as_deref(), Some("limits"));
        assert_eq!(param(|it| it.connect.properties.topic_alias = Some(1)).as_deref(), Some("properties"));
        let mut settings = Settings::new("gw");
        settings.connect.will = Some(Will { topic: "a/#".into(), ..Will::default() });
        assert!(settings.checked().is_err());
    }
}
