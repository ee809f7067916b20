//! What a step says must hold after it.

use std::collections::BTreeMap;

use refresh_session_core::BootTime;
use refresh_session_refresh::Outcome;

use crate::Checked;
use crate::story::{Bounds, Count, Expect};
use crate::world::{World, calendar};

/// Numbers are compared to the millisecond.
const NEAR: f64 = 0.001;

/// How much of a drawn value's room the seeds may leave unvisited at either end.
const UNVISITED: f64 = 0.15;

/// What was seen of drawn values, over all seeds.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    values: BTreeMap<(usize, &'static str), Drawn>,
}

#[derive(Clone, Copy, Debug)]
struct Drawn {
    room: Bounds,
    lowest: f64,
    highest: f64,
}

/// What an outcome is called in a story.
pub(crate) fn shown(outcome: &Outcome) -> &str {
    match outcome {
        Ok(held) => &held.identity.access_key_id,
        Err(error) => error.code().as_str(),
    }
}

impl Seen {
    /// Looks at the world after step `number`; before it there were `contacts`.
    pub(crate) fn check(
        &mut self,
        world: &mut World,
        number: usize,
        expect: &Expect,
        contacts: u64,
    ) -> Checked {
        contacted(world, expect, contacts)?;
        answered(world, expect)?;
        told(world, expect)?;
        if let Some(zone) = &expect.zone {
            same("zone", zone.as_str(), world.machine.zone(world.now).as_str())?;
        }
        let (status, timeout) = (world.machine.status(world.now), world.machine.poll_timeout());
        if expect.idle && timeout.is_some() {
            return Err(format!("there is a timeout in {:?} s", ahead(world, timeout)));
        }
        let left = status.held.as_ref().and_then(|held| held.left(world.now));
        let clock = world.machine.server_time(world.now);
        let clock = clock.map(|time| time.millis_since(calendar(world.now)));
        for (name, bounds, found) in [
            ("next", expect.next, ahead(world, timeout)),
            ("refresh", expect.refresh, ahead(world, status.refresh_at)),
            ("pause", expect.pause, world.pause.map(|(span, _)| span.as_secs_f64())),
            ("left", expect.left, left.map(|left| left.as_secs_f64())),
            ("server_clock", expect.server_clock, clock.map(|millis| whole(millis) / 1000.0)),
        ] {
            if let Some(bounds) = bounds {
                let found = found.ok_or_else(|| format!("{name}: there is none"))?;
                within(name, bounds, found)?;
                if expect.spread {
                    self.note((number, name), bounds, found);
                }
            }
        }
        passed_by(world, expect)
    }

    /// Whether what had to be drawn was drawn all over its room.
    pub(crate) fn spread(&self) -> Checked {
        for ((step, name), drawn) in &self.values {
            let Bounds(least, most) = drawn.room;
            let unvisited = (most - least) * UNVISITED;
            if drawn.lowest > least + unvisited || drawn.highest < most - unvisited {
                return Err(format!("step {}, {name}: the seeds do not fill {drawn:?}", step + 1));
            }
        }
        Ok(())
    }

    fn note(&mut self, place: (usize, &'static str), bounds: Bounds, found: f64) {
        let drawn = self.values.entry(place).or_insert(Drawn { room: bounds, lowest: found, highest: found });
        drawn.lowest = drawn.lowest.min(found);
        drawn.highest = drawn.highest.max(found);
    }
}

fn contacted(world: &World, expect: &Expect, before: u64) -> Checked {
    let wanted = expect.contacts.unwrap_or(Count::Is(before));
    number("contacts", Some(wanted), world.contacts)
}

fn answered(world: &mut World, expect: &Expect) -> Checked {
    let answers = std::mem::take(&mut world.answers);
    let found: BTreeMap<_, _> =
        answers.iter().map(|(caller, outcome)| (caller.clone(), shown(outcome).to_owned())).collect();
    if found == expect.answers { Ok(()) } else { Err(format!("answers {found:?}")) }
}

fn told(world: &mut World, expect: &Expect) -> Checked {
    let Some(wanted) = &expect.events else { return Ok(()) };
    let found = std::mem::take(&mut world.events);
    if found == *wanted { Ok(()) } else { Err(format!("told {found:?}")) }
}

fn passed_by(world: &mut World, expect: &Expect) -> Checked {
    let found = std::mem::take(&mut world.passers_by);
    number("served", expect.served, found.served)?;
    number("waited", expect.waited, found.waited)?;
    number("refused", expect.refused, found.refused)
}

fn ahead(world: &World, at: Option<BootTime>) -> Option<f64> {
    at.map(|at| at.since(world.now).as_secs_f64() - world.now.since(at).as_secs_f64())
}

fn same(name: &str, wanted: &str, found: &str) -> Checked {
    if wanted == found { Ok(()) } else { Err(format!("{name} is {found}, not {wanted}")) }
}

fn number(name: &str, wanted: Option<Count>, found: u64) -> Checked {
    match wanted {
        Some(wanted) if !wanted.holds(found) => Err(format!("{name}: {found}, not {wanted:?}")),
        _ => Ok(()),
    }
}

fn within(name: &str, Bounds(least, most): Bounds, found: f64) -> Checked {
    if (least - NEAR..=most + NEAR).contains(&found) {
        Ok(())
    } else {
        Err(format!("{name} is {found}, not {least} … {most}"))
    }
}

fn whole(millis: i64) -> f64 {
    i32::try_from(millis).map_or(f64::MAX, f64::from)
}
