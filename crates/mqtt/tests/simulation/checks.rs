//! What must hold.

use refresh_session_mqtt::{FullPolicy, OpId, Outcome, Phase};

use crate::world::{Asked, World};

impl World {
    /// At every moment.
    pub(crate) fn check(&self) {
        let stats = self.machine.stats();
        let queue = &self.settings.queue;
        assert!(stats.pending <= queue.max_messages && stats.pending_bytes <= queue.max_bytes, "{stats:?}");
        let messages = self.ops.values().filter(|op| matches!(op.what, Asked::Publish { .. })).count();
        assert_eq!(stats.pending, messages, "the machine's messages are not the user's");
        assert!(stats.packet_ids <= queue.max_messages + 400, "{stats:?}");
        assert!(stats.in_flight <= 100);
        if let Some(way) = &self.way
            && !way.stalled
            && way.opens.is_none()
            && self.machine.phase() == Phase::Online
        {
            way.wire.silence(self.now);
        }
    }

    pub(crate) fn settled(&mut self, id: OpId, outcome: &Outcome) {
        let op = self.ops.remove(&id).expect("an operation that was begun, and is not settled");
        match (&op.what, outcome) {
            (Asked::Publish { qos: 0, .. }, Outcome::Written) => {}
            (Asked::Publish { number, qos: 1 }, Outcome::Acknowledged { .. }) => {
                assert!(self.broker.accepted.contains(number), "acknowledged, but the server never had it");
            }
            (Asked::Publish { number, qos: 1 }, Outcome::Refused { .. }) => {
                assert!(self.broker.accepted.contains(number));
            }
            (Asked::Publish { number, .. }, Outcome::Failed { error, was_sent }) => {
                let code = error.code().as_str();
                assert!(*was_sent || !self.broker.all_arrived.contains(number), "{id:?} was sent: {code}");
                let dropped = code == "ERR_MQTT_DROPPED" && self.settings.queue.policy != FullPolicy::Reject;
                let server = code == "ERR_MQTT_PACKET_TOO_LARGE";
                assert!(op.may_fail || dropped || server || code == "ERR_CLOSED", "{id:?} {error:?}");
            }
            (Asked::Subscribe(filters), Outcome::Answered { reasons } | Outcome::Refused { reasons, .. }) => {
                assert_eq!(filters.len(), reasons.len());
                for (filter, reason) in filters.iter().zip(reasons) {
                    if reason.is_failure() {
                        // An earlier subscription may hold on, or be gone with its session: the refusal tells.
                        self.unsure.insert(filter.clone());
                    } else {
                        self.told(filter, id, true);
                    }
                }
            }
            (Asked::Unsubscribe(filters), Outcome::Answered { reasons }) => {
                assert_eq!(filters.len(), reasons.len());
                for filter in filters {
                    self.told(filter, id, false);
                }
            }
            (Asked::Subscribe(filters) | Asked::Unsubscribe(filters), Outcome::Failed { error, .. }) => {
                assert!(op.may_fail || error.code().as_str() == "ERR_CLOSED", "{id:?} {error:?}");
                self.unsure.extend(filters.iter().cloned());
            }
            (what, outcome) => panic!("{what:?} ended with {outcome:?}"),
        }
    }

    fn told(&mut self, filter: &str, by: OpId, subscribed: bool) {
        let told = self.told.entry(filter.to_owned()).or_insert((by, subscribed));
        if told.0 <= by {
            *told = (by, subscribed);
        }
    }

    /// After everything has worked again for long enough.
    pub(crate) fn check_recovered(&self) {
        assert_eq!(self.machine.phase(), Phase::Online, "did not recover");
        assert!(self.ops.is_empty(), "not settled although all is well: {:?}", self.ops);
        let session = self.broker.session.as_ref().expect("a session");
        for (filter, (_, subscribed)) in &self.told {
            if !self.unsure.contains(filter) {
                assert_eq!(
                    session.filters.contains(filter),
                    *subscribed,
                    "{filter}: not what the user was told"
                );
            }
        }
        assert!(self.broker.owes_nothing(), "messages for the client are left over");
        let missing: Vec<_> = self.broker.done.difference(&self.delivered).collect();
        assert!(missing.is_empty(), "acknowledged, but never handed out: {missing:?}");
    }
}
