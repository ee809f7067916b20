//! Failures by what they say about the next attempt.

use std::time::Duration;

use refresh_session_core::{Class, Code, Error};

/// A fetch that brought no usable keys.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind it is.
    pub cause: Cause,
    /// What callers are told.
    pub error: Error,
}

/// What a failure says about the next attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// Nobody answered: name lookup, TCP, TLS, a deadline, a token that is away. It may be over any moment.
    Unreachable,
    /// The source answered that it cannot now, or answered nonsense. `Some`: how long it asked to be left alone.
    Answered(Option<Duration>),
    /// The source will go on refusing until a person changes something.
    Denied,
}

impl From<Error> for Failure {
    /// By the error's class, and by whether it can pass by itself.
    fn from(error: Error) -> Self {
        let cause = match error.class() {
            _ if error.retry_after().is_some() => Cause::Answered(error.retry_after()),
            _ if !error.retryable() => Cause::Denied,
            Class::Connection | Class::Pkcs11 => Cause::Unreachable,
            // A callback mostly fails for want of something it has to reach.
            _ if error.code() == Code::CallbackFailed => Cause::Unreachable,
            _ => Cause::Answered(None),
        };
        Self { cause, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_follows_the_error() {
        let cause = |code| Failure::from(Error::new(code, "tried: found")).cause;
        assert_eq!(cause(Code::Dns), Cause::Unreachable);
        assert_eq!(cause(Code::Pkcs11Timeout), Cause::Unreachable);
        assert_eq!(cause(Code::ServiceUnavailable), Cause::Answered(None));
        assert_eq!(cause(Code::BadReply), Cause::Answered(None));
        assert_eq!(cause(Code::AccessDenied), Cause::Denied);
        assert_eq!(cause(Code::Pkcs11PinIncorrect), Cause::Denied);
        let asked = Some(Duration::from_secs(7));
        let throttled = Error::new(Code::Throttled, "tried: found").with_retry_after(asked);
        assert_eq!(Failure::from(throttled).cause, Cause::Answered(asked));
    }
}
