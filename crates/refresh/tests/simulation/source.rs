//! A source that can go wrong in every way that has been seen.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use refresh_session_core::{BootTime, Code, Error, Timestamp};
use refresh_session_refresh::{Cause, Failure};

use super::clocks::server_at;

/// How the source behaves at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    Well,
    Unavailable,
    Throttled(Option<Duration>),
    Unreachable,
    TokenAway,
    Denied,
    Nonsense,
    /// Never settles.
    Hung,
    /// Settles within a millisecond of the deadline, on either side.
    AtTheDeadline,
    /// Settles, and then settles again otherwise.
    Twice,
    /// Keys that are over.
    Expired,
    /// The keys issued last, with an earlier end.
    Older,
    /// The keys issued last, as they were.
    Same,
}

/// Whether replies carry a `Date`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dates {
    Always,
    Sometimes,
    Never,
}

/// What one attempt brings.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Keys(Issue),
    Failure(Failure),
}

/// One set of keys.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub access_key_id: String,
    pub secret: String,
    pub token: String,
    pub expiration: Option<Timestamp>,
    pub date: Option<Timestamp>,
}

/// The source.
#[derive(Debug)]
pub(crate) struct Source {
    pub mood: Mood,
    pub dates: Dates,
    /// The shortest and the longest life it gives.
    pub lives: (Duration, Duration),
    /// Every set of keys ever issued, by id.
    pub issued: HashMap<String, Issue>,
    last: Option<Issue>,
}

impl Source {
    pub(crate) fn new(dates: Dates, lives: (Duration, Duration)) -> Self {
        Self { mood: Mood::Well, dates, lives, issued: HashMap::new(), last: None }
    }

    /// Asked: what will come, and after how long.
    pub(crate) fn ask(&mut self, at: BootTime, limit: Duration, rng: &mut Rng) -> Vec<(Duration, Reply)> {
        let soon = self.latency(limit, rng);
        match self.mood {
            Mood::Well => vec![(soon, self.issue(at.after(soon.mul_f64(rng.f64())), rng))],
            Mood::AtTheDeadline => {
                let on_either_side = limit + Duration::from_millis(rng.u64(0..=2));
                let exactly = on_either_side.saturating_sub(Duration::from_millis(1));
                vec![(exactly, self.issue(at, rng))]
            }
            Mood::Twice => {
                let second = if rng.bool() { self.issue(at, rng) } else { failed(Code::ConnectionLost) };
                vec![(soon, self.issue(at, rng)), (soon + self.latency(limit, rng), second)]
            }
            // Some that hang wake up long after they were given up.
            Mood::Hung if rng.bool() => vec![(limit * rng.u32(2..20), self.issue(at, rng))],
            Mood::Hung => Vec::new(),
            Mood::Expired => {
                let over = self.issue(at.before(Duration::from_hours(13)), rng);
                vec![(soon, with_date(over, at))]
            }
            Mood::Older | Mood::Same => vec![(soon, self.again(at, rng))],
            Mood::Unavailable => vec![(soon, failed(Code::ServiceUnavailable))],
            Mood::Unreachable => vec![(soon, failed(Code::Connect))],
            Mood::TokenAway => vec![(soon, failed(Code::Pkcs11TokenNotFound))],
            Mood::Denied => vec![(soon, failed(Code::AccessDenied))],
            Mood::Nonsense => vec![(soon, failed(Code::BadReply))],
            Mood::Throttled(asked) => {
                let error = Error::new(Code::Throttled, "asked: slow down").with_retry_after(asked);
                vec![(soon, Reply::Failure(Failure { cause: Cause::Answered(asked), error }))]
            }
        }
    }

    fn latency(&self, limit: Duration, rng: &mut Rng) -> Duration {
        match rng.u8(0..8) {
            0 => Duration::ZERO,
            1 => limit.mul_f64(rng.f64()).min(self.lives.0),
            _ => Duration::from_millis(rng.u64(1..300)).min(limit / 2),
        }
    }

    fn issue(&mut self, at: BootTime, rng: &mut Rng) -> Reply {
        let number = self.issued.len();
        let (shortest, longest) = self.lives;
        let life = shortest + longest.saturating_sub(shortest).mul_f64(rng.f64());
        let ends = self.mood != Mood::Well || rng.u8(..) != 0;
        let issue = Issue {
            access_key_id: format!("ASIA{number:08}"),
            secret: format!("hidden-secret-{number}"),
            token: format!("hidden-token-{number}"),
            expiration: ends.then(|| to_the_second(server_at(at.after(life)))),
            date: self.dated(at, rng),
        };
        self.issued.insert(issue.access_key_id.clone(), issue.clone());
        self.last = Some(issue.clone());
        Reply::Keys(issue)
    }

    fn again(&mut self, at: BootTime, rng: &mut Rng) -> Reply {
        let Some(mut issue) = self.last.clone() else { return failed(Code::BadReply) };
        if self.mood == Mood::Older {
            let earlier = 3000 + rng.i64(0..60_000);
            let moved = |end: Timestamp| Timestamp::from_unix_millis(end.unix_millis() - earlier);
            issue.expiration = issue.expiration.map(moved);
        }
        issue.date = self.dated(at, rng);
        Reply::Keys(issue)
    }

    fn dated(&self, at: BootTime, rng: &mut Rng) -> Option<Timestamp> {
        let has_one = match self.dates {
            Dates::Always => true,
            Dates::Sometimes => rng.bool(),
            Dates::Never => false,
        };
        has_one.then(|| to_the_second(server_at(at)))
    }
}

fn with_date(reply: Reply, at: BootTime) -> Reply {
    match reply {
        Reply::Keys(issue) => {
            let date = issue.date.map(|_| to_the_second(server_at(at)));
            Reply::Keys(Issue { date, ..issue })
        }
        failure @ Reply::Failure(_) => failure,
    }
}

fn to_the_second(time: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(time.unix_millis().div_euclid(1000) * 1000)
}

/// The cause is named here, not taken from the code under test.
fn failed(code: Code) -> Reply {
    let cause = match code {
        Code::Connect | Code::ConnectionLost | Code::Pkcs11TokenNotFound => Cause::Unreachable,
        Code::AccessDenied => Cause::Denied,
        _ => Cause::Answered(None),
    };
    Reply::Failure(Failure { cause, error: Error::new(code, "asked: refused") })
}
