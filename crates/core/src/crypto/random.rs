//! Random numbers from the system.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::{Code, Error, Result};

/// Sixty-four bits that no other process and no other machine of a fleet has: the seed of whatever must be spread.
pub fn seed() -> Result<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::new(Code::Internal, "the system's random number generator gave nothing"))?;
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        assert_ne!(seed().unwrap(), seed().unwrap());
    }
}
