//! CRC-32C (Castagnoli; RFC 3720 appendix B.4), a byte at a time.
//!
//! It finds every burst of up to 32 flipped bits and lets one in four billion of the rest through. It is no protection
//! against somebody who can write the files: the directory's permissions are.

/// A checksum under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checksum(u32);

impl Checksum {
    pub(crate) const fn new() -> Self {
        Self(!0)
    }

    /// The same with more bytes.
    #[must_use]
    pub(crate) fn with(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |sum, byte| {
            let [low, ..] = sum.to_le_bytes();
            (sum >> 8) ^ TABLE[usize::from(low ^ byte)]
        }))
    }

    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut entry = 0;
    let mut index = 0;
    while index < 256 {
        let mut sum: u32 = entry;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
        entry += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_rfc() {
        let ascending: Vec<u8> = (0..32).collect();
        for (bytes, sum) in [
            (&[0; 32][..], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (b"123456789", 0xe306_9283),
        ] {
            assert_eq!(Checksum::new().with(bytes).value(), sum);
        }
        assert_eq!(Checksum::new().with(b"1234").with(b"56789").value(), 0xe306_9283);
    }
}
