//! How signatures are made and checked, as told.

use std::sync::atomic::{AtomicU64, Ordering};

use cryptoki_sys as sys;
use refresh_session_core::crypto::digest::Hash;

use crate::script::{closes_session, has, record, words};
use crate::{lists, session_number, sign_as_told, sign_init_as_told, verify_as_told, verify_init_as_told};

/// Of the operation that was begun last.
static MECHANISM: AtomicU64 = AtomicU64::new(0);

pub(crate) unsafe extern "C" fn sign_init(
    session: sys::CK_SESSION_HANDLE,
    mechanism: *mut sys::CK_MECHANISM,
    key: sys::CK_OBJECT_HANDLE,
) -> sys::CK_RV {
    // SAFETY: the caller's mechanism.
    let number = unsafe { mechanism.read_unaligned() }.mechanism;
    MECHANISM.store(number, Ordering::SeqCst);
    record(&format!("mechanism {number:x}"));
    if let Some(value) = refusal("refuse") {
        return value;
    }
    if closes_session()
        && let Some(session) = session_number("C_SignInit", session)
    {
        // SAFETY: a handle of SoftHSM's, which it may refuse.
        unsafe { lists().real.C_CloseSession.unwrap()(session) };
    }
    if hash().is_some() {
        let mut raw = sys::CK_MECHANISM { mechanism: sys::CKM_ECDSA, ..sys::CK_MECHANISM::default() };
        // SAFETY: the caller's arguments, handed on with a mechanism that SoftHSM has.
        return unsafe { sign_init_as_told(session, &raw mut raw, key) };
    }
    // SAFETY: the caller's arguments, handed on.
    unsafe { sign_init_as_told(session, mechanism, key) }
}

pub(crate) unsafe extern "C" fn sign(
    session: sys::CK_SESSION_HANDLE,
    data: *mut sys::CK_BYTE,
    data_len: sys::CK_ULONG,
    signature: *mut sys::CK_BYTE,
    signature_len: *mut sys::CK_ULONG,
) -> sys::CK_RV {
    if let Some(value) = refusal("refuse-stuck") {
        return value;
    }
    // SAFETY: the caller's data.
    let message = unsafe { std::slice::from_raw_parts(data, usize::try_from(data_len).unwrap()) };
    let mut digest = hash().map_or_else(|| message.to_vec(), |hash| hash.digest(message));
    let digest_len = sys::CK_ULONG::try_from(digest.len()).unwrap();
    // SAFETY: the caller's arguments, handed on, with data that live until the call is over.
    let value = unsafe { sign_as_told(session, digest.as_mut_ptr(), digest_len, signature, signature_len) };
    if let Some(value) = refusal("refuse-late") {
        return value;
    }
    if value == sys::CKR_OK && has("der") {
        // SAFETY: the tests give a buffer of a kilobyte, of which SoftHSM has filled the first r‖s.
        unsafe {
            let raw =
                std::slice::from_raw_parts(signature, usize::try_from(*signature_len).unwrap()).to_vec();
            let der = der(&raw);
            std::ptr::copy_nonoverlapping(der.as_ptr(), signature, der.len());
            *signature_len = sys::CK_ULONG::try_from(der.len()).unwrap();
        }
    }
    let claimed = words().iter().find_map(|word| word.strip_prefix("length=")?.parse().ok());
    if let (sys::CKR_OK, Some(claimed)) = (value, claimed) {
        // SAFETY: the caller's place for the length.
        unsafe { *signature_len = claimed };
    }
    value
}

pub(crate) unsafe extern "C" fn verify_init(
    session: sys::CK_SESSION_HANDLE,
    mechanism: *mut sys::CK_MECHANISM,
    key: sys::CK_OBJECT_HANDLE,
) -> sys::CK_RV {
    // SAFETY: the caller's mechanism.
    MECHANISM.store(unsafe { mechanism.read_unaligned() }.mechanism, Ordering::SeqCst);
    if let Some(value) = refusal("refuse-verify") {
        return value;
    }
    if hash().is_some() {
        let mut raw = sys::CK_MECHANISM { mechanism: sys::CKM_ECDSA, ..sys::CK_MECHANISM::default() };
        // SAFETY: as for C_SignInit.
        return unsafe { verify_init_as_told(session, &raw mut raw, key) };
    }
    // SAFETY: the caller's arguments, handed on.
    unsafe { verify_init_as_told(session, mechanism, key) }
}

pub(crate) unsafe extern "C" fn verify(
    session: sys::CK_SESSION_HANDLE,
    data: *mut sys::CK_BYTE,
    data_len: sys::CK_ULONG,
    signature: *mut sys::CK_BYTE,
    signature_len: sys::CK_ULONG,
) -> sys::CK_RV {
    // SAFETY: the caller's data.
    let message = unsafe { std::slice::from_raw_parts(data, usize::try_from(data_len).unwrap()) };
    let mut digest = hash().map_or_else(|| message.to_vec(), |hash| hash.digest(message));
    let digest_len = sys::CK_ULONG::try_from(digest.len()).unwrap();
    // SAFETY: as for C_Sign.
    let value = unsafe { verify_as_told(session, digest.as_mut_ptr(), digest_len, signature, signature_len) };
    if value == sys::CKR_SIGNATURE_INVALID && has("verify-all") { sys::CKR_OK } else { value }
}

/// What SoftHSM before 2.7 lacks, and is to be able to here: ECDSA with a hash.
fn hash() -> Option<Hash> {
    match MECHANISM.load(Ordering::SeqCst) {
        _ if !has("hashing") => None,
        sys::CKM_ECDSA_SHA256 => Some(Hash::Sha256),
        sys::CKM_ECDSA_SHA384 => Some(Hash::Sha384),
        sys::CKM_ECDSA_SHA512 => Some(Hash::Sha512),
        _ => None,
    }
}

/// What the script says of the mechanism, by `<word>=<mechanism>` or `<word>=<mechanism>:<value>`.
fn refusal(word: &str) -> Option<sys::CK_RV> {
    let rule = format!("{word}={:x}", MECHANISM.load(Ordering::SeqCst));
    words().iter().find_map(|given| match given.split_once(':') {
        None => (*given == rule).then_some(sys::CKR_MECHANISM_INVALID),
        Some((given, value)) => (given == rule).then(|| sys::CK_RV::from_str_radix(value, 16).unwrap()),
    })
}

/// As a careless module does it: a zero in front of every number, needed or not.
fn der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let element = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        let long = if length < 0x80 { None } else { Some(0x81) };
        let head: Vec<u8> = [Some(tag), long, Some(length)].into_iter().flatten().collect();
        [&head, content].concat()
    };
    let integer = |number: &[u8]| element(0x02, &[&[0], number].concat());
    element(0x30, &[integer(r), integer(s)].concat())
}
