//! That a view is true: while it lasts, a read gives its keys and has no other effect.

use std::time::Duration;

use refresh_session_core::BootTime;
use refresh_session_refresh::{Demand, Machine, Read};

use super::invariant::{Check, Invariant};
use super::world::World;

impl World {
    /// Reads on a copy at a time drawn within the view, and at its last moment.
    pub(super) fn look(&mut self) -> Check {
        let now = self.clocks.now;
        let Some(view) = self.machine.view(now) else { return Ok(()) };
        Invariant::ViewIsTrue.holds(view.until > now, || "over before it begins".into())?;
        let last = view.until.before(Duration::from_nanos(1));
        let drawn = now.after(last.since(now).mul_f64(self.rng.f64())).min(last);
        self.read_copy(drawn, view.held.generation)?;
        self.read_copy(last, view.held.generation)
    }

    fn read_copy(&self, at: BootTime, generation: u32) -> Check {
        let mut copy = self.machine.clone();
        let timeout = copy.poll_timeout();
        let read = copy.handle_read(at, Demand::Valid, at.after(Duration::from_secs(10)));
        let them = matches!(&read, Read::Keys(held) if held.generation == generation);
        let quiet = copy.poll_action().is_none() && copy.poll_timeout() == timeout;
        Invariant::ViewIsTrue.holds(them && quiet, || format!("at {at:?}: {read:?}, quiet {quiet}"))
    }

    /// The machine's own words hold no secret.
    pub(super) fn listen(&self) -> Check {
        let machine: &Machine = &self.machine;
        let status = machine.status(self.clocks.now);
        let told = format!("{machine:?} {status:?}");
        Invariant::NothingTold.holds(!told.contains("hidden"), || told.clone())
    }
}
