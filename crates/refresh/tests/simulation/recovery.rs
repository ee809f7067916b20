//! That the machine comes back when the source does.

use std::time::Duration;

use refresh_session_core::BootTime;
use refresh_session_refresh::{Demand, Mode, Zone};

use super::bounds::LONGEST_PAUSE;
use super::invariant::{Check, Invariant};
use super::world::World;

/// The timer may come late, and a reply takes a while.
const SLACK: Duration = Duration::from_secs(10);

impl World {
    /// The source recovers; from then on somebody asks now and then, or in eager mode perhaps nobody.
    pub(super) fn recover(&mut self) -> Check {
        let begun = self.clocks.now;
        if self.model.closed || self.model.zone(begun) == Zone::Fresh {
            return Ok(());
        }
        self.clocks.correct_wall();
        let limit = self.model.settings.fetch_limit;
        // One that hangs has to be given up first, and that may earn a pause.
        let after_flight = self.model.flight_until().map(|end| end.max(begun).after(LONGEST_PAUSE));
        let free = after_flight.unwrap_or(begun).max(self.model.reads_free());
        let timer_only = self.model.settings.mode == Mode::Eager && self.rng.bool();
        let free = if timer_only { free.max(self.model.timer_latest()) } else { free };
        let step = Duration::from_secs(self.rng.u64(2..60));
        let by = free.after(limit + step + SLACK);
        self.heal(by);
        self.sums.recoveries += 1;
        self.note(|| format!("the source is well; a success by {by:?}, timer only: {timer_only}"));
        let successes = self.model.successes;
        while self.model.successes == successes {
            let now = self.clocks.now;
            Invariant::Recovers.holds(now <= by, || format!("no success since {begun:?}"))?;
            if !timer_only {
                let demand = if self.rng.u8(0..4) == 0 { Demand::Fresh } else { Demand::Valid };
                self.read(demand, self.patience())?;
            }
            self.pass_until(now.after(step))?;
        }
        self.mood_until = BootTime::default();
        Ok(())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(1 + self.seed % 60)
    }
}
