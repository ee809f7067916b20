//! From a name to a TCP connection: drives the lookup and the [`Race`].

use std::net::SocketAddr;
use std::time::Duration;

use refresh_session_core::{Clock, Result};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::errors;
use super::hop::Hop;
use super::race::{ATTEMPT_DELAY, Action, Event, Race};
use crate::handshake::{HandshakeReport, Phase};
use crate::http::Target;

/// How long the resolver is waited for. glibc sends its second question after five seconds, so that one lost packet
/// is survived; a resolver that is silent for longer would use up the time of everything else.
const LOOKUP_LIMIT: Duration = Duration::from_secs(6);

/// Looks up the name and connects to whichever of its addresses answers first.
pub(super) async fn connect(hop: &Hop<'_>, report: &HandshakeReport, clock: &dyn Clock) -> Result<TcpStream> {
    report.enter(Phase::Resolve);
    let addresses = resolve(hop).await?;
    report.enter(Phase::Connect);
    let Some(stream) = race(addresses, report, clock).await else {
        return Err(errors::unreachable(hop, report.attempts.described(clock.boot())));
    };
    // Two small writes (Finished, request) must not wait for the server's delayed acknowledgement. A socket that cannot
    // do it still works.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn resolve(hop: &Hop<'_>) -> Result<Vec<SocketAddr>> {
    let addresses = match timeout(LOOKUP_LIMIT, lookup_host((hop.host(), hop.port()))).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(errors::dns(hop, &error)),
        // The lookup is a call into the C library: it goes on in its thread, alone.
        Err(_) => return Err(errors::dns_silent(hop, LOOKUP_LIMIT)),
    };
    if let Hop::Endpoint(Target { admits: Some(admits), .. }) = hop
        && let Some(stranger) = addresses.iter().find(|address| !admits(address.ip()))
    {
        return Err(errors::not_admitted(hop, *stranger));
    }
    Ok(addresses)
}

/// The first connection; dropping this drops every attempt.
async fn race(addresses: Vec<SocketAddr>, report: &HandshakeReport, clock: &dyn Clock) -> Option<TcpStream> {
    let mut race = Race::between(addresses);
    let mut attempts = JoinSet::new();
    let mut delay = Box::pin(sleep(ATTEMPT_DELAY));
    let mut event = Event::Begun;
    loop {
        match race.handle(event) {
            Action::Start(address) => {
                report.attempts.started(address, clock.boot());
                attempts.spawn(async move { (address, TcpStream::connect(address).await) });
                delay.set(sleep(ATTEMPT_DELAY));
            }
            Action::Wait => {}
            Action::GiveUp => return None,
        }
        event = tokio::select! {
            Some(ended) = attempts.join_next() => match ended {
                Ok((_, Ok(stream))) => return Some(stream),
                Ok((address, Err(error))) => {
                    report.attempts.failed(address, &error);
                    Event::Failed
                }
                Err(_) => Event::Failed,
            },
            () = &mut delay, if race.has_more() => Event::DelayPassed,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use refresh_session_core::{BootTime, Timestamp};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[derive(Debug)]
    struct NoClock;

    impl Clock for NoClock {
        fn boot(&self) -> BootTime {
            BootTime::default()
        }

        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_millis(0)
        }
    }

    /// A listener whose queue is full: it answers no SYN. It must be kept, and what fills it too.
    async fn black_hole(bind: &str) -> (SocketAddr, TcpListener, TcpStream) {
        let bind: SocketAddr = bind.parse().unwrap();
        let socket = if bind.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }.unwrap();
        socket.bind(bind).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let filler = TcpStream::connect(address).await.unwrap();
        (address, listener, filler)
    }

    /// A port that is bound and never listened on: it refuses, and nobody else gets it while the socket is kept.
    fn refusing(bind: &str) -> (SocketAddr, TcpSocket) {
        let bind: SocketAddr = bind.parse().unwrap();
        let socket = if bind.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }.unwrap();
        socket.bind(bind).unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
    async fn a_black_hole_costs_a_quarter_of_a_second() {
        let (hole, _listener, _filler) = black_hole("[::1]:0").await;
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = good.local_addr().unwrap();
        let report = HandshakeReport::default();
        let begun = Instant::now();
        let stream = race(vec![address, hole], &report, &NoClock).await.unwrap();
        let took = begun.elapsed();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(took >= ATTEMPT_DELAY && took < Duration::from_millis(300), "{took:?}");
        let said = report.attempts.described(BootTime::default()).unwrap();
        assert!(said.starts_with(&format!("{hole} no answer within")), "{said}");
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "what is tested is how long it takes")]
    async fn a_refusal_costs_nothing() {
        let ((v6, _held6), (v4, _held4)) = (refusing("[::1]:0"), refusing("127.0.0.1:0"));
        let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = good.local_addr().unwrap();
        let begun = Instant::now();
        let addresses = vec![v6, v4, address];
        let stream = race(addresses, &HandshakeReport::default(), &NoClock).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(begun.elapsed() < ATTEMPT_DELAY / 2, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn every_address_is_heard_before_giving_up() {
        let ((v6, _held6), (v4, _held4)) = (refusing("[::1]:0"), refusing("127.0.0.1:0"));
        let report = HandshakeReport::default();
        assert!(race(vec![v6, v4], &report, &NoClock).await.is_none());
        let said = report.attempts.described(BootTime::default()).unwrap();
        assert_eq!(said, format!("{v6} refused; {v4} refused"));
    }
}
