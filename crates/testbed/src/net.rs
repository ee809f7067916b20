//! Sockets: the four listeners, and TLS for two of them.

pub(crate) mod handshake;
pub(crate) mod listen;
pub(crate) mod tls;
pub(crate) mod wire;
