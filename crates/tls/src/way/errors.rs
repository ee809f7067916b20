//! From what rustls and the kernel report to one typed error that names the phase and the culprit.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;
use std::time::Duration;

use refresh_session_core::{BootTime, Code, Error};
use rustls::{AlertDescription, Error as RustlsError, InvalidMessage};

use crate::Proxy;
use crate::handshake::{HandshakeReport, Phase};
use crate::http::Target;
use crate::link::hop::Hop;
use crate::server;

const CHECK_REGISTRATION: &str = "Check that the certificate is registered and ACTIVE in the AWS account and region \
                                  of this endpoint, and that it has not expired.";

const SLOW_TOKEN: &str = "The token is slow or hung: check it, or raise `timeoutMs` and `connectTimeoutMs`.";

/// Whom is spoken with, and through whom.
pub(crate) struct Peer<'a> {
    pub(crate) target: &'a Target,
    pub(crate) proxy: Option<&'a Proxy>,
    /// Whether we have a certificate to show.
    pub(crate) identified: bool,
}

/// `abc.example`, `abc.example through the proxy gw.lan:3128`.
impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target.authority())?;
        match self.proxy {
            Some(proxy) => write!(f, " through {proxy}"),
            None => Ok(()),
        }
    }
}

pub(crate) fn connect_timed_out(
    hop: &Hop<'_>,
    target: &Target,
    limit: Duration,
    report: &HandshakeReport,
    now: BootTime,
) -> Error {
    let message = format!(
        "connecting to {}: not done within {} ms; it was {}",
        target.authority(),
        limit.as_millis(),
        report.under_way(hop, now)
    );
    Error::new(Code::ConnectTimeout, message).with_hint(match report.phase() {
        Phase::Sign => SLOW_TOKEN.into(),
        phase => slow_link(phase, "`connectTimeoutMs`"),
    })
}

/// Where to look when a phase takes too long.
pub(crate) fn slow_link(phase: Phase, option: &str) -> Cow<'static, str> {
    let first = match phase {
        Phase::Resolve => "Check the device's DNS servers and the link to them",
        Phase::Connect => "Check the link, the port, and that no firewall drops packets on the way",
        Phase::Proxy => "Check that an HTTP proxy listens there, and whether it can reach the endpoint",
        Phase::Handshake | Phase::Sign => {
            "Something accepts connections and then is silent: check the link, and what stands between"
        }
        Phase::Response | Phase::Body => "Check the link to the endpoint",
    };
    format!("{first}, or raise {option}.").into()
}

pub(crate) fn no_common_scheme(peer: &Peer<'_>, offered: &str) -> Error {
    Error::new(
        Code::NoCommonScheme,
        format!("{peer} accepts no signature scheme that this key can do; it offers {offered}"),
    )
    .with_hint("Use a key of another kind, or a TLS policy of the endpoint that accepts this one.")
}

/// A failure before the handshake was done on our side.
///
/// `offered`: the protocols that were offered by name.
pub(crate) fn handshake_failed(
    peer: &Peer<'_>,
    report: &HandshakeReport,
    offered: &[Vec<u8>],
    error: &io::Error,
) -> Error {
    if let Some(signer_error) = report.signer_error() {
        return signer_error;
    }
    match find::<RustlsError>(error) {
        Some(RustlsError::InvalidCertificate(fault)) => {
            server::error(&peer.to_string(), fault, report.rejected().as_ref())
        }
        Some(RustlsError::AlertReceived(alert))
            if report.certificate_sent() && blames_certificate(*alert) =>
        {
            certificate_refused(peer, *alert)
        }
        Some(RustlsError::AlertReceived(alert @ AlertDescription::IllegalParameter))
            if report.certificate_sent() =>
        {
            certificate_refused(peer, *alert).with_hint(WRONG_CURVE)
        }
        Some(RustlsError::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            no_protocol(peer, offered)
        }
        Some(fault) => tls(peer, fault),
        None if report.certificate_sent() && error.kind() == io::ErrorKind::UnexpectedEof => hung_up(peer),
        None => lost(peer, error),
    }
}

