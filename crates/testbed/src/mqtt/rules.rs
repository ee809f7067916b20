//! What AWS IoT Core allows, as numbers that `PUT /mqtt/rules` can change: an object with those to change, `"aws"` for
//! all as they are at AWS, or `"off"` for none (and no records), for benchmarks. `null` is no limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::Clock;
use crate::overlay::overlay;

/// The rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a JSON object")]
pub(crate) struct Rules {
    /// Publishes of a client each second; what is more is thrown away without an acknowledgement.
    pub(crate) publishes_per_second: Option<u32>,
    /// Bytes of a client each second; what is more is read later.
    pub(crate) bytes_per_second: Option<u32>,
    /// Messages of QoS 1 without acknowledgement, in either direction. More of the client's: 0x93.
    pub(crate) unacknowledged: u16,
    /// Filters in one SUBSCRIBE.
    pub(crate) filters_per_subscribe: Option<usize>,
    /// Subscriptions of a connection.
    pub(crate) subscriptions: Option<usize>,
    /// The largest packet.
    pub(crate) packet_bytes: u32,
    /// Bytes of a topic or filter.
    pub(crate) topic_bytes: Option<usize>,
    /// Slashes in it.
    pub(crate) topic_slashes: Option<usize>,
    /// Bytes of a client id.
    pub(crate) client_id_bytes: Option<usize>,
    /// CONNECTs each second of a client id.
    pub(crate) connects_per_second: Option<u32>,
    /// The shortest and the longest keep-alive; none at all counts as the longest.
    pub(crate) keep_alive_seconds: Option<(u16, u16)>,
    /// How long a session of 3.1.1 outlives its connection.
    pub(crate) session_seconds: u32,
    /// The same at most, for MQTT 5.
    pub(crate) longest_session_seconds: u32,
    /// Topic aliases of a client.
    pub(crate) topic_aliases: u16,
    /// Whether topics are sent as aliases to clients that take some.
    pub(crate) sends_topic_aliases: bool,
    /// How long a connection over a WebSocket lasts.
    pub(crate) web_socket_seconds: Option<u32>,
    /// Whether rates see time pass, or only what `POST /mqtt/advance` adds.
    pub(crate) rate_clock: RateClock,
    /// Whether messages are recorded.
    pub(crate) record: bool,
}

/// What rates go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RateClock {
    /// Time as it passes, and what was put on top.
    Real,
    /// What was put on top.
    Virtual,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            publishes_per_second: Some(100),
            bytes_per_second: Some(512 * 1024),
            unacknowledged: 100,
            filters_per_subscribe: Some(8),
            subscriptions: Some(50),
            packet_bytes: 128 * 1024,
            topic_bytes: Some(256),
            topic_slashes: Some(7),
            client_id_bytes: Some(128),
            connects_per_second: Some(1),
            keep_alive_seconds: Some((30, 1200)),
            session_seconds: 3600,
            longest_session_seconds: 7 * 86_400,
            topic_aliases: 8,
            sends_topic_aliases: false,
            web_socket_seconds: Some(86_400),
            rate_clock: RateClock::Real,
            record: true,
        }
    }
}

impl Rules {
    /// No limit that the protocol does not have itself.
    fn off() -> Self {
        Self {
            publishes_per_second: None,
            bytes_per_second: None,
            unacknowledged: u16::MAX,
            filters_per_subscribe: None,
            subscriptions: None,
            packet_bytes: 0x0fff_ffff,
            topic_bytes: None,
            topic_slashes: None,
            client_id_bytes: None,
            connects_per_second: None,
            keep_alive_seconds: None,
            web_socket_seconds: None,
            record: false,
            ..Self::default()
        }
    }

    /// These rules as a control request changes them, or what is wrong with it.
    pub(crate) fn patched(&self, patch: Value) -> Result<Self, String> {
        match patch.as_str() {
            Some("aws") => return Ok(Self::default()),
            Some("off") => return Ok(Self::off()),
            Some(other) => return Err(format!("there are no rules `{other}`, only `aws` and `off`")),
            None => {}
        }
        let rules: Self = overlay(self, patch)?;
        if rules.unacknowledged == 0 || rules.packet_bytes == 0 {
            return Err("`unacknowledged` and `packetBytes` must be positive".to_owned());
        }
        if rules.keep_alive_seconds.is_some_and(|(shortest, longest)| shortest > longest || longest == 0) {
            return Err("`keepAliveSeconds` must be the shortest and the longest".to_owned());
        }
        Ok(rules)
    }

    /// The time that rates go by.
    pub(crate) fn rate_time(&self, clock: &Clock) -> Duration {
        match self.rate_clock {
            RateClock::Real => clock.now(),
            RateClock::Virtual => clock.virtual_only(),
        }
    }
}

/// A bucket of tokens: full at the start, holding what comes in in a second.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Tokens that are gone, and when that was so.
    spent: f64,
    at: Duration,
}

impl Bucket {
    /// Takes one if there is one.
    pub(crate) fn take(&mut self, per_second: u32, now: Duration) -> bool {
        self.refill(per_second, now);
        let there = self.spent + 1.0 <= f64::from(per_second);
        if there {
            self.spent += 1.0;
        }
        there
    }

    /// Takes so many, and says how long to wait if there were not enough.
    pub(crate) fn draw(&mut self, tokens: u32, per_second: u32, now: Duration) -> Duration {
        self.refill(per_second, now);
        self.spent += f64::from(tokens);
        let over = self.spent - f64::from(per_second);
        Duration::from_secs_f64((over / f64::from(per_second.max(1))).max(0.0))
    }

    fn refill(&mut self, per_second: u32, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.spent = (self.spent - passed * f64::from(per_second)).max(0.0);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_changed_by_name_or_as_a_whole() {
        let rules =
            Rules::default().patched(json!({"publishesPerSecond": 5, "subscriptions": null})).unwrap();
        assert_eq!((rules.publishes_per_second, rules.subscriptions), (Some(5), None));
        assert_eq!(rules.patched(json!("aws")).unwrap(), Rules::default());
        assert!(!rules.patched(json!("off")).unwrap().record);
        for (patch, said) in [
            (json!("none"), "none"),
            (json!({"subscriptons": 1}), "subscriptons"),
            (json!({"packetBytes": 0}), "positive"),
            (json!({"keepAliveSeconds": [9, 1]}), "shortest"),
        ] {
            let error = rules.patched(patch.clone()).unwrap_err();
            assert!(error.contains(said), "{patch}: {error}");
        }
    }

    #[test]
    fn a_bucket_holds_a_second() {
        let mut bucket = Bucket::default();
        let second = Duration::from_secs(1);
        assert_eq!((0..150).filter(|_| bucket.take(100, second)).count(), 100);
        assert_eq!((0..150).filter(|_| bucket.take(100, second * 3 / 2)).count(), 50);
        assert_eq!(Bucket::default().draw(150, 100, second), second / 2);
    }
}
