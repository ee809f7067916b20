//! Digests, keyed hashes and signature checks.
//!
//! *ring* is named here and, as the TLS provider, in `tls`; nowhere else. Swapping the crypto library means these
//! files and that line.

pub mod digest;
pub mod keyed_hash;
pub mod public_key;
pub mod random;
