//! TLS, mutual or not, and HTTP/1.1: from a client identity to a stream or an answered request. The only user of rustls.
//!
//! | Module | Holds |
//! |---|---|
//! | [`material`] | certificate, key and CA options: a path, PEM text or bytes |
//! | [`identity`] | certificate chain + private key (PEM, or a [`Signer`](refresh_session_core::Signer)), matched at construction |
//! | [`trust`] | which servers are believed: the system's roots, Amazon's, or the user's bundle |
//! | [`config`] | the TLS configuration made of both; one per identity, so that tickets of one are never used by another |
//! | `server` | the check of the server's certificate, by the process's calendar, and what is told of one that fails it |
//! | `link` | the way to the endpoint: name lookup, addresses side by side, proxy |
//! | [`proxy`] | HTTP `CONNECT`: whose URL, whom for, what it answers |
//! | `way` | all of it together: a stream on which the endpoint is at the other end, in time and with errors |
//! | [`dial`] | such a stream for protocols other than HTTP |
//! | [`http`] | one kept HTTP/1.1 connection: phases, timeouts, size cap, and errors that say which phase failed |
//!
//! TLS 1.2 and 1.3. The crypto provider is *ring*, chosen in [`provider`] and nowhere else.
//!
//! # Who is at fault
//!
//! A handshake can fail because of the server's certificate, ours, the token that signs, or the network. rustls
//! reports all of them as an I/O error; `handshake` keeps a record beside each handshake of what was asked and
//! what the signer said, and `way::errors` turns both into one typed error.

#![forbid(unsafe_code)]

pub mod config;
pub mod dial;
mod handshake;
pub mod http;
pub mod identity;
mod link;
pub mod material;
pub mod provider;
pub mod proxy;
mod server;
pub mod trust;
mod way;

pub use config::TlsConfig;
pub use dial::{Carrier, Dialer, StreamFacts, TlsStream};
pub use http::{HttpClient, HttpRequest, HttpResponse, Target};
pub use identity::ClientIdentity;
pub use material::Material;
pub use proxy::Proxy;
pub use trust::Trust;
