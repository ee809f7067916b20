//! A proxy's URL. Nothing of it is ever quoted: what stands before the `@` is a password.

use refresh_session_core::authority::{is_host, split_port};
use refresh_session_core::encoding::base64;
use refresh_session_core::{Error, Result, Secret};
use zeroize::Zeroizing;

use super::{Credentials, Proxy};

/// That of `http://` (RFC 3986, section 3.2.3). curl takes 1080 here, which is SOCKS'.
const HTTP: u16 = 80;
/// Longer than any name or password; a header of it still fits any proxy's limit.
const MAX_USERINFO: usize = 1024;

const PARAM: &str = "proxy";

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`; the scheme may be left out, as `curl` allows.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming `proxy`.
    pub fn parse(url: &str) -> Result<Self> {
        let rest = after_scheme(url)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(invalid(
                "has a path: give http://host:port only, with `/`, `?` and `#` in a password percent-encoded",
            ));
        }
        // The last one, as in every URL parser: an `@` in the password should have been encoded, but often is not.
        let (userinfo, location) = match authority.rsplit_once('@') {
            Some((userinfo, location)) => (Some(userinfo), location),
            None => (None, authority),
        };
        let (host, port) = split_port(location).ok_or_else(|| {
            invalid(
                "has no good port: it must be a number from 1 to 65535, and brackets hold an IPv6 address",
            )
        })?;
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err(invalid("has no good host: give http://[user:password@]host[:port]"));
        }
        let credentials = userinfo.map(Credentials::parse).transpose()?;
        Ok(Self { host, port: port.unwrap_or(HTTP), credentials })
    }
}

fn after_scheme(url: &str) -> Result<&str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Ok(url) };
    if scheme.eq_ignore_ascii_case("http") {
        return Ok(rest);
    }
    if scheme.eq_ignore_ascii_case("https") {
        return Err(invalid("is an https:// URL: proxies that are reached over TLS are not supported")
            .with_hint(
                "Use the proxy's http:// port: what goes through it is TLS all the way to the endpoint.",
            ));
    }
    if ["socks", "socks4", "socks4a", "socks5", "socks5h"]
        .iter()
        .any(|socks| scheme.eq_ignore_ascii_case(socks))
    {
        return Err(invalid("is a SOCKS proxy: only HTTP proxies are supported")
            .with_hint("Give an http:// proxy, or `proxy: false` to connect directly."));
    }
    Err(invalid("does not begin with http://"))
}

impl Credentials {
    /// `user[:password]`, percent-encoded.
    fn parse(userinfo: &str) -> Result<Self> {
        if userinfo.len() > MAX_USERINFO {
            return Err(invalid("has a user name or password that is too long"));
        }
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let bad = || {
            invalid("has a user name or password with a `%` that is not followed by two hexadecimal digits")
        };
        let user = percent_decoded(user).ok_or_else(bad)?;
        let password = percent_decoded(password).ok_or_else(bad)?;
        // RFC 7617, section 2: the colon ends the name, and neither part holds control characters.
        if user.contains(&b':') {
            return Err(invalid(
                "has a user name with a colon in it, which Basic authentication cannot carry",
            ));
        }
        if user.iter().chain(password.iter()).any(u8::is_ascii_control) {
            return Err(invalid("has a user name or password with a control character in it"));
        }
        let mut pair = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
        pair.extend_from_slice(&user);
        pair.push(b':');
        pair.extend_from_slice(&password);
        let mut authorization = b"Basic ".to_vec();
        authorization.reserve_exact(pair.len().div_ceil(3) * 4);
        base64(&pair, &mut authorization);
        Ok(Self { password: Secret::new(password.to_vec()), authorization: Secret::new(authorization) })
    }
}

fn percent_decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        decoded.push(u8::try_from(value).ok()?);
    }
    Some(decoded)
}

fn invalid(found: &str) -> Error {
    Error::invalid_option(PARAM, found)
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Code;

    use super::*;

    fn parsed(url: &str) -> (String, u16, Option<String>) {
        let proxy = Proxy::parse(url).unwrap();
        let authorization = proxy.authorization().map(|value| value.expose_str().unwrap().to_owned());
        (proxy.host().to_owned(), proxy.port(), authorization)
    }

    #[test]
    fn host_and_port() {
        for (url, host, port) in [
            ("http://proxy.lan:3128", "proxy.lan", 3128),
            ("HTTP://Proxy.LAN/", "proxy.lan", 80),
            ("proxy.lan:8080", "proxy.lan", 8080),
            ("http://[2001:db8::1]:3128", "2001:db8::1", 3128),
            ("http://192.0.2.1", "192.0.2.1", 80),
        ] {
            assert_eq!(parsed(url), (host.to_owned(), port, None), "{url}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_encoded() {
        // The example of RFC 7617, section 2, and its UTF-8 one in section 2.1.
        let basic = |url| parsed(url).2.unwrap();
        assert_eq!(basic("http://Aladdin:open%20sesame@p:1"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("http://test:123%C2%A3@p:1"), "Basic dGVzdDoxMjPCow==");
        assert_eq!(basic("http://user@p:1"), "Basic dXNlcjo=");
        assert_eq!(basic("http://user:a@b:c@p:1"), "Basic dXNlcjphQGI6Yw==");
        assert_eq!(basic("http://:@p:1"), "Basic Og==");
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_never_shown() {
        for url in [
            "",
            "http://",
            "https://user:canary@proxy:1",
            "socks5://user:canary@proxy:1",
            "ftp://user:canary@proxy:1",
            "http://user:canary@proxy:0",
            "http://user:canary@proxy:99999",
            "http://user:canary@proxy:1/path",
            "http://user:canary@proxy:1?x",
            "http://user:canary/x@proxy:1",
            "http://user:canary%@proxy:1",
            "http://user:canary%zz@proxy:1",
            "http://user:canary%0d%0aX:@proxy:1",
            "http://us%3Aer:canary@proxy:1",
            "http://user:canary@pro xy:1",
            "http://user:canary@",
        ] {
            let error = Proxy::parse(url).unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::InvalidOption, Some("proxy")), "{url:?}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        let proxy = Proxy::parse("http://user:canary@proxy:1").unwrap();
        assert!(!format!("{proxy} {proxy:?}").contains("canary"));
    }
}
