//! Whom to connect to.

use std::net::{IpAddr, Ipv6Addr};

use refresh_session_core::shown::quoted;
use refresh_session_core::{Error, Result};
use rustls::pki_types::ServerName;

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Whom to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name to look up, and to send in `Host`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    pub(crate) server_name: ServerName<'static>,
    /// Which addresses the name may have.
    pub(crate) admits: Option<fn(IpAddr) -> bool>,
    default_port: u16,
}

impl Target {
    /// `server_name` replaces `host` in SNI and in the certificate check, for a proxy or a private endpoint.
    pub fn new(host: String, port: u16, server_name: Option<String>) -> Result<Self> {
        let (name, param) = match server_name {
            Some(name) => (name, "serverName"),
            None => (host.clone(), "endpoint"),
        };
        let server_name = ServerName::try_from(name.clone()).map_err(|_| {
            Error::invalid_option(param, format!("is {}, which is no DNS name or IP address", quoted(&name)))
        })?;
        Ok(Self { host, port, server_name, admits: None, default_port: HTTPS })
    }

    /// Connects only if every address of the name is admitted, and then to what was looked up for that; no proxy is
    /// asked. For requests that must not leave this machine or its link, whatever a resolver says.
    #[must_use]
    pub fn admitting(self, admits: fn(IpAddr) -> bool) -> Self {
        Self { admits: Some(admits), ..self }
    }

    /// The `Host` header: without the port where it is the default.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.host.clone(),
        };
        if self.port == self.default_port { host } else { format!("{host}:{}", self.port) }
    }

    /// The same, spoken to without TLS.
    pub(super) fn plain(self) -> Self {
        Self { default_port: HTTP, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_header_leaves_out_the_default_port() {
        let target = |host: &str, port| Target::new(host.into(), port, None).unwrap();
        assert_eq!(target("a.example", 443).authority(), "a.example");
        assert_eq!(target("a.example", 80).authority(), "a.example:80");
        assert_eq!(target("a.example", 80).plain().authority(), "a.example");
        assert_eq!(target("::1", 8080).plain().authority(), "[::1]:8080");
    }
}
