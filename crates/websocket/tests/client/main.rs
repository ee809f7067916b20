//! The client against servers written byte by byte, against another implementation, and against a broker.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::large_stack_arrays,
    reason = "bytes of made-up frames"
)]

mod answers;
mod broker;
mod frames;
mod peer;
mod support;
