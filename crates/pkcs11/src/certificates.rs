//! The certificate on the token, and its chain (PKCS#11 v2.40 section 4.6.3, `CKO_CERTIFICATE`).
//!
//! Several may be meant: a renewed one is often written beside the old one under the same names, and some modules
//! show attestations as certificates too. Those of other keys are no candidates then, and of one key's the one that ends last is
//! taken. Whether it is valid *now* is not asked: the clock of a gateway is often behind, and the server judges.

use cryptoki::object::{AttributeType, ObjectClass, ObjectHandle};
use refresh_session_core::{Certificate, Code, Error};

use crate::config::ObjectSelector;
use crate::failure::Failure;
use crate::public_half;
use crate::token_state::Access;

/// No genuine chain is longer; two certificates that issue each other are.
const LONGEST_CHAIN: usize = 8;

/// Which certificate is meant.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// By its own names; empty if none were given.
    pub(crate) certificate: ObjectSelector,
    /// By those of its private key.
    pub(crate) key: ObjectSelector,
}

/// The certificate that is meant, then its issuers as far as the token has them, without the root.
///
/// Certificates are public objects as a rule, so a login is tried only when there is a PIN, and nothing or too much was
/// found.
pub(crate) fn chain(access: &mut Access<'_>, wanted: &Wanted) -> Result<Vec<Certificate>, Failure> {
    let selector = wanted.certificate.or(&wanted.key);
    let mut found = access.objects().find(ObjectClass::CERTIFICATE, selector)?;
    if found.is_empty() && access.can_log_in() {
        access.log_in()?;
        found = access.objects().find(ObjectClass::CERTIFICATE, selector)?;
    }
    let all = access.objects().find(ObjectClass::CERTIFICATE, &ObjectSelector::default())?;
    // What cannot be read is no issuer of anything, nor does it stand in the way of another.
    let others: Vec<_> = all.iter().filter_map(|object| parse(access, *object).ok()).collect();
    let leaf = if found.is_empty() {
        // Names of the key that are none of the certificate's: then it is the key that counts.
        let by_key = wanted.certificate.is_empty() && !wanted.key.is_empty();
        let of_key = if by_key { of_key(access, &wanted.key, &others)? } else { Vec::new() };
        last_to_end(of_key).ok_or_else(|| not_found(access, selector, &all))?
    } else {
        one_of(access, wanted, &found)?
    };
    Ok(with_issuers(leaf, &others))
}

/// The one that is meant of those with the right names.
fn one_of(access: &mut Access<'_>, wanted: &Wanted, found: &[ObjectHandle]) -> Result<Certificate, Failure> {
    let mut candidates = Vec::new();
    let mut unreadable = None;
    for object in found {
        match parse(access, *object) {
            Ok(certificate) => candidates.push(certificate),
            Err(what) => unreadable = unreadable.or(Some((*object, what))),
        }
    }
    if let (true, Some((object, what))) = (candidates.is_empty(), unreadable) {
        return Err(bad(access, object, &what).into());
    }
    if candidates.iter().any(|candidate| !candidate.is_attestation()) {
        candidates.retain(|candidate| !candidate.is_attestation());
    }
    if !are_of_one_key(&candidates) {
        candidates = of_key(access, &wanted.key, &candidates)?;
    }
    let selector = wanted.certificate.or(&wanted.key);
    last_to_end(candidates).ok_or_else(|| ambiguous(access, selector, found).into())
}

/// Those that certify the private key; none if that is not to be seen.
fn of_key(
    access: &mut Access<'_>,
    key: &ObjectSelector,
    certificates: &[Certificate],
) -> Result<Vec<Certificate>, Failure> {
    if access.session.lacks_login() && !access.can_log_in() {
        return Ok(Vec::new());
    }
    let key = match access.private_key(key) {
        Ok(key) => key.handle,
        Err(Failure::Verdict { error, .. })
            if matches!(error.code(), Code::Pkcs11KeyNotFound | Code::Pkcs11KeyAmbiguous) =>
        {
            return Ok(Vec::new());
        }
        Err(failure) => return Err(failure),
    };
    let objects = access.objects();
    let certifies = |certificate: &&Certificate| {
        let expected = certificate.public_key();
        !certificate.is_attestation()
            && public_half::of(objects, key, expected).is_some_and(|shown| shown == *expected)
    };
    Ok(certificates.iter().filter(certifies).cloned().collect())
}

fn are_of_one_key(certificates: &[Certificate]) -> bool {
    certificates.windows(2).all(|pair| pair[0].public_key() == pair[1].public_key())
}

/// Of renewals the last. Some issuers give all their certificates the same end.
fn last_to_end(certificates: Vec<Certificate>) -> Option<Certificate> {
    certificates.into_iter().max_by_key(|certificate| (certificate.not_after(), certificate.not_before()))
}

fn with_issuers(leaf: Certificate, others: &[Certificate]) -> Vec<Certificate> {
    let mut chain = vec![leaf];
    while let Some(last) = chain.last().filter(|_| chain.len() < LONGEST_CHAIN) {
        let may_be = |other: &&Certificate| {
            let is_root = other.subject() == other.issuer();
            !is_root
                && other.subject() == last.issuer()
                && chain.iter().all(|known| known.der() != other.der())
        };
        let issuer = last_to_end(others.iter().filter(may_be).cloned().collect());
        let Some(issuer) = issuer else { break };
        chain.push(issuer);
    }
    chain
}

fn parse(access: &Access<'_>, object: ObjectHandle) -> Result<Certificate, String> {
    let der = access.objects().read(object, AttributeType::Value).ok_or("has no value (CKA_VALUE)")?;
    Certificate::from_der(&der)
}

fn bad(access: &Access<'_>, object: ObjectHandle, what: &str) -> Error {
    let name = access.objects().describe(object);
    let message = format!("PKCS#11 {}: the certificate with {name} {what}", access.subject);
    Error::new(Code::BadCertificate, message).with_param("pkcs11.certificateLabel")
}

fn not_found(access: &Access<'_>, selector: &ObjectSelector, all: &[ObjectHandle]) -> Error {
    let seen = access.objects().listed(all);
    let subject = access.subject;
    let message = format!("PKCS#11 {subject} has no certificate with {selector}; certificates seen: {seen}");
    refused(Code::Pkcs11CertificateNotFound, message)
}

fn ambiguous(access: &Access<'_>, selector: &ObjectSelector, several: &[ObjectHandle]) -> Error {
    let (count, seen) = (several.len(), access.objects().listed(several));
    let subject = access.subject;
    let message = format!("PKCS#11 {subject} has {count} certificates with {selector}: {seen}");
    refused(Code::Pkcs11CertificateAmbiguous, message)
}

fn refused(code: Code, message: String) -> Error {
    Error::new(code, message).with_param("pkcs11.certificateLabel").with_hint(
        "Correct `pkcs11.certificateLabel` or `pkcs11.certificateId`, or give `certificate` as a file.",
    )
}
