//! C_SignInit and C_Sign, called directly (PKCS#11 v2.40 section 5.11).
//!
//! The crate's `Session::sign` asks for the signature's length first, a second round trip that some devices answer
//! by signing; and it leaves no place for the login that always-authenticate keys want between the two calls.

use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki_sys as sys;

use crate::failure::Failure;
use crate::mechanism::Plan;
use crate::module::Lease;

/// As long as an RSA-8192 signature.
const SIGNATURE_BYTES: usize = 1024;

/// Signs as planned: exactly one C_SignInit and one C_Sign, and `between` the two. After a failure the session may be
/// in the middle of an operation and is to be closed.
pub(crate) fn sign(
    lease: &Lease<'_>,
    session: &Session,
    key: ObjectHandle,
    plan: &Plan,
    between: impl FnOnce() -> Result<(), Failure>,
) -> Result<Vec<u8>, Failure> {
    let Some(functions) = lease.functions() else {
        // No place for `between`; a key that needs it says CKR_USER_NOT_LOGGED_IN.
        return Ok(session.sign(&plan.for_crate(), key, &plan.data)?);
    };

    let mut pss = plan.pss;
    let (parameter, parameter_len) = match &mut pss {
        Some(pss) => (std::ptr::from_mut(pss).cast(), size_of::<sys::CK_RSA_PKCS_PSS_PARAMS>()),
        None => (std::ptr::null_mut(), 0),
    };
    let mut mechanism = sys::CK_MECHANISM {
        mechanism: plan.mechanism,
        pParameter: parameter,
        ulParameterLen: ulong(parameter_len)?,
    };
    // SAFETY: a function of the module that made this session, which this thread alone uses and which the lease
    // keeps from being voided; the mechanism and, through it, `pss` live until the call is over, and the module
    // copies what it needs longer.
    let value = unsafe { (functions.sign_init)(session.handle(), &raw mut mechanism, key.handle()) };
    if value != sys::CKR_OK {
        return Err(Failure::call("C_SignInit", value));
    }
    between()?;

    let mut data = plan.data.clone();
    let data_len = ulong(data.len())?;
    let mut signature = vec![0_u8; SIGNATURE_BYTES];
    let mut signature_len = ulong(signature.len())?;
    // SAFETY: as above; both buffers are as long as their lengths say, and the input is a copy, should the module
    // take the missing `const` in the standard's prototype at its word.
    let value = unsafe {
        (functions.sign)(
            session.handle(),
            data.as_mut_ptr(),
            data_len,
            signature.as_mut_ptr(),
            &raw mut signature_len,
        )
    };
    if value != sys::CKR_OK {
        return Err(Failure::call("C_Sign", value));
    }
    match usize::try_from(signature_len) {
        Ok(len) if len <= SIGNATURE_BYTES => signature.truncate(len),
        _ => return Err(Failure::Answer("claims a signature longer than the buffer it was given".into())),
    }
    Ok(signature)
}

fn ulong(length: usize) -> Result<sys::CK_ULONG, Failure> {
    sys::CK_ULONG::try_from(length).map_err(|_| Failure::Answer("cannot take data of this length".into()))
}
