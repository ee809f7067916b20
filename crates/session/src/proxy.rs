//! Which way to the endpoint: directly, or through the proxy that the options or the environment name.

use std::fmt;

use refresh_session_core::{Error, Result, Secret};
use refresh_session_tls::proxy::bypass;
use refresh_session_tls::{Proxy, Target};

use crate::description::Description;

/// The `proxy` option. A URL may hold a password.
pub enum ProxyOptions {
    /// `false`, or nothing is said anywhere.
    Direct,
    /// The option's URL: for every endpoint.
    Url(Secret),
    /// What the environment says.
    Environment {
        /// The variable that the URL is from.
        variable: String,
        /// `https_proxy`.
        url: Secret,
        /// `no_proxy`.
        no_proxy: Option<String>,
    },
}

impl fmt::Debug for ProxyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "Direct",
            Self::Url(_) => "Url(** redacted **)",
            Self::Environment { .. } => "Environment(** redacted **)",
        })
    }
}

/// The proxy on the way to an endpoint.
///
/// # Errors
/// `ERR_INVALID_OPTION` naming `proxy`. A proxy that was named and cannot be used is no reason to go without: whoever
/// set it up may count on nothing going past it.
pub(crate) fn on_the_way_to(target: &Target, options: &ProxyOptions) -> Result<Option<Proxy>> {
    match options {
        ProxyOptions::Direct => Ok(None),
        ProxyOptions::Url(url) => parse(url).map(Some),
        ProxyOptions::Environment { no_proxy: Some(list), .. }
            if bypass::is_for(list, &target.host, target.port) =>
        {
            Ok(None)
        }
        ProxyOptions::Environment { variable, url, .. } => parse(url).map(Some).map_err(|error| {
            let hint = format!(
                "The proxy is that of the environment variable {variable}. {} `proxy: false` connects directly.",
                error.hint().unwrap_or("Correct or unset it.")
            );
            error.with_hint(hint)
        }),
    }
}

/// Adds the proxy to what a source is: whoever has a wrong password for it must not be served by one who has not.
pub(crate) fn describe(proxy: Option<&Proxy>, description: &mut Description) {
    description.optional("proxy", proxy.map(ToString::to_string));
    description.optional(
        "proxy credentials",
        proxy.and_then(Proxy::authorization).map(|value| value.expose().to_vec()),
    );
}

fn parse(url: &Secret) -> Result<Proxy> {
    let text = url.expose_str().ok_or_else(|| Error::invalid_option("proxy", "is not UTF-8"))?;
    Proxy::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(no_proxy: Option<&str>) -> ProxyOptions {
        ProxyOptions::Environment {
            variable: "HTTPS_PROXY".into(),
            url: "http://proxy.lan:3128".into(),
            no_proxy: no_proxy.map(Into::into),
        }
    }

    fn way(options: &ProxyOptions) -> Option<String> {
        let target = Target::new("iot.example".into(), 8443, None).unwrap();
        on_the_way_to(&target, options).unwrap().map(|proxy| proxy.to_string())
    }

    fn described(url: &str) -> Description {
        let mut description = Description::new("test");
        describe(Some(&Proxy::parse(url).unwrap()), &mut description);
        description
    }

    #[test]
    fn the_environment_may_exempt_an_endpoint_and_the_option_may_not() {
        let through = Some("the proxy proxy.lan:3128".to_owned());
        assert_eq!(way(&environment(None)), through);
        assert_eq!(way(&environment(Some("other.example"))), through);
        assert_eq!(way(&environment(Some("example:8443"))), None);
        assert_eq!(way(&ProxyOptions::Url("proxy.lan:3128".into())), through);
        assert_eq!(way(&ProxyOptions::Direct), None);
    }

    #[test]
    fn a_bad_url_of_the_environment_says_where_it_is_from() {
        let target = Target::new("iot.example".into(), 443, None).unwrap();
        let options = ProxyOptions::Environment {
            variable: "https_proxy".into(),
            url: "socks5://u:canary-1@p:1".into(),
            no_proxy: None,
        };
        let error = on_the_way_to(&target, &options).unwrap_err();
        assert!(error.hint().unwrap().contains("https_proxy"), "{error:?}");
        assert!(!format!("{error:?} {options:?}").contains("canary"));
    }

    #[test]
    fn another_password_is_another_source() {
        let hash = |url| described(url).finish().unwrap();
        assert_eq!(hash("http://u:p@h:1"), hash("u:p@h:1"));
        for other in ["http://u:q@h:1", "http://h:1", "http://u:p@h:2", "http://u:p@g:1"] {
            assert_ne!(hash("http://u:p@h:1"), hash(other), "{other}");
        }
    }
}
