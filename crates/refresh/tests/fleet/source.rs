//! The source: so many requests a second, and sometimes none.

use std::ops::Range;
use std::time::Duration;

/// A source with a limit.
#[derive(Debug)]
pub(crate) struct Source {
    rate: u32,
    outage: Range<Duration>,
    /// Requests in each second.
    pub asked: Vec<u32>,
    admitted: Vec<u32>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Admitted,
    Rejected,
    Away,
}

impl Source {
    pub(crate) fn new(rate: u32, outage: Option<Range<Duration>>, until: Duration) -> Self {
        let seconds = usize::try_from(until.as_secs()).unwrap_or(usize::MAX).saturating_add(1);
        let outage = outage.unwrap_or(Duration::MAX..Duration::MAX);
        Self { rate, outage, asked: vec![0; seconds], admitted: vec![0; seconds] }
    }

    /// Somebody asks.
    pub(crate) fn ask(&mut self, at: Duration) -> Verdict {
        let second = usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
        let (Some(asked), Some(admitted)) = (self.asked.get_mut(second), self.admitted.get_mut(second))
        else {
            return Verdict::Away;
        };
        *asked += 1;
        if self.outage.contains(&at) {
            return Verdict::Away;
        }
        if *admitted >= self.rate {
            return Verdict::Rejected;
        }
        *admitted += 1;
        Verdict::Admitted
    }
}
