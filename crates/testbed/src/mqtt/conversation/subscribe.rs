//! SUBSCRIBE and UNSUBSCRIBE.

use serde_json::json;

use super::{Conversation, connect::publish_limit};
use crate::{
    mqtt::{
        codec::{Filter, Malformed, Properties, ToClient, id, reason},
        faults::Told,
        policy::Action,
        rules::Rules,
        topic,
    },
    sync::lock,
};

impl Conversation {
    pub(super) fn subscribe(&mut self, packet: u16, properties: &Properties, filters: &[Filter]) {
        let Some(client_id) = self.client.as_ref().map(|client| client.id.clone()) else { return };
        let rules = self.rules();
        if let Err(malformed) = check(properties, filters, &rules) {
            return self.refuse(&malformed);
        }
        let with_these = lock(&self.world.mqtt.broker).subscriptions_with(&client_id, filters);
        let too_many = rules.subscriptions.is_some_and(|most| with_these > most);
        let told = self.plight.suback();
        let reasons: Vec<u8> = match &told {
            Told::This(reasons) => reasons.clone(),
            _ if too_many => vec![self.refusal(reason::QUOTA_EXCEEDED); filters.len()],
            _ => filters.iter().map(|wanted| self.verdict(wanted, &rules)).collect(),
        };
        let shown: Vec<_> = filters.iter().map(|it| json!({"filter": it.filter, "qos": it.qos})).collect();
        self.record("mqtt.subscribe", json!({"packetId": packet, "filters": shown, "reasons": reasons}));
        // AWS has no QoS 2, and does not say so.
        if filters.iter().any(|wanted| wanted.qos == 2) {
            return;
        }
        let denied = reasons.contains(&reason::NOT_AUTHORIZED);
        if denied && told == Told::Truth && !self.speaks_v5() {
            return self.end(Some(reason::NOT_AUTHORIZED), "the policy does not allow it");
        }
        if told != Told::Nothing {
            self.write(&ToClient::Suback { id: packet, reasons: reasons.clone() });
        }
        let now = self.world.mqtt.clock.now();
        for (wanted, _) in filters.iter().zip(&reasons).filter(|(_, reason)| **reason < 0x80) {
            lock(&self.world.mqtt.broker).subscribe(&client_id, wanted, now);
        }
        if too_many && told == Told::Truth {
            self.end(Some(reason::QUOTA_EXCEEDED), "more subscriptions than a connection may have");
        }
    }

    pub(super) fn unsubscribe(&mut self, packet: u16, filters: &[String]) {
        let Some(client) = &self.client else { return };
        let mut broker = lock(&self.world.mqtt.broker);
        let reasons: Vec<u8> = filters
            .iter()
            .map(|filter| {
                if broker.unsubscribe(&client.id, filter) { reason::SUCCESS } else { reason::NO_SUBSCRIPTION }
            })
            .collect();
        drop(broker);
        self.record("mqtt.unsubscribe", json!({"packetId": packet, "filters": filters, "reasons": reasons}));
        if !self.plight.hides_unsuback() {
            self.write(&ToClient::Unsuback { id: packet, reasons });
        }
    }

    /// The reason code for one filter.
    fn verdict(&self, wanted: &Filter, rules: &Rules) -> u8 {
        if !topic::is_filter(&wanted.filter) || publish_limit(&wanted.filter, rules) {
            return self.refusal(reason::TOPIC_FILTER_INVALID);
        }
        let plain = topic::shared(&wanted.filter).map_or(wanted.filter.as_str(), |(_, filter)| filter);
        if !lock(&self.world.mqtt.broker).policy.allows(Action::Subscribe, plain) {
            return reason::NOT_AUTHORIZED;
        }
        wanted.qos
    }

    /// A reason as this version of the protocol has it: 3.1.1 knows but one.
    fn refusal(&self, reason: u8) -> u8 {
        if self.speaks_v5() { reason } else { 0x80 }
    }
}

fn check(properties: &Properties, filters: &[Filter], rules: &Rules) -> Result<(), Malformed> {
    if properties.number(id::SUBSCRIPTION_ID).is_some() {
        let sentence = "a subscription identifier".to_owned();
        return Err(Malformed { reason: reason::NO_SUBSCRIPTION_IDS, sentence });
    }
    if rules.filters_per_subscribe.is_some_and(|most| filters.len() > most) {
        let sentence = format!("{} filters in one SUBSCRIBE", filters.len());
        return Err(Malformed { reason: reason::QUOTA_EXCEEDED, sentence });
    }
    if filters.iter().any(|wanted| wanted.no_local && topic::shared(&wanted.filter).is_some()) {
        return Err(Malformed::protocol("No Local in a shared subscription"));
    }
    Ok(())
}
