//! CONNECT: who may come in, and on what terms.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use serde_json::json;

use super::{Client, Conversation, End, Step};
use crate::{
    mqtt::{
        authorizer,
        codec::{Connect, Properties, ToClient, Version, encode, id, reason},
        faults::Told,
        policy::Action,
        rules::{Bucket, Rules},
        session::Link,
        topic,
    },
    random,
    sync::lock,
};

/// A client that is not let in: the reason, and why, for the log.
type Refusal = (u8, String);

impl Conversation {
    pub(super) fn connect(&mut self, mut connect: Connect) {
        let rules = self.rules();
        let assigned = connect.client_id.is_empty() && (connect.version == Version::V5 || connect.clean);
        if assigned {
            connect.client_id = format!("$GEN/{}", random::uuid());
        }
        let fault = lock(&self.world.mqtt.broker).faults.take(&connect.client_id);
        let fault_shown = json!(fault);
        if let Some(fault) = fault {
            self.plight.add(fault);
        }
        let verdict = self.admit(&connect, assigned, &rules);
        let told = self.plight.connack();
        let (reason, error, authorizer) = match (&told, &verdict) {
            (Told::This((reason, _)), _) => (Some(*reason), None, None),
            (Told::Nothing, _) => (None, None, None),
            (Told::Truth, Ok(authorizer)) => (Some(reason::SUCCESS), None, authorizer.clone()),
            (Told::Truth, Err((reason, error))) => (Some(*reason), Some(error.clone()), None),
        };
        let let_in = reason == Some(reason::SUCCESS) && verdict.is_ok();
        let mut session_present = false;
        let keep_alive = agreed(connect.keep_alive, &rules);
        if let_in {
            let kept = !self.plight.loses_session();
            let link = Link::new(self.origin.connection, self.orders.clone(), connect.version);
            let now = self.world.mqtt.clock.now();
            let mut broker = lock(&self.world.mqtt.broker);
            session_present = broker.connect(&connect.client_id, &connect, link, kept, now);
        }
        if let Told::This((_, present)) = told {
            session_present = present;
        }
        let origin = &self.origin;
        let fields = json!({
            "connection": origin.connection,
            "service": "mqtt",
            "clientId": connect.client_id,
            "protocolVersion": connect.version.name(),
            "port": origin.port,
            "transport": if origin.web_socket { "websocket" } else { "tcp" },
            "tlsVersion": origin.tls_version,
            "alpn": origin.alpn,
            "clientCertificate": origin.certificate,
            "accessKeyId": origin.access_key_id,
            "keepAlive": connect.keep_alive,
            "cleanStart": connect.clean,
            "sessionExpiry": connect.properties.number(id::SESSION_EXPIRY),
            "receiveMaximum": connect.properties.number(id::RECEIVE_MAXIMUM),
            "maximumPacketSize": connect.properties.number(id::MAXIMUM_PACKET_SIZE),
            "will": connect.will.as_ref().map(|will| &will.topic),
            "userName": connect.user.as_deref().map(authorizer::redacted),
            "password": connect.password.as_ref().map(|password| format!("({} bytes)", password.len())),
            "authorizer": authorizer,
            "sessionPresent": session_present,
            "reason": reason,
            "error": error,
            "fault": fault_shown,
        });
        self.world.log.record("mqtt.connect", fields);
        let (version, properties) = (connect.version, terms(&connect, assigned, keep_alive, &rules));
        let Some(reason) = reason else {
            // Read on, and never answer.
            return self.steps.push_back(Step::End(End::Deaf));
        };
        if reason != reason::SUCCESS {
            self.write_connack(version, false, reason, Properties::default());
            self.over = true;
            return self.steps.push_back(Step::End(End::Close));
        }
        self.write_connack(version, session_present, reason, properties);
        if !let_in {
            return;
        }
        let clock = &self.world.mqtt.clock;
        let client_id = connect.client_id.clone();
        self.client = Some(Client {
            id: connect.client_id,
            version,
            will: connect.will,
            patience: (keep_alive > 0).then(|| Duration::from_millis(u64::from(keep_alive) * 1500)),
            heard: clock.keep_alive(),
            aliases: HashMap::new(),
            unacknowledged: BTreeSet::new(),
            publishes: Bucket::default(),
            expiry: connect.properties.number(id::SESSION_EXPIRY).unwrap_or(0),
        });
        lock(&self.world.mqtt.broker).begin(&client_id, self.origin.connection, clock.now());
        self.strike();
    }

