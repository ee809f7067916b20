//! Which codes went out. Pure: knows no clock and no lock.

use std::collections::HashMap;
use std::time::Duration;

use refresh_session_core::crypto::keyed_hash::KeyedHash;
use refresh_session_core::{BootTime, Result};

use crate::{STEP, TokenCode};

/// AWS takes a code of the step before and after too, for devices whose clock is off.
const REMEMBERED: Duration = Duration::from_secs(STEP.as_secs() * 4);

/// The codes that were sent for each device, as keyed hashes.
///
/// One for the whole process: sessions that share a device share its codes. The last code of a device is remembered
/// for good, so that one that was written into the options is never sent again; those before it, while AWS might
/// still take them.
#[derive(Debug, Default)]
pub struct SentCodes {
    by_serial: HashMap<String, Vec<Sent>>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    code: KeyedHash,
    at: BootTime,
}

impl SentCodes {
    /// Whether `code` may go out for the device `serial`; if so it counts as sent, whatever comes of it.
    ///
    /// # Errors
    /// Only if the system has no random numbers.
    pub fn claim(&mut self, serial: &str, code: &TokenCode, now: BootTime) -> Result<bool> {
        let code = KeyedHash::of("MFA code", code.secret())?;
        let sent = self.by_serial.entry(serial.to_owned()).or_default();
        if sent.iter().any(|sent| sent.code == code) {
            return Ok(false);
        }
        sent.retain(|sent| now.since(sent.at) < REMEMBERED);
        sent.push(Sent { code, at: now });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(codes: &mut SentCodes, serial: &str, code: &str, second: u64) -> bool {
        let code = TokenCode::parse(&code.into()).unwrap();
        codes.claim(serial, &code, BootTime::from_duration(Duration::from_secs(second))).unwrap()
    }

    #[test]
    fn a_code_goes_out_once_for_each_device() {
        let mut codes = SentCodes::default();
        assert!(claim(&mut codes, "a", "111111", 0));
        assert!(!claim(&mut codes, "a", "111111", 1));
        assert!(claim(&mut codes, "b", "111111", 1), "another device may show the same digits");
        assert!(claim(&mut codes, "a", "222222", 30));
        assert!(!claim(&mut codes, "a", "111111", 60), "an earlier one within the drift AWS allows");
    }

    #[test]
    fn the_last_code_is_never_forgotten_and_older_ones_are() {
        let mut codes = SentCodes::default();
        assert!(claim(&mut codes, "a", "111111", 0));
        assert!(
            !claim(&mut codes, "a", "111111", 1_000_000),
            "a code in the options stays the same for ever"
        );
        assert!(claim(&mut codes, "a", "222222", 1_000_001));
        assert!(
            claim(&mut codes, "a", "111111", 1_000_002),
            "by chance the device shows it again, days later"
        );
    }

    #[test]
    fn memory_does_not_grow() {
        let mut codes = SentCodes::default();
        for step in 0..1000 {
            assert!(claim(&mut codes, "a", &format!("{:06}", step * 997), step * 30));
        }
        assert!(codes.by_serial["a"].len() <= 5);
    }
}
