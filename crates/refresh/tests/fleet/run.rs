//! The run: one queue of events for all machines.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;
use refresh_session_core::{BootTime, Code, Error, Identity, Issued, Timestamp};
use refresh_session_refresh::{Action, Cause, Demand, Failure, FetchId, Machine, Read};

use super::plan::{BOOTS, LIFE, Plan};
use super::report::{CYCLE, Marks, Recovery, Report, between};
use super::source::{Source, Verdict};

/// From request to reply.
const LATENCY: Duration = Duration::from_millis(100);

/// A program that got an error at boot asks again after this time.
const ASKS_AGAIN: Duration = Duration::from_secs(5);

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Happens {
    Read,
    Timeout,
    Reply { number: u32, admitted: bool, reached: bool },
}

#[derive(Debug)]
struct Member {
    machine: Machine,
    booted: Duration,
    /// The attempt under way.
    fetch: Option<FetchId>,
    attempts: u32,
    /// The timeout that is in the queue.
    armed: Option<BootTime>,
    first_keys: Option<Duration>,
    /// Keys it got after an outage, once that was over.
    back: Option<Duration>,
    waits: bool,
}

struct Fleet<'a> {
    plan: &'a Plan,
    members: Vec<Member>,
    queue: BinaryHeap<Reverse<(Duration, u32, Happens)>>,
    source: Source,
}

/// Runs a plan to its end.
pub(crate) fn run(plan: &Plan) -> Report {
    let mut rng = Rng::with_seed(plan.seed);
    let mut fleet = Fleet {
        plan,
        members: Vec::new(),
        queue: BinaryHeap::new(),
        source: Source::new(plan.rate, plan.outage.clone(), plan.until),
    };
    for index in 0..plan.size {
        let booted = BOOTS.mul_f64(rng.f64());
        fleet.members.push(Member {
            machine: Machine::new(plan.settings, rng.u64(..), at(booted)),
            booted,
            fetch: None,
            attempts: 0,
            armed: None,
            first_keys: None,
            back: None,
            waits: false,
        });
        fleet.queue.push(Reverse((booted, index, Happens::Read)));
    }
    let mut without = 0;
    let mut outage_ahead = plan.outage.as_ref().map(|outage| outage.end);
    while let Some(Reverse((now, index, happens))) = fleet.queue.pop() {
        if now > plan.until {
            break;
        }
        if outage_ahead.is_some_and(|end| now >= end) {
            outage_ahead = None;
            without = fleet.members.iter().filter(|member| !member.has_keys(now)).count();
        }
        fleet.happens(now, index, happens);
    }
    fleet.report(without)
}

