//! Where the server is, and what it is spoken to in: host, port, ALPN name (AWS IoT developer guide, "Device
//! communication protocols").
//!
//! | `transport` | `customAuthorizer` | Port | ALPN | Device certificate |
//! |---|---|---|---|---|
//! | `x509` | | 8883, or 443 with `useAlpn` | on 443 `x-amzn-mqtt-ca` | yes |
//! | `x509` | yes | 443 | `mqtt` | no |
//! | `ws` | either | 443 | none | no |
//!
//! Any other port is taken as given, and has no ALPN name unless `useAlpn` says so.

use refresh_session_core::authority::{is_host, split_port};
use refresh_session_core::shown::quoted;
use refresh_session_core::{Code, Error, Result};

use super::options::{MqttOptions, MqttTransport};

const MQTT: u16 = 8883;
const HTTPS: u16 = 443;
const CREDENTIALS: &str = ".credentials.iot.";
const ALPN_X509: &str = "x-amzn-mqtt-ca";
const ALPN_AUTHORIZER: &str = "mqtt";

/// A checked place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) alpn: Option<&'static str>,
    /// In the name, where that is AWS's.
    pub(super) region: Option<String>,
}

impl Place {
    /// # Errors
    /// `ERR_INVALID_OPTION` and `ERR_CONFLICTING_OPTIONS` naming the option.
    pub(super) fn of(options: &MqttOptions) -> Result<Self> {
        let (host, named) = parse(&options.endpoint)?;
        let port = match (named, options.port) {
            (Some(named), Some(given)) if named != given => {
                return Err(Error::new(
                    Code::ConflictingOptions,
                    format!("option `port` is {given}, and `endpoint` names port {named}"),
                )
                .with_param("port"));
            }
            (named, given) => named.or(given),
        };
        let by_x509 = options.transport == MqttTransport::X509;
        if options.use_alpn && !by_x509 {
            return Err(Error::new(
                Code::ConflictingOptions,
                "option `useAlpn` goes with `transport: \"x509\"`, not with \"ws\"",
            )
            .with_param("useAlpn"));
        }
        let authorized = options.authorizer.is_some();
        let secure_web = !by_x509 || options.use_alpn || authorized;
        let port = port.unwrap_or(if secure_web { HTTPS } else { MQTT });
        let alpn = match (by_x509, authorized) {
            (false, _) => None,
            (true, true) => Some(ALPN_AUTHORIZER),
            (true, false) => (options.use_alpn || port == HTTPS).then_some(ALPN_X509),
        };
        let region = region_in(&host);
        Ok(Self { host, port, alpn, region })
    }
}

fn parse(text: &str) -> Result<(String, Option<u16>)> {
    // What stands before an `@` is a user's name and password.
    let shown = if text.contains('@') { "a text with an `@`".into() } else { quoted(text) };
    let invalid = |what: &str| Error::invalid_option("endpoint", format!("is {shown}: {what}"));
    if text.contains("://") {
        return Err(invalid("give host[:port] only, without a scheme"));
    }
    let (host, port) = split_port(text).ok_or_else(|| {
        invalid("the port must be a number from 1 to 65535, and brackets hold an IPv6 address")
    })?;
    let host = host.to_ascii_lowercase();
    if !is_host(&host) {
        return Err(invalid(
            "give the host name that `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints",
        ));
    }
    if host.contains(CREDENTIALS) {
        return Err(invalid(
            "this is the credentials endpoint, which speaks no MQTT; the data endpoint is what `aws iot \
             describe-endpoint --endpoint-type iot:Data-ATS` prints",
        ));
    }
    Ok((host, port))
}

/// `….iot.REGION.amazonaws.com`, and China's `….com.cn`.
fn region_in(host: &str) -> Option<String> {
    let rest = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    let (before, region) = rest.rsplit_once('.')?;
    before.rsplit('.').next().is_some_and(|label| label == "iot").then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_aws_names_only() {
        for (host, region) in [
            ("abc-ats.iot.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("abc.ats.iot.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("abc.iot.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("vpce-1.abc.vpce.amazonaws.com", None),
            ("broker.example", None),
            ("localhost", None),
        ] {
            assert_eq!(region_in(host).as_deref(), region, "{host}");
        }
    }

    #[test]
    fn an_endpoint_that_cannot_be_one_is_refused_by_name() {
        for (text, said) in [
            ("mqtts://abc.iot", "without a scheme"),
            ("abc:0", "port"),
            ("a b", "iot:Data-ATS"),
            ("abc.credentials.iot.eu-west-1.amazonaws.com", "speaks no MQTT"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.param(), Some("endpoint"), "{text}");
            assert!(error.message().contains(said), "{error}");
        }
        let error = parse("user:canary@host name").unwrap_err();
        assert!(!error.to_string().contains("canary"));
        assert_eq!(parse("[::1]:8883").unwrap(), ("::1".into(), Some(8883)));
    }
}
