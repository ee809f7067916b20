//! The HTTP client against real servers, under clocks that the tests own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kept_connection;
mod plain;
mod support;
mod time;