impl Fleet<'_> {
    fn happens(&mut self, now: Duration, index: u32, happens: Happens) {
        let Some(member) = self.members.get_mut(index as usize) else { return };
        match happens {
            Happens::Read => {
                member.waits = true;
                match member.machine.handle_read(at(now), Demand::Valid, at(now + PATIENCE)) {
                    Read::Keys(_) => member.waits = false,
                    Read::Refused(_) => self.queue.push(Reverse((now + ASKS_AGAIN, index, Happens::Read))),
                    Read::Wait(_) => {}
                }
            }
            Happens::Timeout if member.armed == Some(at(now)) => {
                member.armed = None;
                member.machine.handle_timeout(at(now));
            }
            Happens::Timeout => return,
            Happens::Reply { number, admitted, reached } => {
                if member.attempts != number {
                    return;
                }
                let Some(id) = member.fetch.take() else { return };
                if admitted {
                    member.machine.handle_fetched(at(now), id, issued(now), calendar(now));
                } else {
                    member.machine.handle_failed(at(now), id, rejected(self.plan.rejects, reached));
                }
            }
        }
        self.carry_out(now, index);
    }

    fn carry_out(&mut self, now: Duration, index: u32) {
        let Some(member) = self.members.get_mut(index as usize) else { return };
        while let Some(action) = member.machine.poll_action() {
            match action {
                Action::Fetch { id } => {
                    member.fetch = Some(id);
                    member.attempts += 1;
                    let verdict = self.source.ask(now + LATENCY / 2);
                    let reply = Happens::Reply {
                        number: member.attempts,
                        admitted: verdict == Verdict::Admitted,
                        reached: verdict != Verdict::Away,
                    };
                    self.queue.push(Reverse((now + LATENCY, index, reply)));
                }
                Action::Answer { outcome, .. } if outcome.is_err() => {
                    self.queue.push(Reverse((now + ASKS_AGAIN, index, Happens::Read)));
                }
                Action::Answer { .. } => member.waits = false,
                Action::Tell(refresh_session_refresh::Event::Refreshed { .. }) => {
                    member.first_keys.get_or_insert(now);
                    if self.plan.outage.as_ref().is_some_and(|outage| now >= outage.end) {
                        member.back.get_or_insert(now);
                    }
                }
                Action::Abandon { .. } | Action::Tell(_) => {}
            }
        }
        let next = member.machine.poll_timeout();
        if next != member.armed {
            member.armed = next;
            if let Some(next) = next {
                let then = next.since(BootTime::default());
                self.queue.push(Reverse((then, index, Happens::Timeout)));
            }
        }
    }

    fn report(self, without: usize) -> Report {
        let asked = &self.source.asked;
        let complete = self.members.iter().map(|member| member.first_keys.unwrap_or(self.plan.until)).max();
        let complete = complete.unwrap_or_default() + Duration::from_secs(1);
        let (requests, startup_peak) = between(asked, Duration::ZERO, complete);
        let wait =
            |member: &Member| member.first_keys.unwrap_or(self.plan.until).saturating_sub(member.booted);
        let mut waits = Marks(self.members.iter().map(wait).collect());
        let middle = complete / 2;
        let cycle_peaks = (1..=6)
            .map(|cycle| middle + CYCLE * cycle)
            .take_while(|cycle| self.plan.outage.is_none() && *cycle + CYCLE / 2 <= self.plan.until)
            .map(|cycle| between(asked, cycle.saturating_sub(CYCLE / 2), cycle + CYCLE / 2).1)
            .collect();
        Report {
            per_success: ratio(requests, self.members.len()),
            startup_peak,
            first_keys: (waits.share(50), waits.share(99)),
            cycle_peaks,
            recovery: self.recovery(without),
        }
    }

    fn recovery(&self, without: usize) -> Option<Recovery> {
        let over = self.plan.outage.as_ref()?.end;
        let mut back: Vec<_> =
            self.members.iter().filter_map(|member| Some(member.back?.saturating_sub(over))).collect();
        back.sort_unstable();
        back.truncate(without);
        let last = back.last().copied().unwrap_or_default() + Duration::from_secs(1);
        let (requests, peak) = between(&self.source.asked, over, over + last);
        let mut back = Marks(back);
        let keys = (back.share(50), back.share(99));
        Some(Recovery { without, per_success: ratio(requests, without), peak, keys })
    }
}

impl Member {
    fn has_keys(&self, now: Duration) -> bool {
        self.machine.status(at(now)).held.is_some_and(|held| held.left(at(now)).is_some())
    }
}

fn at(time: Duration) -> BootTime {
    BootTime::from_duration(time)
}

/// All machines and the source agree; the machines look at the date in the reply anyway.
fn calendar(now: Duration) -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000 + i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

fn issued(now: Duration) -> Issued {
    let sent = now.saturating_sub(LATENCY / 2);
    let identity = Identity::new("ASIAFLEET".into(), "s".into(), None, Some(calendar(sent + LIFE)));
    Issued { identity, server_date: Some(calendar(sent)), at: at(sent), round_trip: LATENCY }
}

fn rejected(cause: Cause, reached: bool) -> Failure {
    let (cause, code) = match cause {
        Cause::Answered(asked) if reached => (Cause::Answered(asked), Code::Throttled),
        _ => (Cause::Unreachable, Code::Connect),
    };
    Failure { cause, error: Error::new(code, "asked: turned away") }
}

fn ratio(requests: u64, machines: usize) -> f64 {
    let counted = |number: u64| u32::try_from(number).map_or(f64::INFINITY, f64::from);
    counted(requests) / counted(machines as u64).max(1.0)
}
