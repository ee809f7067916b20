//! How near the keys are to their end.

use std::fmt;

/// Derived from the keys held and the time, never stored.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Zone {
    /// No keys yet.
    Empty,
    /// The keys can be used as they are.
    Fresh,
    /// The keys can be used, and new ones should be fetched.
    Advisory,
    /// The keys still hold, but new ones are worth waiting for: the end is near, or a service has refused them.
    Mandatory,
    /// The keys are over.
    Expired,
    /// After close.
    Closed,
}

impl Zone {
    /// The name in `status().zone`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Fresh => "fresh",
            Self::Advisory => "advisory",
            Self::Mandatory => "mandatory",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
