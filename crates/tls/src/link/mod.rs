//! The way to the endpoint: name lookup, TCP, proxy. TLS begins where this ends.
//!
//! | Phase | Ends when | Fails with |
//! |---|---|---|
//! | name lookup | the resolver answers, six seconds at most | `ERR_DNS` |
//! | TCP | the first address connects ([`race`], RFC 8305) | `ERR_CONNECT`, with what every address said |
//! | proxy | it answers `CONNECT` with 2xx ([`crate::proxy`]) | `ERR_PROXY_AUTH`, `ERR_PROXY` |
//!
//! With a proxy the first two are about the proxy; the endpoint's name is looked up by it. Limits on the whole are set
//! from outside, by dropping: then [`HandshakeReport`] tells what was under way.

pub(crate) mod attempts;
mod errors;
pub(crate) mod hop;
pub(crate) mod race;
mod tcp;

use refresh_session_core::{Clock, Result};
use tokio::net::TcpStream;

use crate::handshake::{HandshakeReport, Phase};
use crate::http::Target;
use crate::proxy::{Proxy, tunnel};
use hop::Hop;

/// A stream on which the endpoint is at the other end.
pub(crate) async fn open(
    target: &Target,
    proxy: Option<&Proxy>,
    report: &HandshakeReport,
    clock: &dyn Clock,
) -> Result<TcpStream> {
    let mut stream = tcp::connect(&Hop::towards(target, proxy), report, clock).await?;
    if let Some(proxy) = proxy {
        report.enter(Phase::Proxy);
        tunnel::open(&mut stream, proxy, target).await?;
    }
    Ok(stream)
}