    /// Whether this client may come in, and the authorizer that said so, if one did.
    fn admit(&self, connect: &Connect, assigned: bool, rules: &Rules) -> Result<Option<String>, Refusal> {
        let client_id = &connect.client_id;
        let too_long = rules.client_id_bytes.is_some_and(|most| client_id.len() > most);
        if client_id.is_empty() || too_long || (client_id.starts_with('$') && !assigned) {
            return Err((reason::CLIENT_ID_NOT_VALID, "the client id is not a valid one".to_owned()));
        }
        if connect.properties.text(id::AUTHENTICATION_METHOD).is_some() {
            return Err((0x8c, "AWS has no authentication methods".to_owned()));
        }
        let mut broker = lock(&self.world.mqtt.broker);
        if !broker.may_connect(client_id, rules.rate_time(&self.world.mqtt.clock)) {
            return Err((
                reason::QUOTA_EXCEEDED,
                "too many CONNECTs of this client id in a second".to_owned(),
            ));
        }
        if let Some(will) = &connect.will {
            if !topic::is_name(&will.topic) || publish_limit(&will.topic, rules) {
                return Err((reason::TOPIC_NAME_INVALID, "the will has no valid topic".to_owned()));
            }
            if will.qos == 2 {
                return Err((0x9b, "AWS has no QoS 2".to_owned()));
            }
            if !broker.policy.allows(Action::Publish, &will.topic) {
                return Err((reason::NOT_AUTHORIZED, "the policy does not allow the will".to_owned()));
            }
        }
        if !broker.policy.allows(Action::Connect, client_id) {
            return Err((reason::NOT_AUTHORIZED, "the policy does not allow the client id".to_owned()));
        }
        let authorizers = broker.authorizers.clone();
        drop(broker);
        let password = connect.password.as_deref();
        self.origin
            .identify(&self.world, &authorizers, connect.user.as_deref(), password)
            .map_err(|error| (reason::NOT_AUTHORIZED, error))
    }

    pub(super) fn write_connack(
        &mut self,
        version: Version,
        session_present: bool,
        reason: u8,
        properties: Properties,
    ) {
        let reason = if version == Version::V5 { reason } else { return_code(reason) };
        let packet = ToClient::Connack { session_present, reason, properties };
        self.steps.push_back(Step::Write(encode(&packet, version)));
    }
}

/// Whether AWS would find a topic too long.
pub(super) fn publish_limit(topic: &str, rules: &Rules) -> bool {
    let counted = topic::counted(topic);
    let slashes = counted.bytes().filter(|byte| *byte == b'/').count();
    rules.topic_bytes.is_some_and(|most| counted.len() > most)
        || rules.topic_slashes.is_some_and(|most| slashes > most)
}

/// The properties of the CONNACK.
fn terms(connect: &Connect, assigned: bool, keep_alive: u16, rules: &Rules) -> Properties {
    let mut terms = Properties::default();
    let asked = connect.properties.number(id::SESSION_EXPIRY).unwrap_or(0);
    if asked > rules.longest_session_seconds {
        terms = terms.with(id::SESSION_EXPIRY, rules.longest_session_seconds);
    }
    if assigned {
        terms = terms.with_text(id::ASSIGNED_CLIENT_ID, &connect.client_id);
    }
    if rules.keep_alive_seconds.is_some() {
        terms = terms.with(id::SERVER_KEEP_ALIVE, keep_alive.into());
    }
    terms
        .with(id::RECEIVE_MAXIMUM, rules.unacknowledged.into())
        .with(id::MAXIMUM_QOS, 1)
        .with(id::RETAIN_AVAILABLE, 1)
        .with(id::MAXIMUM_PACKET_SIZE, rules.packet_bytes)
        .with(id::TOPIC_ALIAS_MAXIMUM, rules.topic_aliases.into())
        .with(id::WILDCARD_AVAILABLE, 1)
        .with(id::SUBSCRIPTION_IDS_AVAILABLE, 0)
        .with(id::SHARED_AVAILABLE, 1)
}

/// The keep-alive that counts, in seconds.
fn agreed(asked: u16, rules: &Rules) -> u16 {
    match rules.keep_alive_seconds {
        None => asked,
        Some((_, longest)) if asked == 0 => longest,
        Some((shortest, longest)) => asked.clamp(shortest, longest),
    }
}

/// What 3.1.1 says for a reason (its section 3.2.2.3). What it knows already stays as it is: a fault may ask for it.
fn return_code(reason: u8) -> u8 {
    match reason {
        0..=5 => reason,
        reason::UNSUPPORTED_VERSION => 1,
        reason::CLIENT_ID_NOT_VALID => 2,
        reason::BAD_USER_OR_PASSWORD => 4,
        reason::QUOTA_EXCEEDED | 0x88 | 0x89 | reason::SERVER_SHUTTING_DOWN => 3,
        _ => 5,
    }
}
