//! What must hold whatever happens.

use std::fmt;

/// The promises, numbered.
///
/// Up to 14 they follow the numbering common in this trade; where the machine promises something else, the comment
/// says so and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Invariant {
    /// At most one fetch is under way.
    SingleFlight = 1,
    /// No contact during an announced pause or a repeated refusal, nor while the keys are fresh and nobody refused
    /// them.
    ///
    /// Three exceptions. A forced refresh goes ahead unless the source itself asked for the pause: a person or a
    /// program that has just repaired something asks, and it is one request. The first failure without keys holds
    /// only the timer: it may have been a hiccup, and a caller with nothing to sign with may find out. With the
    /// `aws` policy no failure without keys holds callers: its vectors demand that.
    LeftAlone = 2,
    /// Keys come out as the source issued them: id, secret and token of one and the same reply.
    NeverTorn = 3,
    /// Keys that are over are handed out only where policy and source allow it and an attempt has failed since they
    /// came; a reply that is over is never installed; keys are not believed to live longer than they do.
    NothingExpired = 4,
    /// A failure never discards valid keys. With the `aws` policy a refusal is raised nevertheless, for 1 to 5 s.
    FailureKeepsKeys = 5,
    /// In the fresh and the advisory zone nobody waits; with `aws` and `botocore` the one who starts the refresh does.
    NobodyWaits = 6,
    /// Every caller is answered once: with the outcome, at its own deadline, or at close; and never after it gave up.
    EveryoneIsAnswered = 7,
    /// Nothing that comes late, twice or from an earlier attempt replaces anything.
    NothingOlder = 8,
    /// Invalidation with another id than that of the keys held changes nothing.
    OnlyTheRightId = 9,
    /// No step of the wall clock changes a zone.
    WallIsNoClock = 10,
    /// In any time the contacts are at most 1 + time / shortest pause + successes. Those that may ignore a pause (see
    /// 2) do not count, nor does the one after a change that ended the pause.
    Rate = 11,
    /// Once the source has recovered and somebody asks now and then, there is a success within the longest pause and
    /// the limit of a fetch; in eager mode the timer sees to it alone.
    Recovers = 12,
    /// No secret in what the machine prints about itself.
    NothingTold = 13,
    /// After close there is nobody who waits, nothing to do and no timer.
    ClosedIsOver = 14,
    /// While a view lasts, a read gives its keys and nothing else happens.
    ViewIsTrue = 15,
    /// Coming at the announced time makes progress: the same moment is not announced again and again.
    NoBusyLoop = 16,
    /// A read, an event and a pause are what the description says for zone, policy and failure.
    AsDescribed = 17,
}

/// A promise broken.
#[derive(Debug)]
pub(crate) struct Violation {
    invariant: Invariant,
    what: String,
}

/// Whether a promise was kept.
pub(crate) type Check = Result<(), Violation>;

impl Invariant {
    /// That `kept` is true.
    pub(crate) fn holds(self, kept: bool, what: impl FnOnce() -> String) -> Check {
        if kept { Ok(()) } else { Err(Violation { invariant: self, what: what() }) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {} ({:?}): {}", self.invariant as u8, self.invariant, self.what)
    }
}
