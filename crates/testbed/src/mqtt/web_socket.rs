//! The frames of a WebSocket (RFC 6455, section 5), from the server's side.

use super::codec::Malformed;

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// A message larger than this is a mistake: packets are smaller.
const LARGEST: u64 = 1 << 24;

/// A WebSocket after its handshake.
#[derive(Debug, Default)]
pub(crate) struct WebSocket {
    /// Within a message in several frames.
    fragmented: bool,
    closed: bool,
}

impl WebSocket {
    /// Takes whole frames off `raw`: what they carry goes to `payload`, what is to be answered to `answers`.
    pub(crate) fn take_in(
        &mut self,
        raw: &mut Vec<u8>,
        payload: &mut Vec<u8>,
        answers: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        while let Some((head, length)) = header(raw)? {
            let Some(frame) = raw.get(..head + length) else { return Ok(()) };
            let (first, mask) =
                (frame[0], [frame[head - 4], frame[head - 3], frame[head - 2], frame[head - 1]]);
            let content: Vec<u8> =
                frame[head..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            raw.drain(..head + length);
            let last = first & 0x80 != 0;
            match first & 0x0f {
                BINARY if !self.fragmented => {
                    self.fragmented = !last;
                    payload.extend(content);
                }
                CONTINUATION if self.fragmented => {
                    self.fragmented = !last;
                    payload.extend(content);
                }
                PING if last && length < 126 => answers.extend(frame_of(PONG, &content)),
                PONG if last && length < 126 => {}
                CLOSE if last && length < 126 => {
                    if !self.closed {
                        self.closed = true;
                        answers.extend(frame_of(CLOSE, &content));
                    }
                }
                code => {
                    return Err(Malformed::packet(format!(
                        "a WebSocket frame with opcode {code}, final {last}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// A packet as a message, or in pieces of so many bytes with a ping between them.
    pub(crate) fn frame(packet: &[u8], piece: Option<usize>) -> Vec<u8> {
        let Some(piece) = piece.filter(|piece| packet.len() > *piece) else {
            return frame_of(BINARY, packet);
        };
        let (mut frames, count) = (Vec::new(), packet.len().div_ceil(piece));
        for (number, content) in packet.chunks(piece).enumerate() {
            let mut frame = frame_of(if number == 0 { BINARY } else { CONTINUATION }, content);
            if number + 1 < count {
                frame[0] &= 0x7f;
                frame.extend(frame_of(PING, b"?"));
            }
            frames.extend(frame);
        }
        frames
    }

    /// What is sent before the end.
    pub(crate) fn farewell(&self) -> Vec<u8> {
        if self.closed { Vec::new() } else { frame_of(CLOSE, &1000_u16.to_be_bytes()) }
    }
}

/// How long the next frame's header is, its mask included, and its payload; `None` if it is not there yet.
fn header(raw: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let (Some(first), Some(second)) = (raw.first(), raw.get(1)) else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Malformed::packet("a WebSocket frame with reserved bits"));
    }
    if second & 0x80 == 0 {
        return Err(Malformed::packet("a WebSocket frame without a mask"));
    }
    let (extended, short) = match second & 0x7f {
        126 => (2, None),
        127 => (8, None),
        length => (0, Some(u64::from(length))),
    };
    let Some(bytes) = raw.get(2..2 + extended) else { return Ok(None) };
    let length =
        short.unwrap_or_else(|| bytes.iter().fold(0, |length, byte| (length << 8) | u64::from(*byte)));
    if length > LARGEST {
        return Err(Malformed::packet(format!("a WebSocket frame of {length} bytes")));
    }
    let head = 2 + extended + 4;
    Ok((raw.len() >= head).then(|| (head, usize::try_from(length).unwrap_or(usize::MAX))))
}

fn frame_of(opcode: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(content.len()), u16::try_from(content.len())) {
        (Ok(length @ 0..126), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((content.len() as u64).to_be_bytes());
        }
    }
    frame.extend(content);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let mut frame = vec![first, 0x80 | length, 1, 2, 3, 4];
        frame.extend(content.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn messages_come_in_any_pieces() {
        let mut socket = WebSocket::default();
        let (mut payload, mut answers) = (Vec::new(), Vec::new());
        let mut stream =
            [masked(0x02, b"ab"), masked(0x89, b"?"), masked(0x80, b"cd"), masked(0x88, b"")].concat();
        let late = stream.split_off(9);
        socket.take_in(&mut stream, &mut payload, &mut answers).unwrap();
        assert_eq!((payload.as_slice(), stream.len()), (&b"ab"[..], 1));
        stream.extend(late);
        socket.take_in(&mut stream, &mut payload, &mut answers).unwrap();
        assert_eq!((payload.as_slice(), answers.as_slice()), (&b"abcd"[..], &b"\x8a\x01?\x88\x00"[..]));
        assert!(socket.farewell().is_empty());
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        for mut bytes in [
            vec![0x82, 0x01, 0x00],
            masked(0xc2, b"x"),
            masked(0x80, b"x"),
            masked(0x81, b"x"),
            masked(0x09, b""),
        ] {
            let refused = WebSocket::default().take_in(&mut bytes, &mut Vec::new(), &mut Vec::new());
            assert!(refused.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lengths_are_written_as_short_as_they_can_be() {
        assert_eq!(WebSocket::frame(b"abc", Some(2)), b"\x02\x02ab\x89\x01?\x80\x01c");
        for (length, head) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(WebSocket::frame(&vec![0; length], None).len(), length + head, "{length}");
        }
    }
}
