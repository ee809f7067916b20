//! The machine against a server and a network that go wrong in every way we could think of.
//!
//! `SIMULATION_STEPS=10000000` makes it a long run, from seeds not used otherwise if `SIMULATION_FROM` is given;
//! `SIMULATION_SEED=7` lives through one world and prints it.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[path = "simulation/broker.rs"]
mod broker;
#[path = "simulation/checks.rs"]
mod checks;
#[path = "simulation/deeds.rs"]
mod deeds;
#[path = "simulation/sums.rs"]
mod sums;
mod support;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use sums::Sums;
use world::World;

/// Steps of one world before its recovery.
const STEPS: u64 = 300;

const USUAL_STEPS: u64 = 60_000;

#[test]
fn every_promise_is_kept_whatever_goes_wrong() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let mut world = World::new(seed, true);
        world.live(STEPS);
        return println!("{:?}", world.sums);
    }
    let worlds = number("SIMULATION_STEPS").unwrap_or(USUAL_STEPS) / STEPS;
    let from = number("SIMULATION_FROM").unwrap_or(1);
    let mut total = Sums::default();
    for seed in from..from + worlds {
        let lived = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, false);
            world.live(STEPS);
            world.sums
        });
        total += lived.unwrap_or_else(|_| panic!("broken with SIMULATION_SEED={seed}"));
    }
    println!("{worlds} worlds: {total:?}");
    assert!(
        total.acknowledged > worlds * 20
            && total.repeated > worlds
            && total.connections > worlds * 3
            && total.received > worlds * 10
            && total.sessions_lost > worlds / 2,
        "too little happened: {total:?}"
    );
}

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    std::env::var(name).ok()?.parse().ok()
}
