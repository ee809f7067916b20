//! What each address said: kept beside the attempts, so that an error can tell even when they are cut short.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use refresh_session_core::BootTime;

/// The attempts at the addresses of one name.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Vec<Attempt>>);

#[derive(Debug)]
struct Attempt {
    address: SocketAddr,
    started: BootTime,
    failure: Option<String>,
}

impl Attempts {
    pub(crate) fn started(&self, address: SocketAddr, now: BootTime) {
        self.with(|all| all.push(Attempt { address, started: now, failure: None }));
    }

    pub(crate) fn failed(&self, address: SocketAddr, error: &io::Error) {
        self.with(|all| {
            if let Some(attempt) = all.iter_mut().find(|attempt| attempt.address == address) {
                attempt.failure = Some(phrase(error));
            }
        });
    }

    /// `203.0.113.1:443 refused; [2001:db8::1]:443 no answer within 750 ms`; `None` if nothing was tried.
    pub(crate) fn described(&self, now: BootTime) -> Option<String> {
        self.with(|all| {
            let phrases = all.iter().map(|Attempt { address, started, failure }| match failure {
                Some(failure) => format!("{address} {failure}"),
                None => format!("{address} no answer within {} ms", now.since(*started).as_millis()),
            });
            let phrases: Vec<_> = phrases.collect();
            (!phrases.is_empty()).then(|| phrases.join("; "))
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Attempt>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn phrase(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused".into(),
        io::ErrorKind::ConnectionReset => "reset".into(),
        io::ErrorKind::TimedOut => "no answer, the system gave up".into(),
        io::ErrorKind::HostUnreachable => "unreachable (no route to the host)".into(),
        io::ErrorKind::NetworkUnreachable => "unreachable (no route to the network)".into(),
        io::ErrorKind::AddrNotAvailable => "unreachable (no address of this family here)".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_address_has_its_own_words() {
        let attempts = Attempts::default();
        let at = |ms| BootTime::from_duration(Duration::from_millis(ms));
        assert_eq!(attempts.described(at(0)), None);
        let (first, second) = ("203.0.113.1:443".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
        attempts.started(first, at(0));
        attempts.started(second, at(250));
        attempts.failed(first, &io::ErrorKind::ConnectionRefused.into());
        let said = "203.0.113.1:443 refused; [2001:db8::1]:443 no answer within 750 ms";
        assert_eq!(attempts.described(at(1000)).as_deref(), Some(said));
    }
}
