//! What can go wrong before a byte of TLS is sent. Each error names the phase, and what every address said.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use refresh_session_core::{Code, Error};

use super::hop::Hop;

pub(super) fn dns(hop: &Hop<'_>, error: &io::Error) -> Error {
    Error::new(Code::Dns, format!("the name {} does not resolve: {error}", named(hop)))
        .with_hint(dns_hint(hop))
}

pub(super) fn dns_silent(hop: &Hop<'_>, limit: Duration) -> Error {
    let limit = limit.as_millis();
    Error::new(Code::Dns, format!("the name {} does not resolve: no answer within {limit} ms", named(hop)))
        .with_hint("Check the device's DNS servers and the link to them.")
}

pub(super) fn not_admitted(hop: &Hop<'_>, stranger: SocketAddr) -> Error {
    let found = format!("{hop} is at {}, which it must not be", stranger.ip());
    Error::new(Code::AddressNotAllowed, found)
        .with_hint("Nothing was sent. Over `http:` only this machine, and the container service's own addresses, are asked.")
}

/// `said`: by every address that was tried.
pub(super) fn unreachable(hop: &Hop<'_>, said: Option<String>) -> Error {
    let said = said.unwrap_or_else(|| "the name has no address".into());
    Error::new(Code::Connect, format!("cannot connect to {hop}: {said}")).with_hint(match hop {
        Hop::Endpoint(_) => "Check the link, the port, and that no firewall stands between.",
        Hop::Proxy(_) => {
            "Check that the proxy runs and can be reached, and its port in `proxy` or HTTPS_PROXY."
        }
    })
}

fn named(hop: &Hop<'_>) -> String {
    match hop {
        Hop::Endpoint(_) => hop.host().to_owned(),
        Hop::Proxy(_) => format!("{} (the proxy)", hop.host()),
    }
}

fn dns_hint(hop: &Hop<'_>) -> &'static str {
    match hop {
        Hop::Endpoint(_) => "Check the spelling of `endpoint`, and the device's DNS servers.",
        Hop::Proxy(_) => "Check the spelling in `proxy` or HTTPS_PROXY, and the device's DNS servers.",
    }
}
