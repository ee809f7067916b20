//! A packet's bytes, taken off from the front.

use bytes::{Buf as _, Bytes};

use super::DecodeError;
use crate::text::Text;

/// What is left of a packet. Every step is checked, so that no length in a packet reaches past its end.
pub(super) struct Reader {
    bytes: Bytes,
}

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is left.
    pub(super) fn rest(self) -> Bytes {
        self.bytes
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.bytes.try_get_u8().map_err(|_| DecodeError::CUT)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.bytes.try_get_u16().map_err(|_| DecodeError::CUT)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.bytes.try_get_u32().map_err(|_| DecodeError::CUT)
    }

    /// A variable byte integer.
    pub(super) fn varint(&mut self) -> Result<u32, DecodeError> {
        match varint(&self.bytes) {
            Varint::Whole { value, taken } if taken == 1 || value >> (7 * (taken - 1)) != 0 => {
                self.bytes.advance(taken);
                Ok(value)
            }
            Varint::Whole { .. } => Err(DecodeError::Malformed("a length takes more bytes than it needs")),
            Varint::Cut => Err(DecodeError::CUT),
            Varint::TooLong => Err(DecodeError::Malformed("a length takes more than 4 bytes")),
        }
    }

    /// Two bytes of length, then as many bytes.
    pub(super) fn data(&mut self) -> Result<Bytes, DecodeError> {
        let length = usize::from(self.u16()?);
        Ok(self.part(length)?.rest())
    }

    pub(super) fn text(&mut self) -> Result<Text, DecodeError> {
        Text::new(self.data()?).ok_or(DecodeError::Malformed("a text is not UTF-8 or holds U+0000"))
    }

    /// Splits off the next `length` bytes.
    pub(super) fn part(&mut self, length: usize) -> Result<Self, DecodeError> {
        if length > self.bytes.len() {
            return Err(DecodeError::CUT);
        }
        Ok(Self::new(self.bytes.split_to(length)))
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Malformed("bytes after the packet's last field"))
        }
    }
}

/// A variable byte integer at the front of some bytes.
pub(super) enum Varint {
    Whole { value: u32, taken: usize },
    Cut,
    TooLong,
}

pub(super) fn varint(bytes: &[u8]) -> Varint {
    let mut value = 0;
    for (taken, byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * taken);
        if byte & 0x80 == 0 {
            return Varint::Whole { value, taken: taken + 1 };
        }
    }
    if bytes.len() < 4 { Varint::Cut } else { Varint::TooLong }
}
