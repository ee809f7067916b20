//! Random numbers from the system.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::{Code, Error, Result};

/// Sixty-four bits that no other process and no other machine of a fleet has: the seed of whatever must be spread.
pub fn seed() -> Result<u64> {
    bytes().map(u64::from_ne_bytes)
}

/// Bytes that nobody can foretell.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(Code::Internal, "the system's random number generator gave nothing"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        assert_ne!(seed().unwrap(), seed().unwrap());
    }
}
