//! PUBLISH and PUBACK: what AWS takes, what it refuses, and what it says nothing about.

use serde_json::json;

use super::{Conversation, connect::publish_limit};
use crate::{
    mqtt::{
        codec::{Malformed, Properties, Publish, ToClient, Version, id, reason},
        faults::Fate,
        policy::Action,
        received::describe,
        rules::Rules,
        topic,
    },
    sync::lock,
};

impl Conversation {
    pub(super) fn publish(&mut self, mut publish: Publish) {
        let rules = self.rules();
        if let Err(malformed) = self.check_topic(&mut publish, &rules) {
            return self.refuse(&malformed);
        }
        let rate_time = rules.rate_time(&self.world.mqtt.clock);
        let Some(client) = &mut self.client else { return };
        if let Some(packet) = publish.id.filter(|_| publish.qos == 1) {
            client.unacknowledged.insert(packet);
            if client.unacknowledged.len() > usize::from(rules.unacknowledged) {
                let sentence = format!("more than {} publishes without PUBACK", rules.unacknowledged);
                return self.refuse(&Malformed { reason: reason::RECEIVE_MAXIMUM_EXCEEDED, sentence });
            }
        }
        let in_time = rules.publishes_per_second.is_none_or(|most| client.publishes.take(most, rate_time));
        let told = self.plight.puback_reason().filter(|_| publish.qos == 1);
        let outcome = match told {
            _ if publish.qos == 2 => "qos-2",
            _ if !in_time => "discarded",
            Some(0x80..) => "told-to-refuse",
            _ if !self.may_publish(&publish.topic) => "denied",
            _ => "accepted",
        };
        self.note(&publish, outcome, &rules);
        let (packet, qos) = (publish.id, publish.qos);
        if outcome == "accepted" {
            self.pass_on(publish);
        }
        match (outcome, packet) {
            ("denied", _) if qos == 0 || !self.speaks_v5() => {
                self.end(Some(reason::NOT_AUTHORIZED), "the policy does not allow it");
            }
            ("denied", Some(packet)) => self.acknowledge(packet, reason::NOT_AUTHORIZED),
            ("accepted" | "told-to-refuse", Some(packet)) => {
                self.acknowledge(packet, told.unwrap_or(reason::SUCCESS));
            }
            // AWS says nothing of QoS 2, nor of what it throws away.
            _ => {}
        }
        self.plight.published();
        self.strike();
    }

    pub(super) fn puback(&mut self, packet: u16, reason: u8) {
        let Some(client) = &self.client else { return };
        let now = self.world.mqtt.clock.now();
        // Under the lock the next message may leave: the event comes first.
        if self.rules().record {
            self.record("mqtt.puback", json!({"packetId": packet, "reason": reason}));
        }
        lock(&self.world.mqtt.broker).acknowledge(&client.id, self.origin.connection, packet, now);
    }

    fn check_topic(&mut self, publish: &mut Publish, rules: &Rules) -> Result<(), Malformed> {
        let Some(client) = &mut self.client else { return Ok(()) };
        if let Some(alias) = publish.properties.number(id::TOPIC_ALIAS) {
            let alias = u16::try_from(alias).unwrap_or(0);
            if alias == 0 || alias > rules.topic_aliases {
                let sentence = format!("topic alias {alias}, of {}", rules.topic_aliases);
                return Err(Malformed { reason: reason::TOPIC_ALIAS_INVALID, sentence });
            }
            if publish.topic.is_empty() {
                let known = client.aliases.get(&alias).cloned();
                publish.topic = known
                    .ok_or_else(|| Malformed::protocol(format!("topic alias {alias} stands for nothing")))?;
            } else {
                client.aliases.insert(alias, publish.topic.clone());
            }
        }
        let named = publish.topic.as_str();
        let response = publish.properties.text(id::RESPONSE_TOPIC).is_none_or(topic::is_name);
        if !topic::is_name(named) || !response || publish_limit(named, rules) {
            let sentence = "a topic that is none, or is too long or too deep".to_owned();
            return Err(Malformed { reason: reason::TOPIC_NAME_INVALID, sentence });
        }
        Ok(())
    }

    /// Topics with a dollar sign are AWS's own; of those it takes what it has a service for.
    fn may_publish(&self, topic: &str) -> bool {
        let reserved = topic.starts_with('$') && !topic.starts_with("$aws/");
        !reserved && lock(&self.world.mqtt.broker).policy.allows(Action::Publish, topic)
    }

    fn note(&self, publish: &Publish, outcome: &'static str, rules: &Rules) {
        let Some(client) = &self.client else { return };
        if !rules.record {
            return;
        }
        let mut fields = describe(publish);
        fields["outcome"] = json!(outcome);
        if let Some(rule) = topic::basic_ingest(&publish.topic) {
            fields["rule"] = json!(rule);
        }
        self.record("mqtt.publish", fields);
        lock(&self.world.mqtt.broker).received.push(&client.id, publish, outcome);
    }

    fn pass_on(&self, publish: Publish) {
        let Some(client) = &self.client else { return };
        let now = self.world.mqtt.clock.now();
        lock(&self.world.mqtt.broker).publish(&client.id, publish, now);
    }

    fn acknowledge(&mut self, packet: u16, reason: u8) {
        let packet = ToClient::Puback { id: packet, reason, properties: Properties::default() };
        if !self.plight.is_any() {
            return self.write(&packet);
        }
        match self.plight.puback(packet) {
            Fate::Send(packets) => {
                for packet in &packets {
                    self.write(packet);
                }
            }
            Fate::Later(ms, packet) => self.write_later(ms, packet),
        }
    }

    pub(super) fn speaks_v5(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.version == Version::V5)
    }
}
