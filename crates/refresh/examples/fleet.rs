//! Prints how fleets of 100 000 machines come up, refresh and recover, as a table.
//!
//! `cargo run --release -p refresh-session-refresh --example fleet`

#[path = "../tests/fleet/mod.rs"]
mod fleet;

use fleet::{Plan, Recovery, Report};
use refresh_session_refresh::{Cause, Policy, Settings};

const WHAT: &str = "\
100 000 machines with the `gateway` policy, eager, boot within 30 s; each has a program that reads at boot, waits up to a
minute, and asks again 5 s after an error. Callers wait out the startup jitter. The source admits 600 requests a second,
rejects the others, and issues keys of 1 h. Peaks are of all requests in one second; the floor of a cycle is 32/s.";

fn main() {
    println!("{WHAT}\n\n{}", Report::HEAD);
    for plan in plans() {
        println!("{}", fleet::run(&plan).row(&plan));
    }
    println!("\n{}", Recovery::HEAD);
    for plan in [Plan::outage("`gateway`", Policy::GATEWAY), Plan::outage("`aws`", Policy::AWS)] {
        if let Some(back) = fleet::run(&plan).recovery {
            println!("{}", back.row(&plan));
        }
    }
}

fn plans() -> Vec<Plan> {
    let aws = |name, jitter| {
        let plan = Plan::new(name, jitter);
        Plan { settings: Settings { policy: Policy::AWS, ..plan.settings }, ..plan }
    };
    let again = Plan::new("startup jitter 200 s, another seed", 200);
    let unreachable = Plan::new("startup jitter 200 s, the rejected find nobody", 200);
    let tight = Plan::new("50/s, startup jitter 2400 s", 2400);
    let without = Plan::new("no startup jitter, the rejected find nobody", 0);
    vec![
        Plan::new("startup jitter 200 s", 200),
        Plan { seed: 2, ..again },
        Plan { rejects: Cause::Unreachable, ..unreachable },
        Plan::new("startup jitter 300 s", 300),
        Plan::new("no startup jitter", 0),
        Plan { rejects: Cause::Unreachable, ..without },
        Plan { rate: 50, ..tight },
        aws("`aws`, startup jitter 200 s", 200),
        aws("`aws`, no startup jitter", 0),
    ]
}
