//! The certificate on the token, and its chain (PKCS#11 v2.40 section 4.6.3, `CKO_CERTIFICATE`).

use cryptoki::object::{AttributeType, ObjectClass};
use refresh_session_core::{Certificate, Code, Error};

use crate::config::ObjectSelector;
use crate::failure::Failure;
use crate::objects;
use crate::token_state::Access;

/// No genuine chain is longer; two certificates that issue each other are.
const LONGEST_CHAIN: usize = 8;

/// The selected certificate, then its issuers as far as the token has them, without the root.
///
/// Certificates are public objects as a rule, so a login is tried only when there is a PIN and nothing was found.
pub(crate) fn chain(access: &mut Access<'_>, selector: &ObjectSelector) -> Result<Vec<Certificate>, Failure> {
    let mut found = objects::find(&access.session.handle, ObjectClass::CERTIFICATE, selector)?;
    if found.is_empty() && access.can_log_in() {
        access.log_in()?;
        found = objects::find(&access.session.handle, ObjectClass::CERTIFICATE, selector)?;
    }
    let session = &access.session.handle;
    let all = objects::find(session, ObjectClass::CERTIFICATE, &ObjectSelector::default())?;
    let subject = access.subject;
    let leaf = match found.as_slice() {
        [leaf] => *leaf,
        [] => {
            let seen = objects::listed(session, &all);
            let message =
                format!("PKCS#11 {subject} has no certificate with {selector}; certificates seen: {seen}");
            return Err(refused(Code::Pkcs11CertificateNotFound, message).into());
        }
        several => {
            let seen = objects::listed(session, several);
            let message =
                format!("PKCS#11 {subject} has {} certificates with {selector}: {seen}", several.len());
            return Err(refused(Code::Pkcs11CertificateAmbiguous, message).into());
        }
    };

    let name = objects::describe(session, leaf);
    let parse = |handle| {
        let der = objects::read(session, handle, AttributeType::Value).ok_or("has no value (CKA_VALUE)")?;
        Certificate::from_der(&der)
    };
    let leaf = parse(leaf).map_err(|what| {
        let message = format!("PKCS#11 {subject}: the certificate with {name} {what}");
        Error::new(Code::BadCertificate, message).with_param("pkcs11.certificateLabel")
    })?;
    // What cannot be parsed is no issuer of anything.
    let others: Vec<_> = all.into_iter().filter_map(|handle| parse(handle).ok()).collect();
    Ok(with_issuers(leaf, &others))
}

fn with_issuers(leaf: Certificate, others: &[Certificate]) -> Vec<Certificate> {
    let mut chain = vec![leaf];
    while let Some(last) = chain.last().filter(|_| chain.len() < LONGEST_CHAIN) {
        let issuer = others.iter().find(|other| {
            let is_root = other.subject() == other.issuer();
            !is_root
                && other.subject() == last.issuer()
                && chain.iter().all(|known| known.der() != other.der())
        });
        let Some(issuer) = issuer.cloned() else { break };
        chain.push(issuer);
    }
    chain
}

fn refused(code: Code, message: String) -> Error {
    Error::new(code, message).with_param("pkcs11.certificateLabel").with_hint(
        "Correct `pkcs11.certificateLabel` or `pkcs11.certificateId`, or give `certificate` as a file.",
    )
}
