//! Bytes that went wrong, from fixed seeds: no panic, no endless loop, no frame that disappears.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

use bytes::BytesMut;
use fastrand::Rng;
use refresh_session_mqtt::codec::{DecodeError, Version, decode};

const CASES: u32 = 200_000;

/// One of each packet, valid in both versions where that is possible.
const GENUINE: [&[u8]; 12] = [
    &[0x20, 2, 1, 0],
    &[0x20, 13, 0, 0, 10, 33, 0, 5, 39, 0, 1, 0, 0, 36, 1],
    &[0x20, 13, 0, 0x87, 10, 31, 0, 2, b'n', b'o', 38, 0, 0, 0, 0],
    &[0x30, 4, 0, 1, b'a', 0],
    &[0x32, 18, 0, 1, b'a', 0, 9, 12, 11, 1, 38, 0, 1, b'k', 0, 1, b'v', 35, 0, 3],
    &[0x3b, 10, 0, 3, b'a', b'/', b'b', 0, 9, 0, b'x', b'y'],
    &[0x40, 2, 0, 1],
    &[0x40, 8, 0, 1, 0x97, 4, 31, 0, 1, b'q'],
    &[0x90, 6, 0, 1, 0, 1, 0x87, 0x80],
    &[0xb0, 4, 0, 1, 0, 17],
    &[0xe0, 7, 0x8e, 5, 31, 0, 2, b'o', b'u'],
    &[0xd0, 0],
];

#[test]
fn a_decoder_takes_anything() {
    let mut rng = Rng::with_seed(1);
    let (mut packets, mut refusals, mut waits) = (0_u32, 0_u32, 0_u32);
    for case in 0..CASES {
        let mut bytes = mutated(&mut rng);
        let version = if case % 2 == 0 { Version::V5 } else { Version::V311 };
        loop {
            let before = bytes.len();
            match decode(&mut bytes, version, 200) {
                Ok(Some(_)) => {
                    packets += 1;
                    assert!(bytes.len() < before, "a packet of no bytes");
                }
                Ok(None) => {
                    waits += 1;
                    assert_eq!(bytes.len(), before, "bytes were taken although there was no packet");
                    assert!(before < 200, "a whole packet is waited for");
                    break;
                }
                Err(error) => {
                    refusals += 1;
                    assert!(error.reason().is_failure());
                    if let DecodeError::TooLarge { size, .. } = error {
                        assert!(size > 200);
                    }
                    break;
                }
            }
        }
    }
    println!("{CASES} cases: {packets} packets, {refusals} refusals, {waits} cut");
    assert!(packets > CASES / 4 && refusals > CASES / 4 && waits > CASES / 4);
}

/// Some genuine packets with some bytes changed, put in, or left out.
fn mutated(rng: &mut Rng) -> BytesMut {
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(1..4) {
        bytes.extend_from_slice(GENUINE[rng.usize(..GENUINE.len())]);
    }
    for _ in 0..rng.usize(0..4) {
        let at = rng.usize(..bytes.len());
        match rng.u8(0..4) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] ^= 1 << rng.u8(0..8),
            2 => bytes.insert(at, rng.u8(..)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    BytesMut::from(&bytes[..])
}
