//! A custom authorizer's parameters: in the user name's query string over MQTT, as query parameters over WebSocket (AWS
//! IoT developer guide, "Connecting to AWS IoT Core by using custom authentication").

use refresh_session_core::{Error, Result, Secret};
use refresh_session_mqtt::Text;

use super::options::MqttAuthorizer;

const NAME: &str = "x-amz-customauthorizer-name";
const SIGNATURE: &str = "x-amz-customauthorizer-signature";

/// Name and value, not encoded.
///
/// # Errors
/// `ERR_INVALID_OPTION` naming the option: AWS takes the token's name, value and signature together.
pub(super) fn parameters(options: &MqttAuthorizer) -> Result<Vec<(String, Secret)>> {
    let mut all = Vec::new();
    if let Some(name) = &options.name {
        all.push((NAME.to_owned(), name.as_str().into()));
    }
    match (&options.token_key_name, &options.token_value, &options.token_signature) {
        (None, None, None) => {}
        (Some(name), Some(value), Some(signature)) => {
            all.push((name.clone(), value.clone()));
            all.push((SIGNATURE.to_owned(), signature.clone()));
        }
        (name, value, _) => {
            let param = match (name, value) {
                (None, _) => "customAuthorizer.tokenKeyName",
                (_, None) => "customAuthorizer.tokenValue",
                _ => "customAuthorizer.tokenSignature",
            };
            return Err(Error::invalid_option(
                param,
                "is missing: the name of the token's key, its value and its signature go together",
            ));
        }
    }
    Ok(all)
}

/// `user?name=value&…`: AWS takes what stands behind the question mark off before the authorizer sees the name.
///
/// # Errors
/// As [`parameters`]; `ERR_INVALID_OPTION` for a user name with a query string of its own.
pub(super) fn in_username(options: &MqttAuthorizer, username: Option<&str>) -> Result<Text> {
    let username = username.unwrap_or_default();
    if username.contains('?') {
        return Err(Error::invalid_option("username", "holds a `?`, behind which `customAuthorizer` stands"));
    }
    let all = parameters(options)?;
    let query: Vec<_> = all
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name.as_bytes()), encoded(value.expose())))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    Ok(format!("{username}{mark}{}", query.join("&")).as_str().into())
}

/// Percent-encoded but for what RFC 3986 leaves unreserved.
fn encoded(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            all.push(char::from(*byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> MqttAuthorizer {
        MqttAuthorizer {
            name: Some("gate keeper".into()),
            token_key_name: Some("token".into()),
            token_value: Some("a&b".into()),
            token_signature: Some("c2ln+/=".into()),
        }
    }

    #[test]
    fn the_user_name_carries_what_the_authorizer_needs() {
        let name = in_username(&signed(), Some("gw")).unwrap();
        assert_eq!(
            name.as_str(),
            "gw?x-amz-customauthorizer-name=gate%20keeper&token=a%26b\
             &x-amz-customauthorizer-signature=c2ln%2B%2F%3D"
        );
        let none = MqttAuthorizer { name: None, ..by_default() };
        assert_eq!(in_username(&none, Some("gw")).unwrap().as_str(), "gw");
        assert!(in_username(&none, Some("gw?x=y")).is_err());
    }

    #[test]
    fn a_token_needs_its_name_and_its_signature() {
        let param = |options: &MqttAuthorizer| {
            parameters(options).err().and_then(|error| error.param().map(str::to_owned))
        };
        assert_eq!(param(&signed()), None);
        for (part, options) in [
            ("tokenKeyName", MqttAuthorizer { token_key_name: None, ..signed() }),
            ("tokenValue", MqttAuthorizer { token_value: None, ..signed() }),
            ("tokenSignature", MqttAuthorizer { token_signature: None, ..signed() }),
        ] {
            assert_eq!(param(&options), Some(format!("customAuthorizer.{part}")));
        }
    }

    fn by_default() -> MqttAuthorizer {
        MqttAuthorizer { name: None, token_key_name: None, token_value: None, token_signature: None }
    }
}
