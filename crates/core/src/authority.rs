//! `host[:port]` as it is typed into options and URLs (RFC 3986, section 3.2).

use std::net::{IpAddr, Ipv6Addr};

/// Splits `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. `None` if the port is no number from 1 to 65535, or the
/// brackets hold no IPv6 address. The host is not checked: see [`is_host`].
#[must_use]
pub fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(parse_port(port)?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(parse_port(port)?))),
        None => Some((text, None)),
    }
}

/// `host:port`, an IPv6 address in brackets.
#[must_use]
pub fn with_port(host: &str, port: u16) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}

/// Whether it is a DNS name (RFC 1123, with the underscore that private zones use) or an IP address.
#[must_use]
pub fn is_host(host: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_split_off_and_put_back() {
        for (text, host, port) in [
            ("gw.lan", "gw.lan", None),
            ("gw.lan:3128", "gw.lan", Some(3128)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:443", "2001:db8::1", Some(443)),
        ] {
            assert_eq!(split_port(text), Some((host, port)), "{text}");
            if let Some(port) = port {
                assert_eq!(with_port(host, port), text);
            }
        }
        for text in
            ["a:", "a:0", "a:65536", "a:+1", "a:1:2", "[::1", "[::1]x", "[localhost]", "[127.0.0.1]:1"]
        {
            assert_eq!(split_port(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        for host in ["localhost", "gw_1.lan", "127.0.0.1", "::1", "xn--bcher-kva.example"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", "a..b", "-a.b", "a b", "h\u{f6}st", "a/b", "user@host", "a\r\nb", &"a".repeat(64)] {
            assert!(!is_host(host), "{host}");
        }
    }
}
