//! The crate against SoftHSM: real tokens, real PINs, real signatures.
//!
//! Needs `softhsm2-util`, `openssl`, OpenSC (`pkcs11-tool`, `pkcs11-spy.so`), p11-kit with its server, swtpm, tpm2-tools
//! and tpm2-pkcs11; without them the tests fail rather than pass for nothing. Linux only: they look into `/proc`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![allow(clippy::panic, reason = "the same")]

mod certificates;
mod every_use;
mod hang;
mod hardware;
mod inventory;
mod ladder;
mod many;
mod mechanisms;
mod objects;
mod p521;
mod pins;
mod recovery;
mod remote;
mod search;
mod signing;
mod support;
mod tpm;
mod trust;
