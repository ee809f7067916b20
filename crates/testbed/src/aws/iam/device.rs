//! A virtual MFA device: codes of six digits by RFC 6238, SHA-1, a new one every 30 seconds.
//!
//! A code is good for its own step and the one before and after it, and once: whoever sends it again is refused, as by
//! AWS. [`Device::fresh_code`] therefore gives one that has not been used.

use std::collections::BTreeSet;

use ring::hmac;
use time::OffsetDateTime;

use crate::{encoding::base32, random};

const STEP_SECONDS: i64 = 30;
/// 160 bits, as the RFC recommends.
const SEED_BYTES: usize = 20;

/// A device. Deliberately without `Debug`.
#[derive(Clone)]
pub(crate) struct Device {
    serial: String,
    seed: Vec<u8>,
    /// The steps whose codes have been used.
    used: BTreeSet<i64>,
}

impl Device {
    /// A device with a new seed.
    pub(super) fn new(serial: String) -> Self {
        Self { serial, seed: random::bytes(SEED_BYTES), used: BTreeSet::new() }
    }

    /// What `SerialNumber` must be: an ARN.
    pub(crate) fn serial(&self) -> &str {
        &self.serial
    }

    /// The seed in base32, as a QR code would carry it.
    pub(crate) fn seed(&self) -> String {
        base32(&self.seed)
    }

    /// Whether the code is good now. It then is not a second time, if `once`.
    pub(crate) fn accepts(&mut self, code: &str, now: OffsetDateTime, once: bool) -> bool {
        let step = step(now);
        let good = (step - 1..=step + 1)
            .find(|step| self.code(*step) == code && !(once && self.used.contains(step)));
        self.used.extend(good);
        good.is_some()
    }

    /// A code that is good now: that of this step, the next or the last one, whichever has not been used.
    pub(crate) fn fresh_code(&self, now: OffsetDateTime) -> Option<String> {
        let step = step(now);
        [step, step + 1, step - 1]
            .into_iter()
            .find(|step| !self.used.contains(step))
            .map(|step| self.code(step))
    }

    /// The code so many steps from now.
    pub(crate) fn code_at(&self, now: OffsetDateTime, steps: i64) -> String {
        self.code(step(now).saturating_add(steps))
    }

    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.seed);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0x0f);
        let number =
            tag[offset..offset + 4].iter().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }
}

fn step(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(STEP_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn device() -> Device {
        Device { serial: String::new(), seed: b"12345678901234567890".to_vec(), used: BTreeSet::new() }
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(device().code_at(at(seconds), 0), code);
        }
    }

    #[test]
    fn a_code_is_good_for_three_steps_and_once() {
        let now = at(1_111_111_109);
        for (steps, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = device().code_at(now, steps);
            assert_eq!(device().accepts(&code, now, true), good, "{steps}");
        }
        let mut device = device();
        let code = device.code_at(now, 0);
        assert!(device.accepts(&code, now, true) && !device.accepts(&code, now, true));
        assert!(device.accepts(&code, now, false));
        let mut fresh = || {
            let code = device.fresh_code(now)?;
            device.accepts(&code, now, true).then_some(code)
        };
        assert!(fresh() != fresh() && fresh().is_none());
    }
}
