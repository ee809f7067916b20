//! A story, step by step, over many seeds.

use std::time::Duration;

use refresh_session_core::BootTime;
use refresh_session_refresh::{Demand, Mode, Policy, Settings};

use crate::Checked;
use crate::expect::{Seen, shown};
use crate::story::{Asked, Changes, Deed, Go, Keys, Reply, Story, Want};
use crate::world::{World, seconds};

/// Tells the story under the policy, with each of its seeds.
pub(crate) fn story(story: &Story, policy: &str) -> Checked {
    let policy = Policy::named(policy).ok_or_else(|| format!("no policy is called {policy}"))?;
    let settings = settings(&story.settings, policy)?;
    let mut seen = Seen::default();
    for seed in 0..story.seeds {
        let mut world = World::new(&settings, seed);
        if let Some(keys) = &story.holding {
            hold(&mut world, keys)?;
        }
        for (number, step) in story.steps.iter().enumerate() {
            let place = |error: String| {
                let deed = serde_json::to_string(&step.deed).unwrap_or_default();
                format!("seed {seed}, step {}, {deed}: {error}", number + 1)
            };
            let contacts = world.contacts;
            act(&mut world, &step.deed).map_err(place)?;
            seen.check(&mut world, number, &step.expect, contacts).map_err(place)?;
        }
    }
    seen.spread()
}

fn settings(changes: &Changes, policy: Policy) -> Checked<Settings> {
    let limit = Duration::from_secs(changes.limit.unwrap_or(10));
    let settings = Settings {
        mode: match (changes.eager, changes.at_start) {
            (true, _) => Mode::Eager,
            (_, true) => Mode::AtStart,
            _ => Mode::Deferred,
        },
        advisory: changes.advisory.map(Duration::from_secs),
        mandatory: changes.mandatory.map(Duration::from_secs),
        startup_jitter: Duration::from_secs(changes.startup_jitter),
        startup_holds_callers: changes.startup_holds_callers,
        extends: changes.extends,
        ..Settings::new(policy, limit)
    };
    settings.checked().map_err(|error| error.to_string())
}

/// A story that begins with keys leaves out how they came: by a fetch, at once.
fn hold(world: &mut World, keys: &Keys) -> Checked {
    world.read(Demand::Forced, "before the story", Duration::from_secs(1))?;
    world.reply(&Reply::Keys(keys.clone()))?;
    world.contacts = 0;
    world.answers.clear();
    world.events.clear();
    Ok(())
}

fn act(world: &mut World, deed: &Deed) -> Checked {
    match deed {
        Deed::Go(Go::By(span)) => world.go(moved(world.now, *span), None),
        Deed::Go(Go::To(to)) => {
            let start = to.mark.map_or(Ok(world.now), |mark| world.at(mark))?;
            world.go(moved(start, to.plus), to.reading_every.map(Duration::from_secs_f64))
        }
        Deed::Read(asked) => read(world, asked),
        Deed::Reply(reply) => world.reply(reply),
        Deed::Late(reply) => world.late(reply),
        Deed::Source(source) => {
            world.source.clone_from(source);
            Ok(())
        }
        Deed::Invalidate { key, ours } => match world.invalidate(key)? {
            said if said == *ours => Ok(()),
            said => Err(format!("the machine says {said}")),
        },
        Deed::Cancel(caller) => world.cancel(caller),
        Deed::Change => {
            world.machine.handle_change(world.now);
            world.settle()
        }
        Deed::Suspend(span) => world.suspend(Duration::from_secs_f64(*span)),
        Deed::Oversleep(span) => {
            world.now = moved(world.now, *span);
            Ok(())
        }
        Deed::Wall(wrong_by) => {
            world.wall = seconds(*wrong_by);
            Ok(())
        }
        Deed::Close => world.close(),
    }
}

fn read(world: &mut World, asked: &Asked) -> Checked {
    let demand = match asked.want {
        Want::Valid => Demand::Valid,
        Want::Fresh => Demand::Fresh,
        Want::Forced => Demand::Forced,
    };
    let outcome = world.read(demand, &asked.by, Duration::from_secs_f64(asked.within))?;
    let found = outcome.as_ref().map_or("wait", shown);
    if found == asked.gets { Ok(()) } else { Err(format!("gets {found}")) }
}

fn moved(from: BootTime, by: f64) -> BootTime {
    let span = Duration::from_secs_f64(by.abs());
    if by < 0.0 { from.before(span) } else { from.after(span) }
}
