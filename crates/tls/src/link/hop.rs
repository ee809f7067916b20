//! What TCP connects to: the endpoint itself, or the proxy before it.

use std::fmt;

use refresh_session_core::authority::with_port;

use crate::http::Target;
use crate::proxy::Proxy;

/// The first hop of the way to a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hop<'a> {
    Endpoint(&'a Target),
    Proxy(&'a Proxy),
}

impl<'a> Hop<'a> {
    pub(crate) fn towards(target: &'a Target, proxy: Option<&'a Proxy>) -> Self {
        proxy.map_or(Self::Endpoint(target), Self::Proxy)
    }

    pub(crate) fn host(&self) -> &'a str {
        match self {
            Self::Endpoint(target) => &target.host,
            Self::Proxy(proxy) => proxy.host(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Endpoint(target) => target.port,
            Self::Proxy(proxy) => proxy.port(),
        }
    }
}

/// `abc.example`, `the proxy gw.lan:3128`.
impl fmt::Display for Hop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(target) => f.write_str(&with_port(&target.host, target.port)),
            Self::Proxy(proxy) => proxy.fmt(f),
        }
    }
}
