//! What is wrong with a server's certificate, whose it is, and what to do.

use refresh_session_core::shown::quoted;
use refresh_session_core::{Basis, Certificate, Code, Error, Reading};
use rustls::CertificateError;

use super::Rejected;

/// The error for a certificate of `authority` that was not accepted because of `fault`.
pub(crate) fn error(authority: &str, fault: &CertificateError, rejected: Option<&Rejected>) -> Error {
    let certificate = rejected.and_then(|rejected| rejected.certificate.as_ref());
    let reading = rejected.map(|rejected| rejected.reading);
    let whose = certificate.map(|certificate| format!(": {}", described(certificate))).unwrap_or_default();
    let self_signed = is_of_nobody(fault)
        && certificate.is_some_and(|certificate| certificate.subject() == certificate.issuer());
    let more = match fault {
        _ if is_of_time(fault) => reading.map(|reading| format!("; {}", judged_by(reading))),
        _ if self_signed || matches!(fault, CertificateError::UnknownIssuer) => {
            rejected.map(|it| format!("; trusted is {}", it.trusted))
        }
        _ => Some(format!("; {fault}")),
    };
    let more = more.unwrap_or_default();
    let basis = reading.map(|reading| reading.basis);
    let (phrase, hint) = if self_signed {
        ("is self-signed, by no trusted CA", hint(&CertificateError::UnknownIssuer, basis))
    } else {
        (phrase(fault), hint(fault, basis))
    };
    let message = format!("the server certificate of {authority} {phrase}{whose}{more}");
    Error::new(Code::ServerCertificate, message).with_hint(hint)
}

/// Whether it would be a matter of waiting.
pub(super) fn is_too_early<T>(verdict: &Result<T, rustls::Error>) -> bool {
    use CertificateError::{NotValidYet, NotValidYetContext};
    matches!(verdict, Err(rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. })))
}

fn judged_by(Reading { now, basis }: Reading) -> String {
    match basis {
        Basis::Server => format!("a server said before that it is {now} now"),
        Basis::Wall => format!("the local clock says {now}"),
        Basis::Floor => format!("the local clock is not set, and it is {now} at least"),
    }
}

fn phrase(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::UnknownIssuer => "is not issued by a trusted CA",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name"
        }
        _ => "is not acceptable",
    }
}

fn hint(fault: &CertificateError, basis: Option<Basis>) -> &'static str {
    match (fault, basis) {
        _ if is_of_time(fault) && basis == Some(Basis::Server) => {
            "Renew the server's certificate; if it is good, a server that was asked before has a wrong clock."
        }
        _ if is_of_time(fault) && basis == Some(Basis::Floor) => {
            "It is over whatever the device's clock says: renew it, and have the clock set (NTP)."
        }
        (CertificateError::Expired | CertificateError::ExpiredContext { .. }, _) => {
            "Check the device's clock first: one that runs ahead looks the same."
        }
        (CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }, _) => {
            "Check the device's clock first: one that stands in the past looks the same."
        }
        (CertificateError::UnknownIssuer, _) => {
            "Check `ca`, the system's trust store, and that nothing inspects TLS on the way."
        }
        (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }, _) => {
            "Check `endpoint`; for a private endpoint or proxy give `serverName`."
        }
        _ => "Check what answers at `endpoint`.",
    }
}

fn is_of_time(fault: &CertificateError) -> bool {
    use CertificateError as Fault;
    matches!(
        fault,
        Fault::Expired | Fault::ExpiredContext { .. } | Fault::NotValidYet | Fault::NotValidYetContext { .. }
    )
}

/// Whether it is about the issuer, or about a CA as server: what `openssl req -x509` makes is both.
fn is_of_nobody(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::UnknownIssuer | CertificateError::Other(_))
}

/// Names on a certificate that is not trusted are anybody's text.
fn described(certificate: &Certificate) -> String {
    format!(
        "{}, issued by {}, valid from {} to {}",
        quoted(certificate.subject()),
        quoted(certificate.issuer()),
        certificate.not_before(),
        certificate.not_after()
    )
}

#[cfg(test)]
mod tests {
    use refresh_session_core::Timestamp;

    use super::*;

    fn rejected(now: &str, basis: Basis) -> Rejected {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "firewall\n.lan");
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2027, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        Rejected {
            certificate: Some(certificate),
            reading: Reading { now: Timestamp::parse_rfc3339(now).unwrap(), basis },
            trusted: "the one CA of `ca`".into(),
        }
    }

    fn said(fault: &CertificateError, basis: Basis) -> (String, String) {
        let rejected = rejected("2030-01-01T00:00:00Z", basis);
        let error = error("iot.example", fault, Some(&rejected));
        assert_eq!(error.code(), Code::ServerCertificate);
        assert!(!error.message().contains('\n'), "{error}");
        (error.message().to_owned(), error.hint().unwrap().to_owned())
    }

    #[test]
    fn a_fault_of_time_tells_dates_and_the_local_clock() {
        let (message, hint) = said(&CertificateError::Expired, Basis::Wall);
        assert!(message.contains("has expired: \"CN="), "{message}");
        assert!(message.contains("firewall"), "{message}");
        assert!(message.contains("valid from 2026-01-02T00:00:00Z to 2027-03-04T00:00:00Z"), "{message}");
        assert!(message.ends_with("the local clock says 2030-01-01T00:00:00Z"), "{message}");
        assert!(hint.contains("runs ahead"), "{hint}");
        assert!(said(&CertificateError::NotValidYet, Basis::Wall).1.contains("in the past"));
    }

    #[test]
    fn it_says_whose_time_it_was() {
        let (message, hint) = said(&CertificateError::Expired, Basis::Server);
        assert!(message.ends_with("a server said before that it is 2030-01-01T00:00:00Z now"), "{message}");
        assert!(hint.contains("has a wrong clock"), "{hint}");
        let (message, hint) = said(&CertificateError::Expired, Basis::Floor);
        assert!(message.ends_with("is not set, and it is 2030-01-01T00:00:00Z at least"), "{message}");
        assert!(hint.contains("whatever the device's clock says"), "{hint}");
        // It says nothing about a certificate of another CA.
        assert!(!said(&CertificateError::UnknownIssuer, Basis::Floor).0.contains("not set"));
    }

    #[test]
    fn an_unknown_issuer_tells_who_is_trusted() {
        let (message, _) = said(&CertificateError::UnknownIssuer, Basis::Wall);
        assert!(message.contains("is self-signed") && message.contains("issued by \"CN="), "{message}");
        assert!(message.ends_with("trusted is the one CA of `ca`"), "{message}");
    }
}
