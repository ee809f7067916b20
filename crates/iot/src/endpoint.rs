//! The `endpoint` option: `host[:port]`.
//!
//! AWS gives every account two endpoints that look alike. The data endpoint (MQTT) is the one people have at hand, so
//! it is rewritten, with a warning. Any other name is taken as it is: a VPC endpoint, a proxy, a test server.

use refresh_session_core::authority::{is_host, split_port};
use refresh_session_core::shown::quoted;
use refresh_session_core::{Error, Result, Warning};

const CREDENTIALS: &str = ".credentials.iot.";
/// What stands between the account's prefix and the region in a data endpoint; the second is China's.
const DATA: [&str; 3] = ["-ats.iot.", ".ats.iot.", ".iot."];
const AWS_SUFFIXES: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];
const HTTPS: u16 = 443;
const MQTT: u16 = 8883;

/// A checked endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Name or address, lower case.
    pub host: String,
    /// 443 unless given.
    pub port: u16,
    /// The AWS region in the name, where the name is AWS's.
    pub region: Option<String>,
}

impl Endpoint {
    /// Parses `host[:port]`; the warning says what was rewritten.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming `endpoint`.
    pub fn parse(text: &str) -> Result<(Self, Option<Warning>)> {
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
                "give the host name that `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` prints",
            ));
        }
        let Some(credentials_host) = rewritten(&host) else {
            let region = region_in(&host);
            return Ok((Self { host, port: port.unwrap_or(HTTPS), region }, None));
        };
        let port = port.filter(|port| *port != MQTT).unwrap_or(HTTPS);
        let warning = Warning {
            code: "WARN_ENDPOINT_REWRITTEN",
            message: format!(
                "`endpoint` names the IoT data endpoint; {credentials_host}:{port} is used for credentials instead. \
                 Give that name to silence this."
            ),
        };
        let region = region_in(&credentials_host);
        Ok((Self { host: credentials_host, port, region }, Some(warning)))
    }
}

fn is_aws(host: &str) -> bool {
    AWS_SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
}

fn rewritten(host: &str) -> Option<String> {
    if !is_aws(host) || host.contains(CREDENTIALS) {
        return None;
    }
    let (prefix, rest) = DATA.iter().find_map(|marker| host.split_once(marker))?;
    (!prefix.is_empty() && !prefix.contains('.')).then(|| format!("{prefix}{CREDENTIALS}{rest}"))
}

fn region_in(host: &str) -> Option<String> {
    let (_, rest) = host.split_once(CREDENTIALS)?;
    let suffix = AWS_SUFFIXES.iter().find(|suffix| rest.ends_with(*suffix))?;
    let region = rest.strip_suffix(suffix)?;
    (!region.is_empty() && !region.contains('.')).then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Code;

    use super::*;

    fn parse(text: &str) -> (Endpoint, bool) {
        let (endpoint, warning) = Endpoint::parse(text).unwrap();
        (endpoint, warning.is_some())
    }

    #[test]
    fn takes_the_credentials_endpoint_and_finds_the_region() {
        let (endpoint, warned) = parse("ABC123.credentials.iot.eu-west-1.amazonaws.com");
        assert_eq!(endpoint.host, "abc123.credentials.iot.eu-west-1.amazonaws.com");
        assert_eq!((endpoint.port, endpoint.region.as_deref(), warned), (443, Some("eu-west-1"), false));
        let (china, _) = parse("abc.credentials.iot.cn-north-1.amazonaws.com.cn:8443");
        assert_eq!((china.port, china.region.as_deref()), (8443, Some("cn-north-1")));
    }

    #[test]
    fn rewrites_the_data_endpoint() {
        for (given, host, port) in [
            ("abc-ats.iot.eu-west-1.amazonaws.com", "abc.credentials.iot.eu-west-1.amazonaws.com", 443),
            ("abc.iot.us-east-1.amazonaws.com:8883", "abc.credentials.iot.us-east-1.amazonaws.com", 443),
            ("abc-ats.iot.eu-west-1.amazonaws.com:8443", "abc.credentials.iot.eu-west-1.amazonaws.com", 8443),
            (
                "abc.ats.iot.cn-north-1.amazonaws.com.cn",
                "abc.credentials.iot.cn-north-1.amazonaws.com.cn",
                443,
            ),
        ] {
            let (endpoint, warned) = parse(given);
            assert_eq!((endpoint.host.as_str(), endpoint.port, warned), (host, port, true), "{given}");
        }
    }

    #[test]
    fn leaves_other_names_alone() {
        for given in [
            "localhost:8443",
            "127.0.0.1:1",
            "[::1]:8443",
            "vpce-1-x.iot.internal",
            "my-ats.iot.example.com",
            "gw_1.lan",
        ] {
            let (endpoint, warned) = parse(given);
            assert!(!warned && endpoint.region.is_none(), "{given}");
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for given in [
            "",
            " ",
            "https://abc.credentials.iot.eu-west-1.amazonaws.com",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host/path",
            "user@host",
            "a..b",
            "-a.b",
            "a b",
            "host:1:2",
            "[::1",
            "[::1]x",
            "[localhost]",
            "[127.0.0.1]:443",
            "h\u{f6}st",
            "a\r\nb",
        ] {
            let error = Endpoint::parse(given).unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("endpoint")), "{given:?}");
        }
    }
}
