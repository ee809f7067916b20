//! Partial updates: a JSON object laid over a value that serializes to one.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// `base` with the fields of `patch` in place of its own. Types that deny unknown fields refuse a patch that has
/// one, which is how a typing error in a control request becomes an answer instead of a test that tests nothing.
pub(crate) fn overlay<T: Serialize + DeserializeOwned>(base: &T, patch: Value) -> Result<T, String> {
    let Value::Object(patch) = patch else {
        return Err("the request body must be a JSON object".to_owned());
    };
    let mut merged = serde_json::to_value(base).map_err(|error| error.to_string())?;
    if let Value::Object(fields) = &mut merged {
        fields.extend(patch);
    }
    serde_json::from_value(merged).map_err(|error| error.to_string())
}
