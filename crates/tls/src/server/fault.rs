//! What is wrong with a server's certificate, whose it is, and what to do.

use refresh_session_core::shown::quoted;
use refresh_session_core::{Certificate, Code, Error, Timestamp};
use rustls::CertificateError;

use super::Rejected;

/// A device whose clock says less has no idea what time it is: this program was not written yet.
const PLAUSIBLE: &str = "2025-01-01T00:00:00Z";

const UNSET_CLOCK: &str = "The device's clock is not set: set it (NTP, or the battery of its clock chip). The \
                           certificate may well be good.";

/// The error for a certificate of `authority` that was not accepted because of `fault`.
pub(crate) fn error(authority: &str, fault: &CertificateError, rejected: Option<&Rejected>) -> Error {
    let certificate = rejected.and_then(|rejected| rejected.certificate.as_ref());
    let now = rejected.map(|rejected| rejected.now);
    let whose = certificate.map(|certificate| format!(": {}", described(certificate))).unwrap_or_default();
    let self_signed = is_of_nobody(fault)
        && certificate.is_some_and(|certificate| certificate.subject() == certificate.issuer());
    let more = match fault {
        _ if is_of_time(fault) => now.map(|now| format!("; the local clock says {now}")),
        _ if self_signed || matches!(fault, CertificateError::UnknownIssuer) => {
            rejected.map(|it| format!("; trusted is {}", it.trusted))
        }
        _ => Some(format!("; {fault}")),
    };
    let more = more.unwrap_or_default();
    let (phrase, hint) = if self_signed {
        ("is self-signed, by no trusted CA", hint(&CertificateError::UnknownIssuer, now))
    } else {
        (phrase(fault), hint(fault, now))
    };
    let message = format!("the server certificate of {authority} {phrase}{whose}{more}");
    Error::new(Code::ServerCertificate, message).with_hint(hint)
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

fn hint(fault: &CertificateError, now: Option<Timestamp>) -> &'static str {
    match fault {
        _ if is_of_time(fault) && now.is_some_and(is_implausible) => UNSET_CLOCK,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "Check the device's clock first: one that runs ahead looks the same."
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "Check the device's clock first: one that stands in the past looks the same."
        }
        CertificateError::UnknownIssuer => {
            "Check `ca`, the system's trust store, and that nothing inspects TLS on the way."
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
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

fn is_implausible(now: Timestamp) -> bool {
    Timestamp::parse_rfc3339(PLAUSIBLE).is_some_and(|plausible| now < plausible)
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
    use rustls::pki_types::UnixTime;

    use super::*;

    fn rejected(now: &str) -> Rejected {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "firewall\n.lan");
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2027, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        Rejected {
            certificate: Some(certificate),
            now: Timestamp::parse_rfc3339(now).unwrap(),
            trusted: "the one CA of `ca`".into(),
        }
    }

    fn said(fault: &CertificateError, now: &str) -> (String, String) {
        let error = error("iot.example", fault, Some(&rejected(now)));
        assert_eq!(error.code(), Code::ServerCertificate);
        assert!(!error.message().contains('\n'), "{error}");
        (error.message().to_owned(), error.hint().unwrap().to_owned())
    }

    #[test]
    fn a_fault_of_time_tells_dates_and_the_local_clock() {
        let (message, hint) = said(&CertificateError::Expired, "2030-01-01T00:00:00Z");
        assert!(message.contains("has expired: \"CN="), "{message}");
        assert!(message.contains("firewall"), "{message}");
        assert!(message.contains("valid from 2026-01-02T00:00:00Z to 2027-03-04T00:00:00Z"), "{message}");
        assert!(message.ends_with("the local clock says 2030-01-01T00:00:00Z"), "{message}");
        assert!(hint.contains("runs ahead"), "{hint}");
    }

    #[test]
    fn a_clock_of_1970_is_called_one() {
        let context = CertificateError::NotValidYetContext {
            time: UnixTime::since_unix_epoch(std::time::Duration::from_mins(1)),
            not_before: UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000)),
        };
        for fault in [CertificateError::Expired, CertificateError::NotValidYet, context] {
            let (message, hint) = said(&fault, "1970-01-01T00:01:00Z");
            assert!(
                message.contains("1970-01-01T00:01:00Z") && hint.contains("clock is not set"),
                "{message} {hint}"
            );
        }
        // It says nothing about a certificate of another CA.
        assert!(!said(&CertificateError::UnknownIssuer, "1970-01-01T00:01:00Z").1.contains("not set"));
    }

    #[test]
    fn an_unknown_issuer_tells_who_is_trusted() {
        let (message, _) = said(&CertificateError::UnknownIssuer, "2026-06-01T00:00:00Z");
        assert!(message.contains("is self-signed") && message.contains("issued by \"CN="), "{message}");
        assert!(message.ends_with("trusted is the one CA of `ca`"), "{message}");
    }
}
