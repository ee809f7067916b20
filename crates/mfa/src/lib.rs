//! MFA codes for AssumeRole: where they come from and how often they go out.
//!
//! | Module | Holds |
//! |---|---|
//! | [`code`] | a code: six digits, found in what a person or a program wrote |
//! | [`command`] | a program that prints one: no shell, a deadline, its whole process group killed when it is over |
//! | [`sent`] | which codes went out, so that none is sent twice |
//!
//! AWS accepts a code once: whoever sends it again is refused, and each refusal counts. A device of the usual kind
//! (TOTP, RFC 6238) shows a new one every [`STEP`].
//!
//! # Secrets
//!
//! A code is a [`Secret`](refresh_session_core::Secret) for the half minute that it is worth something. What a
//! program wrote is in no error: it may hold the code, or the seed that makes all of them.

#![forbid(unsafe_code)]

pub mod code;
pub mod command;
pub mod sent;

use std::time::Duration;

pub use code::TokenCode;
pub use command::{Command, CommandOptions};
pub use sent::SentCodes;

/// How long a code is shown (RFC 6238 section 5.2).
pub const STEP: Duration = Duration::from_secs(30);
