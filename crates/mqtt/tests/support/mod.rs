//! What the tests of the machine share.

#![allow(dead_code, reason = "not every test uses all of it")]

pub(crate) mod bench;
pub(crate) mod peer;
