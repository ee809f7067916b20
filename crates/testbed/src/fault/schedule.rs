//! Which fault is for which request.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Fault, Victim};

/// The faults still to come, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    entries: VecDeque<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    fault: Fault,
    /// How many requests it is still for; `None` for all.
    left: Option<u64>,
}

impl Schedule {
    /// Reads one fault or a list of them, for this victim.
    pub(crate) fn parse(victim: Victim, body: Value) -> Result<Self, String> {
        let faults = match body {
            Value::Array(faults) => faults,
            fault => vec![fault],
        };
        let entries = faults.into_iter().map(|fault| Entry::parse(victim, fault));
        entries.collect::<Result<_, _>>().map(|entries| Self { entries })
    }

    /// The fault for the request at hand.
    pub(crate) fn take(&mut self) -> Option<Fault> {
        let entry = self.entries.front_mut()?;
        let fault = entry.fault.clone();
        if let Some(left) = &mut entry.left {
            *left -= 1;
            if *left == 0 {
                self.entries.pop_front();
            }
        }
        (fault != Fault::None {}).then_some(fault)
    }

    /// As `GET /state` shows it: the same objects, `count` being what is left.
    pub(crate) fn to_json(&self) -> Value {
        self.entries
            .iter()
            .map(|entry| {
                let mut value = json!(entry.fault);
                value["count"] = json!(entry.left);
                value
            })
            .collect()
    }
}

impl Entry {
    fn parse(victim: Victim, value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else {
            return Err("a fault must be a JSON object with a `mode`".to_owned());
        };
        let left = match fields.shift_remove("count") {
            None | Some(Value::Null) => None,
            Some(count) => match count.as_u64() {
                Some(count @ 1..) => Some(count),
                _ => return Err("`count` must be a positive number or null".to_owned()),
            },
        };
        let fault: Fault =
            serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
        if !fault.strikes(victim) {
            return Err(format!("there is no `{}` here", fault.mode()));
        }
        fault.check()?;
        Ok(Self { fault, left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fault: Value) -> Result<Schedule, String> {
        Schedule::parse(Victim::Endpoint, fault)
    }

    #[test]
    fn a_script_is_played_in_order() {
        let mut schedule = parse(json!([
            {"mode": "none", "count": 1},
            {"mode": "half-open", "count": 2},
            {"mode": "reset-at", "byte": 3},
        ]))
        .unwrap();
        assert_eq!(schedule.to_json()[2], json!({"mode": "reset-at", "byte": 3, "count": null}));
        let taken: Vec<_> = (0..5).map(|_| schedule.take()).collect();
        let (held, reset) = (Some(Fault::HalfOpen {}), Some(Fault::ResetAt { byte: 3 }));
        assert_eq!(taken, [None, held.clone(), held, reset.clone(), reset]);
    }

    #[test]
    fn every_mode_parses() {
        for fault in [
            json!({"mode": "none"}),
            json!({"mode": "status", "code": 503, "retryAfter": 3, "message": "m", "errorType": "t", "body": "b"}),
            json!({"mode": "status", "code": 429, "retryAfter": "Thu, 18 Jan 2018 09:18:06 GMT"}),
            json!({"mode": "html-body", "status": 502}),
            json!({"mode": "empty-body", "status": 200}),
            json!({"mode": "truncated-json"}),
            json!({"mode": "truncated-body"}),
            json!({"mode": "large-body", "bytes": 1_048_576}),
            json!({"mode": "slow-headers", "ms": 5}),
            json!({"mode": "slow-body", "ms": 5}),
            json!({"mode": "reset-at", "byte": 0}),
            json!({"mode": "close-after-tls", "polite": true}),
            json!({"mode": "half-open"}),
            json!({"mode": "date-skew", "seconds": -3600}),
            json!({"mode": "date-missing"}),
            json!({"mode": "age-header", "seconds": 30}),
            json!({"mode": "expired", "secondsAgo": 60}),
            json!({"mode": "bad-expiration", "value": "tomorrow"}),
            json!({"mode": "missing-field", "name": "sessionToken"}),
            json!({"mode": "empty-field", "name": "accessKeyId"}),
            json!({"mode": "wrong-type-field", "name": "credentials"}),
            json!({"mode": "unknown-fields"}),
            json!({"mode": "duplicate-keys"}),
            json!({"mode": "redirect", "location": "http://127.0.0.1/", "status": 307}),
            json!({"mode": "not-http"}),
            json!({"mode": "chunked"}),
            json!({"mode": "http10"}),
        ] {
            let schedule = parse(fault.clone()).unwrap_or_else(|error| panic!("{fault}: {error}"));
            let mut shown = schedule.to_json()[0].clone();
            shown.as_object_mut().unwrap().shift_remove("count");
            assert_eq!(shown, fault);
            assert_eq!(schedule.entries[0].fault.mode(), fault["mode"]);
        }
    }

    #[test]
    fn a_service_has_the_faults_that_make_sense_for_it() {
        let error = json!({"mode": "error", "code": "ExpiredToken", "status": 403, "message": "m"});
        assert!(parse(error.clone()).unwrap_err().contains("no `error`"));
        let schedule = Schedule::parse(Victim::Sts, error.clone()).unwrap();
        let Some(Value::Object(mut shown)) = schedule.to_json().get(0).cloned() else {
            panic!("{schedule:?}")
        };
        shown.shift_remove("count");
        assert_eq!(Value::Object(shown), error);
        let odd = json!({"mode": "error", "code": "X", "status": 99});
        assert!(Schedule::parse(Victim::Sts, odd).unwrap_err().contains("599"));
        for fault in [json!({"mode": "half-open"}), json!({"mode": "status", "code": 503})] {
            assert!(Schedule::parse(Victim::Sts, fault).is_ok());
        }
        for fault in [json!({"mode": "expired"}), json!({"mode": "duplicate-keys"})] {
            assert!(Schedule::parse(Victim::Sts, fault).unwrap_err().contains("there is no"));
        }
        let missing = json!({"mode": "missing-field", "name": "expiration"});
        assert!(Schedule::parse(Victim::Sts, missing.clone()).is_ok());
        assert!(Schedule::parse(Victim::S3, missing).unwrap_err().contains("there is no"));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (fault, reason) in [
            (json!("half-open"), "object"),
            (json!({}), "mode"),
            (json!({"mode": "explode"}), "explode"),
            (json!({"mode": "half-open", "ms": 3}), "ms"),
            (json!({"mode": "slow-body"}), "ms"),
            (json!({"mode": "slow-body", "ms": -1}), "-1"),
            (json!({"mode": "slow-body", "ms": 4_000_000}), "hour"),
            (json!({"mode": "half-open", "count": 0}), "positive"),
            (json!({"mode": "half-open", "count": "x"}), "positive"),
            (json!({"mode": "status", "code": 99}), "599"),
            (json!({"mode": "status", "code": 429, "retryAfter": []}), "retryAfter"),
            (json!({"mode": "missing-field", "name": "secret"}), "secret"),
            (json!({"mode": "date-skew", "seconds": i64::MAX}), "hundred"),
        ] {
            let error = parse(fault.clone()).unwrap_err();
            assert!(error.contains(reason), "{fault}: {error}");
        }
    }
}
