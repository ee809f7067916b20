//! Where codes of an MFA device come from.

use std::fmt;

use refresh_session_core::{Result, Secret};

use crate::description::Description;
use crate::source::Fetching;

/// Asks for a code: in the addon, a JavaScript callback or a command.
pub trait MfaCode: Send + Sync + fmt::Debug {
    /// A code of the device with this serial number, six digits. Called once for each request, right before it is
    /// sent: a code is good once. Dropped when it takes too long.
    fn code<'a>(&'a self, serial: &'a str) -> Fetching<'a, Result<Secret>>;

    /// Adds what decides whether there are codes. False if that cannot be known: then nothing is shared.
    fn describe(&self, description: &mut Description) -> bool;
}
