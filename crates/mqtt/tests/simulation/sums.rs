//! What happened in worlds.

use std::ops::AddAssign;

/// What happened in one, or in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub steps: u64,
    pub timeouts: u64,
    pub operations: u64,
    pub acknowledged: u64,
    pub repeated: u64,
    pub failed: u64,
    pub connections: u64,
    pub received: u64,
    pub sessions_lost: u64,
    pub hours: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.timeouts += other.timeouts;
        self.operations += other.operations;
        self.acknowledged += other.acknowledged;
        self.repeated += other.repeated;
        self.failed += other.failed;
        self.connections += other.connections;
        self.received += other.received;
        self.sessions_lost += other.sessions_lost;
        self.hours += other.hours;
    }
}
