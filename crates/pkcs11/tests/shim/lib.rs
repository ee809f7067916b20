//! A PKCS#11 module for the tests: SoftHSM, except where a file tells it to behave like less agreeable hardware.
//!
//! The file is `shim` in the test's directory, read at every call; words in it:
//!
//! | Word | Effect |
//! |---|---|
//! | `final-try`, `locked`, `to-be-changed` | that flag of the user PIN in CK_TOKEN_INFO |
//! | `no-login` | CKF_LOGIN_REQUIRED is not set |
//! | `refuse=<hex>` | C_SignInit refuses this mechanism |
//! | `fail=<function>:<hex>` | the function returns this value |
//! | `fail-once=<function>:<hex>` | the same, for its first call in this process with this very word in the file |
//! | `der` | C_Sign returns ECDSA signatures as DER |
//!
//! Built as an example of the crate, so that `cargo test` makes the library; published nowhere.

#![allow(unsafe_code, reason = "it is a C library")]
#![allow(clippy::unwrap_used, reason = "a test fixture that cannot go on ends the test")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use cryptoki_sys as sys;

const FLAGS: [(&str, sys::CK_FLAGS); 3] = [
    ("final-try", sys::CKF_USER_PIN_FINAL_TRY),
    ("locked", sys::CKF_USER_PIN_LOCKED),
    ("to-be-changed", sys::CKF_USER_PIN_TO_BE_CHANGED),
];

/// SoftHSM's functions, and the list handed out.
struct Lists {
    real: sys::CK_FUNCTION_LIST,
    ours: sys::CK_FUNCTION_LIST,
}

static LISTS: OnceLock<Lists> = OnceLock::new();
static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The entry point of the standard.
///
/// # Safety
/// `list` must be a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut sys::CK_FUNCTION_LIST) -> sys::CK_RV {
    let ours = std::ptr::from_ref(&lists().ours).cast_mut();
    // SAFETY: the caller's promise. Nobody writes through the pointer.
    unsafe { list.write(ours) };
    sys::CKR_OK
}

fn lists() -> &'static Lists {
    LISTS.get_or_init(|| {
        let path = env::var_os("PKCS11SPY").unwrap();
        // SAFETY: SoftHSM, whose constructors are harmless; the entry point has the standard's signature and
        // returns a list that lives as long as the library, which is leaked.
        let real = unsafe {
            let library: &'static libloading::Library =
                Box::leak(Box::new(libloading::Library::new(path).unwrap()));
            let entry: libloading::Symbol<
                '_,
                unsafe extern "C" fn(*mut *mut sys::CK_FUNCTION_LIST) -> sys::CK_RV,
            > = library.get(b"C_GetFunctionList\0").unwrap();
            let mut list = std::ptr::null_mut();
            assert_eq!(entry(&raw mut list), sys::CKR_OK);
            *list
        };
        let ours = sys::CK_FUNCTION_LIST {
            C_GetTokenInfo: Some(token_info),
            C_OpenSession: Some(open_session),
            C_Login: Some(login),
            C_SignInit: Some(sign_init),
            C_Sign: Some(sign),
            ..real
        };
        Lists { real, ours }
    })
}

fn words() -> Vec<String> {
    let file = PathBuf::from(env::var_os("REFRESH_SESSION_PKCS11_TEST").unwrap()).join("shim");
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The value that `function` is told to return.
fn told(function: &str) -> Option<sys::CK_RV> {
    words().into_iter().find_map(|word| {
        let (kind, rule) = word.split_once('=')?;
        let (name, value) = rule.split_once(':')?;
        let applies = name == function
            && (kind == "fail" || kind == "fail-once" && USED.lock().unwrap().insert(word.clone()));
        applies.then(|| sys::CK_RV::from_str_radix(value, 16).unwrap())
    })
}

unsafe extern "C" fn token_info(slot: sys::CK_SLOT_ID, info: *mut sys::CK_TOKEN_INFO) -> sys::CK_RV {
    // SAFETY: the caller's arguments, handed on.
    let value = unsafe { lists().real.C_GetTokenInfo.unwrap()(slot, info) };
    let words = words();
    let has = |name: &str| words.iter().any(|word| word == name);
    let set = FLAGS.into_iter().filter(|(name, _)| has(name)).fold(0, |set, (_, flag)| set | flag);
    let cleared = if has("no-login") { sys::CKF_LOGIN_REQUIRED } else { 0 };
    // SAFETY: SoftHSM has just filled it in; by copy, as the structure is packed on some systems.
    unsafe {
        let flags = &raw mut (*info).flags;
        flags.write_unaligned((flags.read_unaligned() | set) & !cleared);
    }
    value
}

unsafe extern "C" fn open_session(
    slot: sys::CK_SLOT_ID,
    flags: sys::CK_FLAGS,
    application: *mut std::ffi::c_void,
    notify: sys::CK_NOTIFY,
    session: *mut sys::CK_SESSION_HANDLE,
) -> sys::CK_RV {
    // SAFETY: the caller's arguments, handed on.
    told("C_OpenSession").unwrap_or_else(|| unsafe {
        lists().real.C_OpenSession.unwrap()(slot, flags, application, notify, session)
    })
}

unsafe extern "C" fn login(
    session: sys::CK_SESSION_HANDLE,
    user: sys::CK_USER_TYPE,
    pin: *mut sys::CK_UTF8CHAR,
    length: sys::CK_ULONG,
) -> sys::CK_RV {
    // SAFETY: the caller's arguments, handed on.
    told("C_Login").unwrap_or_else(|| unsafe { lists().real.C_Login.unwrap()(session, user, pin, length) })
}

unsafe extern "C" fn sign_init(
    session: sys::CK_SESSION_HANDLE,
    mechanism: *mut sys::CK_MECHANISM,
    key: sys::CK_OBJECT_HANDLE,
) -> sys::CK_RV {
    // SAFETY: the caller's mechanism.
    let refused = format!("refuse={:x}", unsafe { (*mechanism).mechanism });
    if words().contains(&refused) {
        return sys::CKR_MECHANISM_INVALID;
    }
    // SAFETY: the caller's arguments, handed on.
    told("C_SignInit").unwrap_or_else(|| unsafe { lists().real.C_SignInit.unwrap()(session, mechanism, key) })
}

unsafe extern "C" fn sign(
    session: sys::CK_SESSION_HANDLE,
    data: *mut sys::CK_BYTE,
    data_len: sys::CK_ULONG,
    signature: *mut sys::CK_BYTE,
    signature_len: *mut sys::CK_ULONG,
) -> sys::CK_RV {
    if let Some(value) = told("C_Sign") {
        return value;
    }
    // SAFETY: the caller's arguments, handed on.
    let value = unsafe { lists().real.C_Sign.unwrap()(session, data, data_len, signature, signature_len) };
    if value == sys::CKR_OK && words().iter().any(|word| word == "der") {
        // SAFETY: the tests give a buffer of a kilobyte, of which SoftHSM has filled the first r‖s.
        unsafe {
            let raw =
                std::slice::from_raw_parts(signature, usize::try_from(*signature_len).unwrap()).to_vec();
            let der = der(&raw);
            std::ptr::copy_nonoverlapping(der.as_ptr(), signature, der.len());
            *signature_len = sys::CK_ULONG::try_from(der.len()).unwrap();
        }
    }
    value
}

/// As a careless module does it: a zero in front of every number, needed or not.
fn der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let element = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let integer = |number: &[u8]| element(0x02, &[&[0], number].concat());
    element(0x30, &[integer(r), integer(s)].concat())
}
