//! Where STS is.
//!
//! Regional unless told otherwise: `sts.<region>.<suffix of the partition>`. The suffixes are those of AWS's endpoint
//! rules; a test compares them with the SDK's.

use refresh_session_core::authority::{is_host, split_port, with_port};
use refresh_session_core::shown::quoted;
use refresh_session_core::{Error, Result};
use refresh_session_tls::Target;

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Start of a region's name, DNS suffix, dual-stack DNS suffix. The first that fits.
const PARTITIONS: &[(&str, &str, &str)] = &[
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("us-gov-", "amazonaws.com", "api.aws"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("", "amazonaws.com", "api.aws"),
];

/// Which STS, as the options say it.
#[derive(Clone, Debug, Default)]
pub struct StsSettings {
    /// The region that requests are signed for.
    pub region: String,
    /// `http://` or `https://`, host and port; instead of AWS's own.
    pub endpoint: Option<String>,
    /// AWS's FIPS endpoint.
    pub use_fips: bool,
    /// AWS's dual-stack endpoint, with IPv6.
    pub use_dualstack: bool,
    /// Replaces the endpoint's name in SNI and in the certificate check.
    pub server_name: Option<String>,
}

/// A checked endpoint.
#[derive(Clone, Debug)]
pub struct StsEndpoint {
    region: String,
    target: Target,
    plain: bool,
}

impl StsEndpoint {
    /// Checks the settings.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming `stsClientConfig.region` or `stsClientConfig.endpoint`.
    pub fn new(settings: StsSettings) -> Result<Self> {
        check_region(&settings.region)?;
        let (plain, host, port) = match &settings.endpoint {
            Some(url) => parse(url)?,
            None => (false, aws(&settings), HTTPS),
        };
        let target = Target::new(host, port, settings.server_name)?;
        Ok(Self { region: settings.region, target, plain })
    }

    /// The region that requests are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whom to connect to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether it is `http://`.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// What is signed as the host.
    pub(crate) fn url(&self) -> String {
        let (scheme, default) = if self.plain { ("http", HTTP) } else { ("https", HTTPS) };
        let authority = with_port(&self.target.host, self.target.port);
        let authority = authority.strip_suffix(&format!(":{default}")).unwrap_or(&authority);
        format!("{scheme}://{authority}")
    }
}

fn aws(settings: &StsSettings) -> String {
    let StsSettings { region, use_fips, use_dualstack, .. } = settings;
    let gov = region.starts_with("us-gov-");
    let service = if *use_fips && (*use_dualstack || !gov) { "sts-fips" } else { "sts" };
    let partition = PARTITIONS.iter().find(|(start, ..)| region.starts_with(start));
    let suffix = partition.map_or("amazonaws.com", |(_, dns, dual)| if *use_dualstack { dual } else { dns });
    format!("{service}.{region}.{suffix}")
}

/// A region is a label of a host name, or it could lead requests elsewhere.
fn check_region(region: &str) -> Result<()> {
    let label = (1..=63).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !region.starts_with('-')
        && !region.ends_with('-');
    if label && !region.ends_with("-global") {
        return Ok(());
    }
    let found = format!("is {}: it must be a region's name, such as eu-west-1", quoted(region));
    Err(Error::invalid_option("stsClientConfig.region", found))
}

fn parse(url: &str) -> Result<(bool, String, u16)> {
    // What stands before an `@` is a user's name and password.
    let shown = if url.contains('@') { "a text with an `@`".into() } else { quoted(url) };
    let invalid = || {
        let found = format!("is {shown}: give https://host[:port] or http://host[:port], without a path");
        Error::invalid_option("stsClientConfig.endpoint", found)
    };
    let (plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(invalid()),
    };
    let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(invalid)?;
    let host = host.to_ascii_lowercase();
    if !is_host(&host) {
        return Err(invalid());
    }
    Ok((plain, host, port.unwrap_or(if plain { HTTP } else { HTTPS })))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

    use super::*;

    fn url(region: &str, endpoint: Option<&str>, use_fips: bool, use_dualstack: bool) -> Result<String> {
        let (region, endpoint) = (region.into(), endpoint.map(Into::into));
        StsEndpoint::new(StsSettings { region, endpoint, use_fips, use_dualstack, server_name: None })
            .map(|it| it.url())
    }

    #[test]
    fn regions_have_the_endpoints_of_awss_own_rules() {
        let rules = DefaultResolver::new();
        for region in [
            "us-east-1",
            "eu-west-1",
            "ap-southeast-7",
            "mx-central-1",
            "cn-north-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "us-isof-south-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "xx-new-9",
        ] {
            for (fips, dual) in [(false, false), (true, false), (false, true), (true, true)] {
                let params = Params::builder().region(region).use_fips(fips).use_dual_stack(dual);
                let params = params.use_global_endpoint(false).build().unwrap();
                let mut resolving = Box::pin(rules.resolve_endpoint(&params));
                let resolved = match resolving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(resolved) => resolved.unwrap(),
                    Poll::Pending => panic!("rules need nothing from outside"),
                };
                assert_eq!(url(region, None, fips, dual).unwrap(), resolved.url(), "{region} {fips} {dual}");
            }
        }
    }

    #[test]
    fn an_endpoint_of_ones_own_is_taken_as_it_is() {
        for (given, expected) in [
            ("http://localhost:4566", "http://localhost:4566"),
            ("http://127.0.0.1:80/", "http://127.0.0.1"),
            ("https://STS.internal", "https://sts.internal"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(url("eu-west-1", Some(given), true, true).unwrap(), expected);
        }
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        for region in ["", "EU", "a.b", "x@evil.example/", "-a", "a\n", "aws-global", &"a".repeat(64)] {
            let error = url(region, None, false, false).unwrap_err();
            assert_eq!(error.param(), Some("stsClientConfig.region"), "{region:?}");
        }
        for endpoint in [
            "",
            "sts.example",
            "ftp://a",
            "http://",
            "https://a:0",
            "https://a/path",
            "https://u:canary@a",
            "http://a b",
            "https://a?x",
        ] {
            let error = url("eu-west-1", Some(endpoint), false, false).unwrap_err();
            assert_eq!(error.param(), Some("stsClientConfig.endpoint"), "{endpoint:?}");
            assert!(!error.message().contains("canary"));
        }
    }
}
