//! What is put on the wire, byte by byte.

use bytes::{BufMut as _, BytesMut};

/// The largest remaining length that four bytes can say.
pub(crate) const LONGEST: usize = 268_435_455;

/// How many bytes a variable byte integer takes.
pub(crate) const fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// A variable byte integer. What is larger than [`LONGEST`] was refused before.
pub(crate) fn put_varint(to: &mut BytesMut, value: usize) {
    let mut left = value.min(LONGEST);
    loop {
        let byte = u8::try_from(left & 0x7f).unwrap_or_default();
        left >>= 7;
        if left == 0 {
            return to.put_u8(byte);
        }
        to.put_u8(byte | 0x80);
    }
}

/// Two bytes of length, then the bytes. What is longer was refused before; if not, it is cut rather than let its length
/// lie.
pub(crate) fn put_data(to: &mut BytesMut, data: &[u8]) {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    to.put_u16(length);
    to.put_slice(&data[..usize::from(length)]);
}
