//! A machine in a world that goes wrong, in virtual time, from a seed.
//!
//! | Module | Holds |
//! |---|---|
//! | `invariant` | what must hold, numbered |
//! | `model` | the second opinion: what the machine must do |
//! | `bounds` | the numbers of the policies, written down a second time |
//! | `world` | the driver, as the machine's description asks for it, and its queue of replies |
//! | `deeds` | what happens, drawn step by step |
//! | `recovery` | that the machine comes back when the source does |
//! | `looking` | that a view is true |
//! | `source`, `clocks`, `setup` | the surroundings |

mod bounds;
mod clocks;
mod deeds;
mod invariant;
mod looking;
mod model;
mod recovery;
mod setup;
mod source;
mod world;

use std::fmt;
use std::panic::catch_unwind;

pub(crate) use world::Sums;
use world::World;

/// One world lives so many steps.
pub(crate) const STEPS: u32 = 500;

/// How much of what happened is shown with a failure.
const TAIL: usize = 40;

/// A promise was broken: enough to see it again.
#[derive(Debug)]
pub(crate) struct Broken {
    seed: u64,
    step: u32,
    what: String,
    tail: Vec<String>,
}

/// Lives through the world of this seed.
pub(crate) fn run(seed: u64) -> Result<Sums, Broken> {
    // Lived through again to tell the story: nobody writes one that goes well.
    let panicked = |_| Broken { seed, step: 0, what: "a panic: see above".into(), tail: Vec::new() };
    catch_unwind(|| live(World::new(seed, false)))
        .map_err(panicked)?
        .or_else(|_| live(World::new(seed, true)))
}

fn live(mut world: World) -> Result<Sums, Broken> {
    for step in 0..STEPS {
        if let Err(violation) = world.step() {
            let tail = world.trace().iter().rev().take(TAIL).rev().cloned().collect();
            return Err(Broken { seed: world.seed, step, what: violation.to_string(), tail });
        }
    }
    Ok(world.sums())
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.tail {
            writeln!(f, "  {line}")?;
        }
        let Self { seed, step, what, .. } = self;
        write!(f, "seed {seed}, step {step}: {what}\nagain: SIMULATION_SEED={seed}")
    }
}
