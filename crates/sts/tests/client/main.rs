//! The client against servers: the testbed, which checks signatures by itself, and one that says what a test wants.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod mapping;
mod requests;
mod support;
mod testbed;
mod time;
