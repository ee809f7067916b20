//! The machine in many worlds that go wrong.
//!
//! `SIMULATION_STEPS=10000000` makes it a long run, from seeds not used otherwise if `SIMULATION_FROM` is given;
//! `SIMULATION_SEED=7` lives through one world.

#![allow(missing_docs, reason = "a test")]

#[path = "simulation/mod.rs"]
mod simulation;

use std::thread;

use simulation::{STEPS, Sums};

/// Enough to catch every mutant of `scripts/mutants.mjs` and little enough for every run.
const USUAL_STEPS: u64 = 150_000;

const THREADS: u64 = 2;

#[test]
fn every_promise_is_kept_whatever_goes_wrong() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let sums = simulation::run(seed).unwrap_or_else(|broken| panic!("\n{broken}"));
        return println!("{sums:?}");
    }
    let worlds = number("SIMULATION_STEPS").unwrap_or(USUAL_STEPS) / u64::from(STEPS);
    let from = number("SIMULATION_FROM").unwrap_or(1);
    let some = |first: u64| {
        let mut sums = Sums::default();
        for seed in (first..worlds).step_by(usize::try_from(THREADS).unwrap()) {
            sums += simulation::run(from + seed).map_err(|broken| broken.to_string())?;
        }
        Ok::<_, String>(sums)
    };
    let all = thread::scope(|scope| {
        let running: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || some(first))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut total = Sums::default();
    for sums in all {
        total += sums.unwrap_or_else(|broken| panic!("\n{broken}"));
    }
    println!("{total:?}");
    assert!(
        total.recoveries > worlds / 2 && total.successes > total.steps / 10,
        "too little happened: {total:?}"
    );
}

fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    std::env::var(name).ok()?.parse().ok()
}
