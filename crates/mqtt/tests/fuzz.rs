//! Bytes that went wrong, and calls in any order: no panic, no endless loop, no frame that disappears, no promise that is
//! settled twice or never.
//!
//! A fixed number of cases from fixed seeds. `FUZZ_SECONDS=600` goes on for so long for each target; `FUZZ_FROM=7` begins
//! with other seeds. A failure names its seed.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "fuzz/machine.rs"]
mod machine;

use std::time::{Duration, Instant};

use bytes::BytesMut;
use fastrand::Rng;
use refresh_session_mqtt::codec::{DecodeError, Version, decode};

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
    let (mut cases, mut packets, mut refusals, mut waits) = (0_u64, 0_u64, 0_u64, 0_u64);
    for seed in seeds(200_000) {
        let mut rng = Rng::with_seed(seed);
        cases += 1;
        let mut bytes = mutated(&mut rng);
        let version = if rng.bool() { Version::V5 } else { Version::V311 };
        loop {
            let before = bytes.len();
            match decode(&mut bytes, version, 200) {
                Ok(Some(_)) => {
                    packets += 1;
                    assert!(bytes.len() < before, "seed {seed}: a packet of no bytes");
                }
                Ok(None) => {
                    waits += 1;
                    assert_eq!(
                        bytes.len(),
                        before,
                        "seed {seed}: bytes were taken although there was no packet"
                    );
                    assert!(before < 200, "seed {seed}: a whole packet is waited for");
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
    println!("{cases} cases: {packets} packets, {refusals} refusals, {waits} cut");
    assert!(packets > cases / 4 && refusals > cases / 4 && waits > cases / 4);
}

#[test]
fn a_machine_takes_anything() {
    let mut total = machine::Seen::default();
    let mut cases = 0_u64;
    for seed in seeds(3_000) {
        cases += 1;
        let lived = std::panic::catch_unwind(|| machine::live(seed, mutated));
        total += lived.unwrap_or_else(|_| panic!("broken with seed {seed}"));
    }
    println!("{cases} cases: {total:?}");
    assert!(total.connected > cases / 4 && total.settled > cases && total.messages > cases / 50, "{total:?}");
}

/// So many, or as many as there is time for.
#[expect(clippy::disallowed_methods, reason = "a test's own switch and stop-watch")]
fn seeds(usually: u64) -> impl Iterator<Item = u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let begun = Instant::now();
    let limit = number("FUZZ_SECONDS").map(Duration::from_secs);
    let from = number("FUZZ_FROM").unwrap_or(1);
    (0_u64..)
        .take_while(move |count| match limit {
            None => *count < usually,
            Some(limit) => *count % 64 != 0 || begun.elapsed() < limit,
        })
        .map(move |count| from + count)
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
