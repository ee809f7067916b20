//! Which fault is for which connection.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::Fault;

/// The faults still to come, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    entries: VecDeque<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    fault: Fault,
    client_id: Option<String>,
    left: Option<u64>,
}

impl Faults {
    /// Reads one fault or a list of them.
    pub(crate) fn parse(body: Value) -> Result<Self, String> {
        let faults = match body {
            Value::Array(faults) => faults,
            fault => vec![fault],
        };
        faults.into_iter().map(entry).collect::<Result<_, _>>().map(|entries| Self { entries })
    }

    /// The fault for a connection of this client.
    pub(crate) fn take(&mut self, client_id: &str) -> Option<Fault> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.client_id.as_ref().is_none_or(|wanted| wanted == client_id))?;
        let entry = &mut self.entries[at];
        let fault = entry.fault.clone();
        if let Some(left) = &mut entry.left {
            *left -= 1;
            if *left == 0 {
                self.entries.remove(at);
            }
        }
        Some(fault).filter(|fault| *fault != Fault::None {})
    }

    /// The same objects, `count` being what is left.
    pub(crate) fn to_json(&self) -> Value {
        let shown = self.entries.iter().map(|entry| {
            let mut value = json!(entry.fault);
            value["count"] = json!(entry.left);
            value["clientId"] = json!(entry.client_id);
            value
        });
        shown.collect()
    }
}

/// Reads one fault as it stands alone.
pub(super) fn fault(value: Value) -> Result<Fault, String> {
    let fault: Fault = serde_json::from_value(value).map_err(|error| error.to_string())?;
    fault.check()?;
    Ok(fault)
}

impl Fault {
    /// Reads one fault without a count.
    pub(crate) fn parse(value: Value) -> Result<Self, String> {
        fault(value)
    }
}

fn entry(value: Value) -> Result<Entry, String> {
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
    let client_id = match fields.shift_remove("clientId") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err("`clientId` must be a text or null".to_owned()),
    };
    Ok(Entry { fault: fault(Value::Object(fields))?, client_id, left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_meets_the_first_that_is_for_it() {
        let mut faults = Faults::parse(json!([
            {"mode": "no-connack", "count": 1, "clientId": "a"},
            {"mode": "none", "count": 1},
            {"mode": "no-puback", "times": 2},
        ]))
        .unwrap();
        assert_eq!(faults.take("b"), None);
        assert_eq!(faults.take("b"), Some(Fault::NoPuback { times: Some(2) }));
        assert_eq!(faults.take("a"), Some(Fault::NoConnack {}));
        assert_eq!(faults.take("a"), Some(Fault::NoPuback { times: Some(2) }));
        assert_eq!(
            faults.to_json(),
            json!([{"mode": "no-puback", "times": 2, "count": null, "clientId": null}])
        );
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (fault, reason) in [
            (json!("close"), "object"),
            (json!({"mode": "explode"}), "explode"),
            (json!({"mode": "close", "count": 0}), "positive"),
            (json!({"mode": "close", "clientId": 1}), "clientId"),
            (json!({"mode": "connack"}), "reason"),
            (json!({"mode": "no-suback", "ms": 1}), "ms"),
            (json!({"mode": "reorder-pubacks", "size": 1}), "two"),
            (json!({"mode": "garbage", "hex": "xy"}), "hexadecimal"),
            (json!({"mode": "several", "faults": [{"mode": "late-puback", "ms": 9_999_999}]}), "hour"),
        ] {
            let error = Faults::parse(fault.clone()).unwrap_err();
            assert!(error.contains(reason), "{fault}: {error}");
        }
    }
}
