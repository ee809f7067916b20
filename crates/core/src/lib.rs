//! The ground floor: what every other room speaks of.
//!
//! | Module | Holds |
//! |---|---|
//! | [`error`] | one error type, one table of stable codes: which operation failed, whose fault it is, what to do |
//! | [`identity`] | AWS credentials, zeroized and redacted |
//! | [`secret`] | bytes that never print |
//! | [`time`] | server time and boot time, and the [`Clock`] that gives them |
//! | [`calendar`] | what time it is: told by servers, else by the wall clock, and never before what is certain |
//! | [`server_clock`] | what `Date` headers tell about one server's calendar |
//! | [`shown`] | values of options in messages: one line, short, no key in the wrong place |
//! | [`authority`] | `host[:port]` as it is typed into options |
//! | [`signer`] | what TLS asks of a private key, wherever it lives |
//! | [`certificate`] | the facts read from an X.509 certificate |
//! | [`encoding`] | bytes as text |
//! | [`crypto`] | digests, keyed hashes and signature checks: the only place that names the crypto library besides `tls` |
//!
//! No I/O, no runtime, no clock of its own. Nothing here may name another room.

#![forbid(unsafe_code)]

pub mod authority;
pub mod calendar;
pub mod certificate;
pub mod crypto;
pub mod encoding;
pub mod error;
pub mod identity;
pub mod secret;
pub mod server_clock;
pub mod shown;
pub mod signer;
pub mod time;

pub use calendar::{Basis, Calendar, Reading};
pub use certificate::Certificate;
pub use crypto::public_key::{KeyKind, PublicKey};
pub use error::{Class, Code, Error, Result, Warning};
pub use identity::{Identity, Issued};
pub use secret::Secret;
pub use server_clock::ServerClock;
pub use signer::{SignatureScheme, Signer};
pub use time::{BootTime, Clock, Timestamp};
