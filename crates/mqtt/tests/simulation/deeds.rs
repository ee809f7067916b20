//! What users, the network and the server do.

use std::time::Duration;

use bytes::Bytes;
use refresh_session_mqtt::{OpId, Phase, Publish, QoS, Reason, Subscription, Text, Version};

use crate::broker::Mood;
use crate::support::peer;
use crate::world::{Asked, Op, World};

impl World {
    pub(crate) fn deed(&mut self) {
        match self.rng.u32(0..1000) {
            _ if self.machine.phase() == Phase::Offline && self.rng.bool() => self.stop_or_start(),
            0..250 => self.publish(),
            250..280 => self.subscribe(),
            280..300 => self.unsubscribe(),
            300..330 => self.cancel(),
            330..550 => self.pass(),
            550..780 => {
                let most = if self.rng.bool() { self.rng.usize(1..40) } else { usize::MAX };
                self.carry(most);
            }
            780..810 => (0..self.rng.usize(1..20)).for_each(|_| self.broker.has_news()),
            810..830 => self.broker.speaks(),
            830..850 => self.change_mood(),
            850..880 => self.break_something(),
            880..890 => self.garbage(),
            890..900 => self.server_ends_it(),
            900..920 => self.machine.handle_network_up(self.now),
            920..935 => self.stop_or_start(),
            _ => self.acknowledge_some(),
        }
    }

    fn limit(&mut self) -> Option<Duration> {
        self.rng
            .choice([None, None, None, None, Some(0), Some(1000), Some(60_000)])
            .unwrap()
            .map(Duration::from_millis)
    }

    fn publish(&mut self) {
        for _ in 0..self.rng.choice([1, 1, 1, 1, 1, 1, 1, 30]).unwrap() {
            self.number += 1;
            let number = self.number;
            let qos = if self.rng.u8(0..4) == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let filler = self.rng.choice([0, 0, 0, 10, 10, 300, 1900, 9000, 100_000]).unwrap();
            let message = Publish {
                topic: Text::from(self.rng.choice(["a", "b/c", "d/e/f"]).unwrap()),
                payload: Bytes::from(format!("{number}.{}", "x".repeat(filler))),
                qos,
                ..Publish::default()
            };
            let limit = self.limit();
            let may_fail = limit.is_some() || self.settings.queue.ttl.is_some();
            match self.machine.handle_publish(self.now, message, limit) {
                Ok(id) => self.begun(id, Asked::Publish { number, qos: qos as u8 }, may_fail),
                Err(error) => {
                    let code = error.code().as_str();
                    let known = ["ERR_MQTT_QUEUE_FULL", "ERR_MQTT_OFFLINE", "ERR_MQTT_PACKET_TOO_LARGE"];
                    assert!(known.contains(&code), "{error:?}");
                }
            }
        }
    }

    fn filters(&mut self) -> Vec<String> {
        let count = self.rng.choice([1, 1, 3, 20]).unwrap();
        let mut filters: Vec<String> = (0..count).map(|_| format!("f/{}", self.rng.u8(0..70))).collect();
        filters.sort();
        filters.dedup();
        filters
    }

    fn subscribe(&mut self) {
        let mut filters = self.filters();
        filters.push("news".into());
        let wishes = filters.iter().map(|filter| Subscription {
            filter: filter.as_str().into(),
            qos: QoS::AtLeastOnce,
            ..Default::default()
        });
        let limit = self.limit();
        match self.machine.handle_subscribe(self.now, wishes.collect(), limit) {
            Ok(id) => self.begun(id, Asked::Subscribe(filters), limit.is_some()),
            Err(error) => assert_eq!(error.code().as_str(), "ERR_MQTT_TOO_MANY_SUBSCRIPTIONS"),
        }
    }

    fn unsubscribe(&mut self) {
        let filters = self.filters();
        let texts = filters.iter().map(|filter| filter.as_str().into()).collect();
        let limit = self.limit();
        let id = self.machine.handle_unsubscribe(self.now, texts, limit).unwrap();
        self.begun(id, Asked::Unsubscribe(filters), limit.is_some());
    }

    fn begun(&mut self, id: OpId, what: Asked, may_fail: bool) {
        self.note(|| format!("{id:?} {what:?}"));
        self.sums.operations += 1;
        assert!(self.last_op.replace(id) < Some(id), "an id twice");
        self.ops.insert(id, Op { what, may_fail });
    }

    fn cancel(&mut self) {
        let open: Vec<OpId> = self.ops.keys().copied().collect();
        if let Some(id) = self.rng.choice(&open).copied() {
            self.note(|| format!("cancel {id:?}"));
            self.ops.get_mut(&id).unwrap().may_fail = true;
            self.machine.handle_cancel(self.now, id);
        }
    }

    fn pass(&mut self) {
        let millis = match self.rng.u8(0..10) {
            0..5 => self.rng.u64(0..100),
            5..8 => self.rng.u64(0..5000),
            _ if self.machine.phase() == Phase::Waiting => 120_000,
            8 => self.rng.u64(0..120_000),
            _ => self.rng.u64(0..400_000),
        };
        self.pass_until(self.now.after(Duration::from_millis(millis)));
    }

    fn change_mood(&mut self) {
        let refusal = Mood::Refusing(self.rng.choice([0x80, 0x87, 0x97, 0x88]).unwrap());
        self.broker.mood = self
            .rng
            .choice([
                Mood::Well,
                Mood::Well,
                Mood::Well,
                Mood::Forgetful,
                Mood::Forgetful,
                Mood::Picky,
                Mood::Silent,
                Mood::Deaf,
                refusal,
            ])
            .unwrap();
        self.note(|| format!("{:?}", self.broker.mood));
    }

    fn break_something(&mut self) {
        let what = self.rng.u8(0..5);
        let after = self.rng.usize(0..400);
        let Some(way) = &mut self.way else { return };
        match what {
            0 => return self.cut(),
            1 => way.breaks_after = Some(after),
            2 => way.dead = true,
            _ => way.stalled = !way.stalled,
        }
        self.note(|| format!("broken: {what}"));
    }

    fn garbage(&mut self) {
        let mut bytes = peer::publish(self.settings.version, "news", b"1", Some(9), false);
        let at = self.rng.usize(..bytes.len());
        bytes[at] = self.rng.u8(..);
        // Only what can be told from a message: other numbers would be believed.
        if at == 0 && bytes[0] & 0xf0 != 0x30 && bytes[0] & 0xf0 != 0x40 {
            self.broker.says(&bytes);
        }
    }

    fn server_ends_it(&mut self) {
        if self.settings.version == Version::V5 {
            let reason = self.rng.choice([0x8b, 0x8d, 0x8e, 0x97, 0x87]).unwrap();
            self.broker.says(&peer::disconnect(reason));
        } else {
            self.cut();
        }
    }

    fn stop_or_start(&mut self) {
        if self.machine.phase() == Phase::Offline {
            self.machine.handle_start(self.now);
            self.stopped = false;
        } else if self.rng.u8(0..8) == 0 {
            self.machine.handle_stop(self.now);
            self.stopped = true;
        }
    }

    fn acknowledge_some(&mut self) {
        while !self.tokens.is_empty() && self.rng.u8(0..4) > 0 {
            let token = self.tokens.swap_remove(self.rng.usize(..self.tokens.len()));
            if let Err(error) = self.machine.handle_acknowledge(token, Reason::SUCCESS) {
                assert_eq!(error.code().as_str(), "ERR_MQTT_STALE_ACK");
            }
        }
    }
}