/// What rustls says of a connection that was up; `None` if it is not TLS that failed.
///
/// `certificate_at_risk`: it was the first read after our certificate went out, and nothing had come yet.
pub(crate) fn tls_failed(
    peer: &Peer<'_>,
    error: &(dyn StdError + 'static),
    certificate_at_risk: bool,
) -> Option<Error> {
    Some(match find::<RustlsError>(error)? {
        RustlsError::AlertReceived(alert) if certificate_at_risk && blames_certificate(*alert) => {
            certificate_refused(peer, *alert)
        }
        fault => tls(peer, fault),
    })
}

/// A failed read or write on a connection that was up, or its end where more was due (`UnexpectedEof`).
pub(crate) fn stream_failed(peer: &Peer<'_>, error: &io::Error, certificate_at_risk: bool) -> Error {
    if let Some(fault) = tls_failed(peer, error, certificate_at_risk) {
        return fault;
    }
    if certificate_at_risk && error.kind() == io::ErrorKind::UnexpectedEof {
        return hung_up(peer);
    }
    lost(peer, error)
}

/// The server was offered protocols by name (ALPN, RFC 7301) and took none of them: by silence, or by an alert.
pub(crate) fn no_protocol(peer: &Peer<'_>, offered: &[Vec<u8>]) -> Error {
    let names: Vec<_> = offered.iter().map(|name| String::from_utf8_lossy(name)).collect();
    Error::new(
        Code::Alpn,
        format!("{peer} takes no protocol of those offered in the TLS handshake (ALPN): {}", names.join(", ")),
    )
    .with_hint(
        "Check the endpoint and its port: AWS IoT takes MQTT with a certificate on 443 by this name, on 8883 with or \
         without it. A proxy on the way that ends TLS drops the name: have it let this endpoint through untouched.",
    )
}

/// Over TLS 1.2 OpenSSL wants the curve of a client's key among the groups that the client offers for the key exchange,
/// and there is no P-521 in *ring*.
const WRONG_CURVE: &str = "Servers on OpenSSL answer this to an EC P-521 key over TLS 1.2: let the endpoint use TLS 1.3, or \
                           use an EC P-256 or P-384 key. With another key, check that nothing inspects TLS on the way.";

fn certificate_refused(peer: &Peer<'_>, alert: AlertDescription) -> Error {
    Error::new(
        Code::CertificateRefused,
        format!("{peer} refused the device certificate: TLS alert {alert:?}"),
    )
    .with_hint(CHECK_REGISTRATION)
}

/// The server ended the connection, without a word, where it judges the client's certificate.
pub(crate) fn hung_up(peer: &Peer<'_>) -> Error {
    Error::new(
        Code::CertificateRefused,
        format!(
            "{peer} closed the connection right after seeing the device certificate, which is how a refusal looks"),
    )
    .with_hint(CHECK_REGISTRATION)
    // It may also have been the link.
    .with_retryable(true)
}

fn tls(peer: &Peer<'_>, fault: &RustlsError) -> Error {
    if matches!(fault, RustlsError::InvalidMessage(InvalidMessage::InvalidContentType)) {
        return Error::new(
            Code::Tls,
            format!("TLS with {peer} failed: what answers there does not speak TLS"),
        )
        .with_hint(
            "It may be a portal's login page, a proxy or another service: check `endpoint` and its port.",
        );
    }
    Error::new(Code::Tls, format!("TLS with {peer} failed: {fault}"))
        .with_hint("Check that the endpoint speaks TLS 1.2 or 1.3 and that nothing inspects TLS on the way.")
}

pub(crate) fn lost(peer: &Peer<'_>, error: &impl Display) -> Error {
    let hint = if peer.identified {
        "Usually the link. If it happens every time, check that the certificate is registered and ACTIVE."
    } else {
        "Usually the link. If it happens every time, check what answers there."
    };
    Error::new(Code::ConnectionLost, format!("the connection to {peer} broke: {error}")).with_hint(hint)
}

fn blames_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired
            | Alert::HandshakeFailure
            | Alert::DecryptError
    )
}

/// Finds an error of type `E` in the chain. An `io::Error` hides its inner error from `source()`.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        current = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}
