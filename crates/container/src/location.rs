//! Where the endpoint is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use refresh_session_core::authority::{is_host, split_port, with_port};
use refresh_session_core::shown::quoted;
use refresh_session_core::{Error, Result};
use refresh_session_tls::Target;

const ECS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
const EKS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 23);
const EKS_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);

/// A text with where it is from: the option, or the environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The text.
    pub text: &'a str,
    /// What to call it in messages.
    pub from: &'static str,
}

/// A checked URL.
#[derive(Clone, Debug)]
pub struct Location {
    pub(crate) target: Target,
    pub(crate) path: String,
    pub(crate) tls: bool,
}

impl Location {
    /// A path at ECS's endpoint.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming where it is from.
    pub fn relative(given: Given<'_>) -> Result<Self> {
        let path = given.text.parse::<PathAndQuery>().ok().filter(|_| given.text.starts_with('/'));
        let Some(path) = path else {
            return Err(invalid(given, "it must be a path such as /v2/credentials/…, percent-encoded"));
        };
        let target = Target::new(ECS.to_string(), 80, None)?.admitting(is_container_address);
        Ok(Self { target, path: path.as_str().to_owned(), tls: false })
    }

    /// A URL. Names are looked up when it is asked.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming where it is from, without a user name or password that is in it.
    pub fn full(given: Given<'_>) -> Result<Self> {
        let wanted = "it must be a URL, http:// or https://, with host and path";
        let uri: Uri = given.text.parse().map_err(|_| invalid(given, wanted))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(invalid(given, wanted)),
        };
        let authority = uri.authority().ok_or_else(|| invalid(given, wanted))?;
        if authority.as_str().contains('@') {
            return Err(invalid(given, "a user name has no meaning there"));
        }
        // The `http` crate takes a port that is none for no port.
        let (host, port) = split_port(authority.as_str()).ok_or_else(|| invalid(given, wanted))?;
        let host = host.to_ascii_lowercase();
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        if !is_host(&host) {
            return Err(invalid(given, wanted));
        }
        if !tls
            && let Ok(address) = host.parse()
            && !is_container_address(address)
        {
            return Err(not_allowed(given));
        }
        let target = Target::new(host, port, None).map_err(|_| invalid(given, wanted))?;
        let target = if tls { target } else { target.admitting(is_container_address) };
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        Ok(Self { target, path, tls })
    }
}

impl Location {
    /// Whether it is asked over TLS.
    #[must_use]
    pub const fn needs_tls(&self) -> bool {
        self.tls
    }
}

/// `169.254.170.2:80`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_port(&self.target.host, self.target.port))
    }
}

/// This machine, and where ECS and EKS put their endpoints.
fn is_container_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address == ECS || address == EKS,
        IpAddr::V6(address) => address.is_loopback() || address == EKS_V6,
    }
}

fn invalid(given: Given<'_>, what: &str) -> Error {
    // What stands before an `@` is a user's name and password.
    let shown = if given.text.contains('@') { "a text with an `@`".into() } else { quoted(given.text) };
    Error::invalid_option(given.from, format!("is {shown}: {what}"))
}

fn not_allowed(given: Given<'_>) -> Error {
    let found = "over `http:` only this machine, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] are asked";
    invalid(given, found).with_hint("Use https:, or a name or address of these.")
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Code;

    use super::*;

    fn full(text: &str) -> Result<Location> {
        Location::full(Given { text, from: "fullUri" })
    }

    fn relative(text: &str) -> Result<Location> {
        Location::relative(Given { text, from: "relativeUri" })
    }

    #[test]
    fn where_it_is() {
        for (location, shown, path, tls) in [
            (relative("/v2/credentials/a-b?c=d"), "169.254.170.2:80", "/v2/credentials/a-b?c=d", false),
            (full("http://127.0.0.1:8080/x/y?z=1"), "127.0.0.1:8080", "/x/y?z=1", false),
            (full("http://127.1.2.3/x"), "127.1.2.3:80", "/x", false),
            (full("http://LOCALHOST:1"), "localhost:1", "/", false),
            (full("http://[::1]:8080/x"), "[::1]:8080", "/x", false),
            (full("http://169.254.170.23/v1/credentials"), "169.254.170.23:80", "/v1/credentials", false),
            (full("http://[fd00:ec2::23]/v1/credentials"), "[fd00:ec2::23]:80", "/v1/credentials", false),
            (full("http://[::ffff:127.0.0.1]/"), "[::ffff:127.0.0.1]:80", "/", false),
            (full("https://keys.example/x"), "keys.example:443", "/x", true),
            (full("https://192.0.2.1:8443/x"), "192.0.2.1:8443", "/x", true),
        ] {
            let location = location.unwrap();
            assert_eq!(
                (location.to_string().as_str(), location.path.as_str(), location.tls),
                (shown, path, tls)
            );
        }
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "/path",
            "127.0.0.1/x",
            "ftp://127.0.0.1/x",
            "http://",
            "http:///x",
            "http://a b/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/",
            "http://user:canary@127.0.0.1/",
            "http://192.0.2.1/x",
            "http://169.254.169.254/x",
            "http://169.254.170.3/",
            "http://10.0.0.1/",
            "http://[fe80::1]/",
            "http://[::ffff:192.0.2.1]/",
            "http://0.0.0.0/",
            "http://127.0.0.1\r\nHost: x/",
        ] {
            let error = full(text).unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("fullUri")), "{text}");
            assert!(!format!("{error:?}").contains("canary"));
        }
        for text in ["", "v2/x", "//a b", "/a\r\nX: y", "http://127.0.0.1/"] {
            let error = relative(text).unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("relativeUri")), "{text}");
        }
    }

    #[test]
    fn a_path_that_looks_like_a_host_stays_a_path() {
        assert_eq!(relative("//evil.example/x").unwrap().to_string(), "169.254.170.2:80");
    }
}
