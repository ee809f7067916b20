//! A script of faults for connections: which one is for which.
//!
//! One JSON object with a `mode`, or a list of them. Each has a `count`, the connections it is for, or `null` (the
//! default) for all until it is cleared. `{"mode": "none", "count": 2}` lets two pass.

use std::collections::VecDeque;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The faults still to come, in order.
#[derive(Clone, Debug)]
pub(crate) struct Script<F> {
    entries: VecDeque<(F, Option<u64>)>,
}

impl<F> Default for Script<F> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

impl<F: Clone + Default + Serialize + DeserializeOwned> Script<F> {
    /// Reads one fault or a list of them.
    pub(crate) fn parse(body: Value) -> Result<Self, String> {
        let faults = match body {
            Value::Array(faults) => faults,
            fault => vec![fault],
        };
        faults.into_iter().map(entry).collect::<Result<_, _>>().map(|entries| Self { entries })
    }

    /// The fault for the connection at hand; that of doing nothing is the default.
    pub(crate) fn take(&mut self) -> F {
        let Some((fault, left)) = self.entries.front_mut() else { return F::default() };
        let fault = fault.clone();
        if let Some(left) = left {
            *left -= 1;
            if *left == 0 {
                self.entries.pop_front();
            }
        }
        fault
    }

    /// As `GET /state` shows it: the same objects, `count` being what is left.
    pub(crate) fn to_json(&self) -> Value {
        let shown = self.entries.iter().map(|(fault, left)| {
            let mut value = json!(fault);
            value["count"] = json!(left);
            value
        });
        shown.collect()
    }
}

fn entry<F: DeserializeOwned>(value: Value) -> Result<(F, Option<u64>), String> {
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
    let fault = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    Ok((fault, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Fault;

    #[test]
    fn a_script_is_played_in_order() {
        let script = json!([{"mode": "none", "count": 1}, {"mode": "close", "count": 2}, {"mode": "latency", "ms": 3}]);
        let mut script = Script::<Fault>::parse(script).unwrap();
        assert_eq!(script.to_json()[1], json!({"mode": "close", "count": 2}));
        let taken: Vec<_> = (0..4).map(|_| script.take()).collect();
        assert_eq!(taken, [Fault::None {}, Fault::Close {}, Fault::Close {}, Fault::Latency { ms: 3 }]);
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (fault, reason) in [
            (json!("close"), "object"),
            (json!({"mode": "explode"}), "explode"),
            (json!({"mode": "close", "count": 0}), "positive"),
            (json!({"mode": "latency"}), "ms"),
            (json!({"mode": "close", "ms": 1}), "ms"),
        ] {
            let error = Script::<Fault>::parse(fault.clone()).unwrap_err();
            assert!(error.contains(reason), "{fault}: {error}");
        }
    }
}
