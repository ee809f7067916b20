//! What happens, drawn step by step.

use std::time::Duration;

use refresh_session_core::{BootTime, Timestamp};
use refresh_session_refresh::{Demand, Machine};

use super::invariant::{Check, Invariant};
use super::model::Call;
use super::setup;
use super::source::Mood;
use super::world::World;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;

impl World {
    /// One step.
    pub(crate) fn step(&mut self) -> Check {
        self.sums.steps += 1;
        match self.rng.u32(0..1000) {
            0..400 => self.ask_for_keys(),
            400..700 => self.pass_time(),
            700..780 => {
                self.change_mood();
                Ok(())
            }
            780..820 => self.cancel(),
            820..880 => self.invalidate_held(),
            880..910 => self.invalidate_other(),
            910..940 => self.step_wall(),
            940..955 => self.suspend(),
            955..985 => self.network_up(),
            985..988 => self.close(),
            988..990 => self.listen(),
            _ => self.recover(),
        }
    }

    fn ask_for_keys(&mut self) -> Check {
        let demand = match self.rng.u8(0..16) {
            0 => Demand::Forced,
            1..4 => Demand::Fresh,
            _ => Demand::Valid,
        };
        let millis = match self.rng.u8(0..8) {
            0 => 0,
            1 => self.rng.u64(0..500),
            2 => 300_000,
            _ => self.rng.u64(1000..30_000),
        };
        self.read(demand, Duration::from_millis(millis))
    }

    fn pass_time(&mut self) -> Check {
        let end = self.some_time_ahead();
        self.note(|| format!("until {end:?}"));
        self.pass_until(end)?;
        self.settled()
    }

    /// Often right at an instant where something changes, or a millisecond beside it.
    fn some_time_ahead(&mut self) -> BootTime {
        let now = self.clocks.now;
        let longest = (self.source.lives.0 * 20).min(self.source.lives.1 * 2);
        let corners = self.model.corners(now, now.after(longest));
        if !corners.is_empty() && self.rng.bool() {
            let corner = corners[self.rng.usize(0..corners.len())];
            let beside = Duration::from_millis(self.rng.u64(0..=2));
            return corner.after(beside).before(Duration::from_millis(1)).max(now);
        }
        let shrunk = longest.as_secs_f64() * 0.5_f64.powf(self.rng.f64() * 14.0);
        now.after(Duration::from_secs_f64(shrunk))
    }

    fn change_mood(&mut self) {
        let now = self.clocks.now;
        if now < self.mood_until {
            return;
        }
        self.source.mood = match self.rng.u8(0..40) {
            0 => Mood::Unavailable,
            1 => Mood::Throttled(None),
            2 => Mood::Throttled(Some(self.rng.u32(0..1200) * SECOND)),
            3 | 4 => Mood::Unreachable,
            5 => {
                self.mood_until = now.after(SECOND * 3600);
                Mood::TokenAway
            }
            6 => Mood::Denied,
            7 => Mood::Nonsense,
            8 | 9 => Mood::Hung,
            10 => Mood::AtTheDeadline,
            11 => Mood::Twice,
            12 => Mood::Expired,
            13 => Mood::Older,
            14 => Mood::Same,
            _ => Mood::Well,
        };
        let mood = self.source.mood;
        self.note(|| format!("the source is {mood:?}"));
    }

    fn cancel(&mut self) -> Check {
        let Some(ticket) = self.model.waiters.keys().next().copied() else { return Ok(()) };
        self.note(|| format!("{ticket:?} gives up"));
        self.model.waiters.remove(&ticket);
        self.tell(Call::Other, |machine, _| machine.handle_cancel(ticket))?;
        self.settled()
    }

    fn invalidate_held(&mut self) -> Check {
        let Some(id) = self.model.keys.as_ref().map(|keys| keys.access_key_id.clone()) else { return Ok(()) };
        self.invalidate(&id)
    }

    fn invalidate_other(&mut self) -> Check {
        let known = self.source.issued.len().max(1);
        let id = format!("ASIA{:08}", self.rng.usize(0..=known));
        self.invalidate(&id)
    }

    fn invalidate(&mut self, id: &str) -> Check {
        self.note(|| format!("{id} is refused by a service"));
        let said = self.tell(Call::Other, |machine, _| machine.handle_invalidate(id))?;
        self.model.invalidate(id, said)?;
        self.settled()
    }

    fn step_wall(&mut self) -> Check {
        let before = self.machine.zone(self.clocks.now);
        match self.rng.u8(0..5) {
            0 => self.clocks.step_wall(HOUR),
            1 => self.clocks.step_wall(-HOUR),
            2 => self.clocks.step_wall(50 * YEAR),
            3 => self.clocks.set_wall(Timestamp::from_unix_millis(self.rng.i64(0..HOUR))),
            _ => self.clocks.correct_wall(),
        }
        let wall = self.clocks.wall();
        self.note(|| format!("the wall clock shows {wall}"));
        let after = self.machine.zone(self.clocks.now);
        Invariant::WallIsNoClock.holds(before == after, || format!("{before} became {after}"))?;
        self.settled()
    }

    fn suspend(&mut self) -> Check {
        let minutes = 10_f64 * 432_f64.powf(self.rng.f64());
        self.sleep(Duration::from_secs_f64(minutes * 60.0));
        self.note(|| "resumes".into());
        // The clock's own notice and what is overdue come in any order.
        let noticed_first = self.rng.bool();
        if noticed_first {
            self.resume()?;
        }
        self.pass_until(self.clocks.now)?;
        if noticed_first { Ok(()) } else { self.resume() }
    }

    fn resume(&mut self) -> Check {
        self.tell(Call::Other, Machine::handle_resume)?;
        self.model.resume(self.clocks.now);
        self.settled()
    }

    fn network_up(&mut self) -> Check {
        self.note(|| "the network is up".into());
        self.tell(Call::Other, Machine::handle_change)?;
        self.model.change(self.clocks.now);
        self.settled()
    }

    /// Close; what still happens then; and a restart.
    fn close(&mut self) -> Check {
        self.note(|| "close".into());
        self.model.close();
        self.tell(Call::Close, |machine, _| machine.handle_close())?;
        self.settled()?;
        for _ in 0..5 {
            self.ask_for_keys()?;
            self.network_up()?;
            self.suspend()?;
            self.invalidate_other()?;
        }
        let settings = if self.rng.bool() { self.model.settings } else { setup::settings(&mut self.rng) };
        self.restart(&settings);
        self.settled()
    }
}
