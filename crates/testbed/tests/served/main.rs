//! The built `testbed`, started for real and talked to over real sockets and real TLS.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests, and their helpers are not functions that clippy recognizes as such"
)]

mod bed;
mod client;
mod control;
mod endpoint;
mod faults;
mod keys;
mod keys_end;
mod lifecycle;
mod link;
mod mqtt;
mod refusals;
mod s3;
mod sts;
mod tls;
