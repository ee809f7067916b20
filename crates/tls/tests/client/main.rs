//! The HTTP client and the dialer against real servers, under clocks that the tests own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dial;
mod kept_connection;
mod plain;
mod support;
mod time;
