//! `NO_PROXY`: which endpoints are reached without the proxy.
//!
//! There is no standard. This is what `curl` does (names, suffixes, addresses, CIDR), with the ports that Go's `net/http`
//! knows: entries are separated by commas or spaces, and letter case does not count.
//!
//! | Entry | Is for |
//! |---|---|
//! | `*` | everything |
//! | `example.com` | that name and every name below it |
//! | `.example.com`, `*.example.com` | the same: curl takes the leading dot as decoration |
//! | `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]` | that address, where the endpoint is given as an address |
//! | `192.0.2.0/24`, `2001:db8::/32` | every address in it |
//! | any of them but CIDR, with `:port` | the same, at that port only; an IPv6 address needs brackets |
//!
//! Names are not looked up for this: an entry with an address never is for an endpoint that is given by name.

use std::net::IpAddr;

use refresh_session_core::authority::split_port;

/// Whether the list says to go to `host` at `port` directly.
#[must_use]
pub fn is_for(list: &str, host: &str, port: u16) -> bool {
    list.split([',', ' ', '\t'])
        .filter(|entry| !entry.is_empty())
        .any(|entry| entry_is_for(entry, host, port))
}

fn entry_is_for(entry: &str, host: &str, port: u16) -> bool {
    if let Some((network, bits)) = entry.split_once('/') {
        return host.parse().is_ok_and(|address| is_within(address, network, bits));
    }
    // An IPv6 address without brackets has colons that are no port's.
    let (name, only) = match entry.parse::<IpAddr>() {
        Ok(_) => (entry, None),
        Err(_) => match split_port(entry) {
            Some(parts) => parts,
            None => return false,
        },
    };
    if only.is_some_and(|only| only != port) {
        return false;
    }
    if name == "*" {
        return true;
    }
    match host.parse::<IpAddr>() {
        Ok(address) => name.parse() == Ok(address),
        Err(_) => is_below(host, name),
    }
}

/// Whether `host` is `domain` or a name below it.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')).unwrap_or(domain);
    let (host, domain) = (host.trim_end_matches('.'), domain.trim_end_matches('.'));
    if domain.is_empty() || host.len() < domain.len() {
        return false;
    }
    let Some((before, tail)) = host.split_at_checked(host.len() - domain.len()) else { return false };
    tail.eq_ignore_ascii_case(domain) && (before.is_empty() || before.ends_with('.'))
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) if bits <= 32 => {
            // A shift by the whole width is no shift at all: `None`, and nothing is left to differ.
            (address.to_bits() ^ network.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) if bits <= 128 => {
            (address.to_bits() ^ network.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "abc.credentials.iot.eu-west-1.amazonaws.com";

    #[test]
    fn names_and_suffixes() {
        for entry in [
            "*",
            NAME,
            "ABC.credentials.iot.EU-west-1.amazonaws.com.",
            "amazonaws.com",
            ".amazonaws.com",
            "*.amazonaws.com",
            "com",
            "amazonaws.com:443",
            "*:443",
            "other.example, amazonaws.com",
            "other.example amazonaws.com",
            ",,amazonaws.com,",
        ] {
            assert!(is_for(entry, NAME, 443), "{entry}");
        }
        for entry in [
            "",
            ",",
            ".",
            "zonaws.com",
            "x.amazonaws.com",
            "amazonaws.com:8443",
            "amazonaws.com:",
            "amazonaws",
            "aws*",
            "0.0.0.0/0",
            "10.0.0.1",
            "m",
        ] {
            assert!(!is_for(entry, NAME, 443), "{entry}");
        }
    }

    #[test]
    fn addresses_and_networks() {
        for (entry, host) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:443", "192.0.2.7"),
            ("192.0.2.0/24", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("0.0.0.0/0", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:db8:0:0::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::1"),
            ("::/0", "2001:db8::1"),
        ] {
            assert!(is_for(entry, host, 443), "{entry}");
        }
        for (entry, host) in [
            ("192.0.2.8", "192.0.2.7"),
            ("192.0.2.7:80", "192.0.2.7"),
            ("192.0.3.0/24", "192.0.2.7"),
            ("192.0.2.0/33", "192.0.2.7"),
            ("192.0.2.0/x", "192.0.2.7"),
            ("192.0.2.0/", "192.0.2.7"),
            ("::/0", "192.0.2.7"),
            ("2.7", "192.0.2.7"),
            (".2.7", "192.0.2.7"),
            ("2001:db8::/129", "2001:db8::1"),
            ("2001:db9::/32", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
        ] {
            assert!(!is_for(entry, host, 443), "{entry}");
        }
    }
}
