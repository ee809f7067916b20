//! The first 64 bytes of every file.
//!
//! | At | Bytes | |
//! |---|---|---|
//! | 0 | 8 | `RSSPOOL` and a newline |
//! | 8 | 4 | format version, now 1 |
//! | 12 | 4 | checksum of the 12 bytes before; so far the same in every version to come |
//! | 16 | 8 | salt of this directory: random, in every checksum of a frame |
//! | 24 | 8 | number of the next record when the file was made |
//! | 32 | 24 | hash of the identity: SHA-256, cut |
//! | 56 | 4 | 0 |
//! | 60 | 4 | checksum of the 44 bytes before |
//!
//! Numbers are little-endian. The file `queue` holds nothing else; it is on the medium before the first record is. The log
//! files begin with the same, so what is damaged in one place is known from another.

use refresh_session_core::crypto::digest::Hash;

use crate::checksum::Checksum;

/// Its length.
pub(crate) const HEADER: usize = 64;
const MAGIC: [u8; 8] = *b"RSSPOOL\n";
const VERSION: u32 = 1;

/// A hashed identity.
pub(crate) type Identity = [u8; 24];

/// What a file says about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) salt: u64,
    pub(crate) next_id: u64,
    pub(crate) identity: Identity,
}

/// What the first bytes of a file are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Read {
    Header(Header),
    /// Certainly one of ours, but of this other version.
    Version(u32),
    /// Damaged, cut or nothing of ours.
    Nothing,
}

pub(crate) fn hash(identity: &str) -> Identity {
    let mut cut = [0; 24];
    for (to, from) in cut.iter_mut().zip(Hash::Sha256.digest(identity.as_bytes())) {
        *to = from;
    }
    cut
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(Checksum::new().with(&bytes).value().to_le_bytes());
        bytes.extend(self.salt.to_le_bytes());
        bytes.extend(self.next_id.to_le_bytes());
        bytes.extend(self.identity);
        bytes.extend([0; 4]);
        bytes.extend(Checksum::new().with(&bytes[16..]).value().to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Read {
        let Some(prefix) = Checked::take(bytes.get(..16)).filter(|prefix| prefix.0.starts_with(&MAGIC))
        else {
            return Read::Nothing;
        };
        match number(prefix.0, 8) {
            Some(VERSION) => {}
            Some(version) => return Read::Version(version),
            None => return Read::Nothing,
        }
        let Some(rest) = Checked::take(bytes.get(16..HEADER)) else { return Read::Nothing };
        let (Some(salt), Some(next_id), Some(identity)) = (rest.long(0), rest.long(8), rest.identity(16))
        else {
            return Read::Nothing;
        };
        Read::Header(Self { salt, next_id, identity })
    }
}

/// Bytes whose last four are their checksum.
struct Checked<'a>(&'a [u8]);

impl<'a> Checked<'a> {
    fn take(bytes: Option<&'a [u8]>) -> Option<Self> {
        let (body, sum) = bytes?.split_last_chunk::<4>()?;
        (Checksum::new().with(body).value() == u32::from_le_bytes(*sum)).then_some(Self(body))
    }

    fn long(&self, at: usize) -> Option<u64> {
        long(self.0, at)
    }

    fn identity(&self, at: usize) -> Option<Identity> {
        self.0.get(at..)?.first_chunk().copied()
    }
}

/// The 32-bit number at this place.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|found| u32::from_le_bytes(*found))
}

/// The 64-bit number at this place.
pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|found| u64::from_le_bytes(*found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_no_flipped_bit_gets_through() {
        let header = Header { salt: 7, next_id: 9, identity: hash("gw-1") };
        let bytes = header.encode();
        assert_eq!((bytes.len(), Header::decode(&bytes)), (HEADER, Read::Header(header)));
        for bit in 0..HEADER * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), Read::Nothing, "bit {bit}");
        }
        for end in 0..HEADER {
            assert_eq!(Header::decode(&bytes[..end]), Read::Nothing);
        }
    }

    #[test]
    fn a_newer_version_is_known_by_its_first_bytes() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(2u32.to_le_bytes());
        bytes.extend(Checksum::new().with(&bytes).value().to_le_bytes());
        assert_eq!(Header::decode(&bytes), Read::Version(2));
    }
}
