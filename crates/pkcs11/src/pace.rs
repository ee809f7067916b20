//! How often a module may be finalised and initialised anew.
//!
//! It ends every session of every token in the module, so a device that stays broken must not have the others log in
//! again and again. The gap is drawn from a range: gateways that lost a shared HSM together come back spread.
//! C_Initialize alone, when the module is not initialised, is not held back: nobody loses anything by it. And when the
//! last time gave nobody a session, there is little to lose: p11-kit's client, while its server is away, says that it is
//! initialised and lists no token until the next time.

use std::time::Duration;

use refresh_session_core::BootTime;

const SHORTEST_GAP: Duration = Duration::from_secs(30);
/// Up to this much is added.
const SPREAD_MILLIS: u64 = 15_000;

/// So many times earlier when nobody has a session to lose.
const EARLIER: u32 = 15;

#[derive(Debug)]
pub(crate) struct Pace {
    /// When it was done, and how long it must not be again.
    last: Option<(BootTime, Duration)>,
    random: u64,
}

impl Pace {
    /// `seed`: random, of this process.
    pub(crate) fn new(seed: u64) -> Self {
        Self { last: None, random: seed }
    }

    /// `costs_sessions`: whether anybody has opened one since.
    pub(crate) fn allows(&self, now: BootTime, costs_sessions: bool) -> bool {
        self.last
            .is_none_or(|(last, gap)| now >= last.after(if costs_sessions { gap } else { gap / EARLIER }))
    }

    /// It was done now, whatever came of it.
    pub(crate) fn done(&mut self, now: BootTime) {
        // splitmix64: the numbers need to differ between devices, not to surprise anybody.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let spread = Duration::from_millis((mixed ^ (mixed >> 31)) % SPREAD_MILLIS);
        self.last = Some((now, SHORTEST_GAP + spread));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_at_once_and_the_gaps_are_spread() {
        let now = BootTime::from_duration(Duration::from_secs(7));
        let mut gaps = Vec::new();
        for seed in 0..1000 {
            let mut pace = Pace::new(seed);
            assert!(pace.allows(now, true));
            pace.done(now);
            let (_, gap) = pace.last.unwrap();
            assert!(pace.allows(now.after(gap), true) && !pace.allows(now.after(gap / 2), true));
            assert!(pace.allows(now.after(gap / 15), false) && !pace.allows(now.after(gap / 16), false));
            gaps.push(gap.as_millis());
        }
        assert!(gaps.iter().all(|gap| (30_000..45_000).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < 32_000) && gaps.iter().any(|gap| *gap > 43_000));
    }
}
