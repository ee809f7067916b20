//! The ladder: what is tried, and in which order, before a failure is reported.
//!
//! | The module says | Tried, until one helps |
//! |---|---|
//! | session gone, an operation is active, token gone | look for the token by label and serial number, open a session, log in; then initialise anew |
//! | token not in the list | initialise anew: some modules keep their list until then |
//! | key handle stale | find the key again; then as above |
//! | not logged in | log in |
//! | too many sessions | wait, a second altogether |
//! | not initialised | initialise |
//! | general, device, function or vendor's error | initialise anew; where that may not be, a new session |
//! | C_Login failed, PIN unknown to be right | initialise anew *at the next request*, then send it once more |
//! | anything else | nothing |
//!
//! Every rung is used once in a request, and none when the caller's time is up. Lower rungs cost the token a login;
//! initialising anew costs that for every token in the module, so it is used only where nothing less can help, and
//! seldom ([`crate::pace`]).

use std::time::Duration;

use crate::return_value::Remedy;

/// How long to wait for another program to give a session back: a second altogether.
const PAUSES: [Step; 4] = [
    Step::WaitAndReopen(Duration::from_millis(100)),
    Step::WaitAndReopen(Duration::from_millis(200)),
    Step::WaitAndReopen(Duration::from_millis(300)),
    Step::WaitAndReopen(Duration::from_millis(400)),
];

/// What to do before the request is run again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    GiveUp,
    FindKeyAgain,
    LogInAgain,
    ReopenSession,
    WaitAndReopen(Duration),
    Initialise,
    InitialiseAnew,
}

/// The rungs one request has used.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    used: Vec<Step>,
}

impl Ladder {
    /// The next step. `may_anew`: whether the module may be initialised anew now.
    pub(crate) fn step(&mut self, remedy: Remedy, may_anew: impl Fn() -> bool) -> Step {
        let rungs: &[Step] = match remedy {
            Remedy::Fail => &[],
            Remedy::LogInAgain => &[Step::LogInAgain],
            Remedy::Initialise => &[Step::Initialise],
            Remedy::WaitAndReopen => &PAUSES,
            Remedy::FindKeyAgain => &[Step::FindKeyAgain, Step::ReopenSession],
            Remedy::ReopenSession if may_anew() => &[Step::ReopenSession, Step::InitialiseAnew],
            // When it was initialised anew and that did not help, a new session in the same module will not either.
            Remedy::InitialiseAnew if may_anew() || self.used.contains(&Step::InitialiseAnew) => {
                &[Step::InitialiseAnew]
            }
            Remedy::ReopenSession | Remedy::InitialiseAnew => &[Step::ReopenSession],
        };
        let Some(step) = rungs.iter().find(|step| !self.used.contains(step)) else { return Step::GiveUp };
        self.used.push(*step);
        *step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps taken when a remedy is called for again and again.
    fn climb(remedy: Remedy, may_anew: bool) -> Vec<Step> {
        let mut ladder = Ladder::default();
        std::iter::from_fn(|| Some(ladder.step(remedy, || may_anew)))
            .take_while(|s| *s != Step::GiveUp)
            .collect()
    }

    #[test]
    fn rungs_are_climbed_in_order_and_once() {
        use Step::{FindKeyAgain, Initialise, InitialiseAnew, LogInAgain, ReopenSession};
        assert_eq!(climb(Remedy::Fail, true), []);
        assert_eq!(climb(Remedy::LogInAgain, true), [LogInAgain]);
        assert_eq!(climb(Remedy::Initialise, true), [Initialise]);
        assert_eq!(climb(Remedy::FindKeyAgain, true), [FindKeyAgain, ReopenSession]);
        assert_eq!(climb(Remedy::ReopenSession, true), [ReopenSession, InitialiseAnew]);
        assert_eq!(climb(Remedy::ReopenSession, false), [ReopenSession]);
        assert_eq!(climb(Remedy::InitialiseAnew, true), [InitialiseAnew]);
        assert_eq!(climb(Remedy::InitialiseAnew, false), [ReopenSession]);
    }

    #[test]
    fn sessions_are_waited_for_a_second() {
        let waited: Duration = climb(Remedy::WaitAndReopen, true)
            .into_iter()
            .map(|step| if let Step::WaitAndReopen(pause) = step { pause } else { Duration::ZERO })
            .sum();
        assert_eq!(waited, Duration::from_secs(1));
    }
}
