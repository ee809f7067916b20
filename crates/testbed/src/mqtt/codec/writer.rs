//! Puts fields together to a packet.

/// A packet in the making.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn two(&mut self, value: u16) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(super) fn four(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(super) fn variable(&mut self, mut value: u32) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                return self.byte(low);
            }
            self.byte(low | 0x80);
        }
    }

    /// What is longer than its length field can say is cut: a fault may ask for it.
    pub(super) fn binary(&mut self, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.two(length);
        self.bytes.extend(&value[..usize::from(length)]);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.binary(value.as_bytes());
    }

    /// The packet: first byte, remaining length, and what has been written so far.
    pub(super) fn finish(self, first: u8) -> Vec<u8> {
        let mut packet = Self::default();
        packet.byte(first);
        packet.variable(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        packet.bytes.extend(self.bytes);
        packet.bytes
    }
}
