//! The bars a fleet has to clear. `cargo run --release -p refresh-session-refresh --example fleet` prints the table.

#![allow(missing_docs, reason = "a test")]

#[path = "fleet/mod.rs"]
mod fleet;

use std::time::Duration;

use fleet::{Plan, Recovery, Report};
use refresh_session_refresh::Policy;

#[test]
fn a_fleet_that_powers_up_together_neither_overloads_its_source_nor_stays_in_step() {
    let plan = Plan::new("test", 200);
    let report = fleet::run(&plan);
    println!("{}\n{}", Report::HEAD, report.row(&plan));
    assert!(report.per_success <= 1.05, "{report:?}");
    assert!(report.startup_peak <= plan.rate * 11 / 10, "{report:?}");
    assert!(report.cycle_peaks.len() == 6 && report.cycle_peaks[5] <= 100, "{report:?}");
}

/// A fiftieth of the fleet before a fiftieth of the source.
#[test]
fn after_an_hour_without_the_source_everybody_is_back_soon() {
    let plan = Plan::outage("test", Policy::GATEWAY);
    let plan = Plan { size: 2000, rate: 12, ..plan };
    let back = fleet::run(&plan).recovery.unwrap();
    println!("{}\n{}", Recovery::HEAD, back.row(&plan));
    assert!(back.without > 1900 && back.per_success <= 4.0, "{back:?}");
    assert!(back.keys.1 <= Duration::from_mins(4), "{back:?}");
}
