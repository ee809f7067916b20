//! Frames: what a log file is made of behind its header.
//!
//! | At | Bytes | |
//! |---|---|---|
//! | 0 | 4 | `f5 53 71 8e`, where a search looks for a frame |
//! | 4 | 4 | kind: 1 a record, 2 the numbers of records that are removed (8 bytes each, in the payload) |
//! | 8 | 8 | number of the record |
//! | 16 | 4 | length of the record's header |
//! | 20 | 4 | length of the payload |
//! | 24 | 4 | checksum of header and payload |
//! | 28 | 4 | checksum of the 28 bytes before |
//! | 32 | | header, payload |
//!
//! Both checksums begin with the salt of the directory and the number of the file. So a frame that a file system brings back
//! from a deleted file is none here, and neither is one that somebody hides in the payload of a message: were the
//! real frame around it damaged, the search would find the false one.

use crate::checksum::Checksum;
use crate::header::{long, number};

/// Bytes before the body.
pub(crate) const FRAME: usize = 32;
/// What it costs to write down that one record is removed.
pub(crate) const REMOVAL: usize = FRAME + 8;

const MAGIC: [u8; 4] = [0xf5, 0x53, 0x71, 0x8e];
const RECORD: u32 = 1;
const REMOVED: u32 = 2;

/// What every checksum in one file begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(Checksum);

impl Seed {
    pub(crate) fn new(salt: u64, file: u64) -> Self {
        Self(Checksum::new().with(&salt.to_le_bytes()).with(&file.to_le_bytes()))
    }
}

/// A frame that is as it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) content: Content<'a>,
    /// With its first 32 bytes.
    pub(crate) len: usize,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content<'a> {
    Record {
        id: u64,
        header: &'a [u8],
        payload: &'a [u8],
    },
    /// Numbers of eight bytes.
    Removed(&'a [u8]),
}

/// Adds a record to what is to be written. The lengths fit: a record is smaller than a file.
pub(crate) fn write_record(to: &mut Vec<u8>, seed: Seed, id: u64, header: &[u8], payload: &[u8]) {
    write(to, seed, RECORD, id, header, payload);
}

/// Adds the note that records are removed.
pub(crate) fn write_removed(to: &mut Vec<u8>, seed: Seed, ids: &[u64]) {
    let numbers: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    write(to, seed, REMOVED, 0, &[], &numbers);
}

fn write(to: &mut Vec<u8>, seed: Seed, kind: u32, id: u64, header: &[u8], payload: &[u8]) {
    let start = to.len();
    to.extend(MAGIC);
    to.extend(kind.to_le_bytes());
    to.extend(id.to_le_bytes());
    for part in [header, payload] {
        to.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    to.extend(seed.0.with(header).with(payload).value().to_le_bytes());
    let head = seed.0.with(&to[start..]).value();
    to.extend(head.to_le_bytes());
    to.extend(header);
    to.extend(payload);
}

/// The frame at the beginning of these bytes.
pub(crate) fn read(bytes: &[u8], seed: Seed) -> Option<Frame<'_>> {
    let (head, rest) = bytes.split_at_checked(FRAME)?;
    if !head.starts_with(&MAGIC) || seed.0.with(&head[..28]).value() != number(head, 28)? {
        return None;
    }
    let header_len = usize::try_from(number(head, 16)?).ok()?;
    let payload_len = usize::try_from(number(head, 20)?).ok()?;
    let body = rest.get(..header_len.checked_add(payload_len)?)?;
    if seed.0.with(body).value() != number(head, 24)? {
        return None;
    }
    let (header, payload) = body.split_at_checked(header_len)?;
    let content = match number(head, 4)? {
        RECORD => Content::Record { id: long(head, 8)?, header, payload },
        REMOVED => Content::Removed(payload),
        _ => return None,
    };
    Some(Frame { content, len: FRAME + body.len() })
}

/// Where in these bytes the first good frame begins.
pub(crate) fn search(bytes: &[u8], seed: Seed) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        if read(bytes.get(at..)?, seed).is_some() {
            return Some(at);
        }
        at += 1;
    }
}

/// The numbers in a note of removal.
pub(crate) fn removed(numbers: &[u8]) -> impl Iterator<Item = u64> + '_ {
    numbers.chunks_exact(8).filter_map(|number| long(number, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_and_no_flipped_bit_gets_through() {
        let seed = Seed::new(1, 2);
        let mut bytes = Vec::new();
        write_record(&mut bytes, seed, 3, b"head", b"payload");
        let content = Content::Record { id: 3, header: b"head", payload: b"payload" };
        assert_eq!(read(&bytes, seed), Some(Frame { content, len: bytes.len() }));
        assert_eq!(read(&bytes, Seed::new(2, 2)), None, "another directory's");
        assert_eq!(read(&bytes, Seed::new(1, 1)), None, "another file's");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped, seed), None, "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], seed), None);
        }
    }

    #[test]
    fn a_frame_is_found_behind_anything() {
        let seed = Seed::new(1, 2);
        let mut bytes = [&MAGIC[..], &MAGIC[..2], &[0; 50], &MAGIC[..3]].concat();
        let at = bytes.len();
        assert_eq!(search(&bytes, seed), None);
        write_removed(&mut bytes, seed, &[5, 6]);
        assert_eq!(search(&bytes, seed), Some(at));
        let Some(Frame { content: Content::Removed(numbers), len }) = read(&bytes[at..], seed) else {
            panic!()
        };
        assert_eq!((removed(numbers).collect::<Vec<_>>(), len), (vec![5, 6], FRAME + 16));
    }
}
