//! A PKCS#11 module for the tests: SoftHSM, except where a file tells it to behave like less agreeable hardware.
//!
//! The file is `shim` in the test's directory, read at every call; words in it:
//!
//! | Word | Effect |
//! |---|---|
//! | `clock` | the token has a clock that shows no date, as opencryptoki's |
//! | `final-try`, `locked`, `to-be-changed` | that flag of the user PIN in CK_TOKEN_INFO |
//! | `pad` | CKF_PROTECTED_AUTHENTICATION_PATH; a C_Login without a PIN is one with `pad=<PIN>` |
//! | `no-login` | CKF_LOGIN_REQUIRED is not set |
//! | `refuse=<hex>` | C_SignInit refuses this mechanism; `refuse=<hex>:<hex>`: with this value |
//! | `refuse-late=<hex>` | C_Sign does; `refuse-stuck=<hex>`: and leaves the operation active |
//! | `hashing` | it signs and verifies with CKM_ECDSA_SHA256, _SHA384 and _SHA512, which SoftHSM 2.6 cannot |
//! | `refuse-verify=<hex>` | C_VerifyInit does |
//! | `verify-all` | C_Verify finds every signature good |
//! | `fail=<function>:<hex>` | the function returns this value; `*` for the function: all that reach a device |
//! | `fail-once=<function>:<hex>` | the same, for its first call in this process with this very word in the file |
//! | `fail-until-anew=<function>:<hex>` | the same, until the module is initialised anew |
//! | `close-once` | C_SignInit finds that its session was closed, once |
//! | `hang=<function>` | it does not return until the word is gone |
//! | `hang-once=<function>` | the same, for the first call |
//! | `slow=<function>:<ms>` | it takes so much longer |
//! | `hide` | no slot has a token |
//! | `hide-until-anew` | the same, until the module is initialised anew |
//! | … `#<any>` | behind a word with `once` or `until-anew`: another word, to the same effect |
//! | `der` | C_Sign returns ECDSA signatures as DER |
//! | `length=<n>` | C_Sign says that its signature has so many bytes |
//! | `attr=<class>:<attribute>:<how>` | how C_GetAttributeValue answers; numbers in hex, any class: `*` |
//! | … `absent`, `sensitive`, `unavailable` | no value, by each of the ways to say so |
//! | … `huge`, `overlong` | a length that no memory holds, said before, or of what was written |
//! | … `spaces`, `zeros` | the value with padding |
//! | … `bare`, `compressed` | an EC point in that form |
//! | … `=<hex>` | these bytes |
//! | `blind=<attribute>` | a search for it finds nothing; `unsearchable=<attribute>`: is refused |
//! | `twice` | C_FindObjects lists the first object twice |
//! | `label=<hex>`, `serial=<hex>` | the beginning of what CK_TOKEN_INFO says, up to its end |
//!
//! Slot numbers and session handles differ from one initialisation to the next. A handle of an older one is refused
//! and recorded as `stale <function>`: a real module would have given its number to another session by then.
//!
//! Every call is recorded in the file PKCS11SPY_OUTPUT, a C_Finalize or C_Initialize during another call as `overlap
//! <function>` as well, during one of the two as `race <function>`, a C_SignInit also as `mechanism <hex>`.
//!
//! Built as an example of the crate, so that `cargo test` makes the library; published nowhere.

#![allow(unsafe_code, reason = "it is a C library")]
#![allow(clippy::unwrap_used, reason = "a test fixture that cannot go on ends the test")]

mod objects;
mod script;
mod sign;

use std::env;
use std::ffi::c_void;
use std::sync::OnceLock;

use cryptoki_sys as sys;

use objects::{attributes, bytes, find, find_init};
use script::{Call, begin_alone, generation, has, hides_tokens, next_generation, record, told, typed, words};
use sign::{sign, sign_init, verify, verify_init};

const FLAGS: [(&str, sys::CK_FLAGS); 5] = [
    ("clock", sys::CKF_CLOCK_ON_TOKEN),
    ("final-try", sys::CKF_USER_PIN_FINAL_TRY),
    ("locked", sys::CKF_USER_PIN_LOCKED),
    ("to-be-changed", sys::CKF_USER_PIN_TO_BE_CHANGED),
    ("pad", sys::CKF_PROTECTED_AUTHENTICATION_PATH),
];

/// Below it a handle is SoftHSM's, from it on the generation.
const GENERATION_BIT: u32 = 16;

/// SoftHSM's functions, and the list handed out.
struct Lists {
    real: sys::CK_FUNCTION_LIST,
    ours: sys::CK_FUNCTION_LIST,
}

static LISTS: OnceLock<Lists> = OnceLock::new();

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
            C_Initialize: Some(initialize),
            C_Finalize: Some(finalize),
            C_GetSlotList: Some(slot_list),
            C_GetSlotInfo: Some(slot_info),
            C_GetTokenInfo: Some(token_info),
            C_OpenSession: Some(open_session),
            C_CloseSession: Some(close_session),
            C_GetSessionInfo: Some(session_info),
            C_Login: Some(login),
            C_Logout: Some(logout),
            C_FindObjectsInit: Some(find_init),
            C_FindObjects: Some(find),
            C_FindObjectsFinal: Some(find_final),
            C_GetAttributeValue: Some(attributes),
            C_SignInit: Some(sign_init),
            C_Sign: Some(sign),
            C_VerifyInit: Some(verify_init),
            C_Verify: Some(verify),
            ..real
        };
        Lists { real, ours }
    })
}

unsafe extern "C" fn initialize(arguments: *mut c_void) -> sys::CK_RV {
    let _alone = begin_alone("C_Initialize");
    if let Some(value) = told("C_Initialize") {
        return value;
    }
    // SAFETY: the caller's arguments, handed on.
    let value = unsafe { lists().real.C_Initialize.unwrap()(arguments) };
    if value == sys::CKR_OK {
        next_generation();
    }
    value
}

unsafe extern "C" fn finalize(reserved: *mut c_void) -> sys::CK_RV {
    let _alone = begin_alone("C_Finalize");
    if let Some(value) = told("C_Finalize") {
        return value;
    }
    // SAFETY: the caller's arguments, handed on.
    unsafe { lists().real.C_Finalize.unwrap()(reserved) }
}

/// From ours to SoftHSM's and back.
fn slot_number(slot: sys::CK_SLOT_ID) -> sys::CK_SLOT_ID {
    slot ^ sys::CK_SLOT_ID::try_from(generation() & 0xff).unwrap()
}

unsafe extern "C" fn slot_list(
    present: sys::CK_BBOOL,
    slots: *mut sys::CK_SLOT_ID,
    count: *mut sys::CK_ULONG,
) -> sys::CK_RV {
    let call = Call::begin("C_GetSlotList");
    if let Some(value) = call.told() {
        return value;
    }
    if hides_tokens() {
        // SAFETY: the caller's place for the count.
        unsafe { count.write(0) };
        return sys::CKR_OK;
    }
    // SAFETY: the caller's arguments, handed on.
    let value = unsafe { lists().real.C_GetSlotList.unwrap()(present, slots, count) };
    if value == sys::CKR_OK && !slots.is_null() {
        // SAFETY: SoftHSM has just filled in so many.
        let filled = unsafe { std::slice::from_raw_parts_mut(slots, usize::try_from(count.read()).unwrap()) };
        for slot in filled {
            *slot = slot_number(*slot);
        }
    }
    value
}

unsafe extern "C" fn slot_info(slot: sys::CK_SLOT_ID, info: *mut sys::CK_SLOT_INFO) -> sys::CK_RV {
    // SAFETY: the caller's arguments, handed on.
    unsafe { lists().real.C_GetSlotInfo.unwrap()(slot_number(slot), info) }
}

unsafe extern "C" fn token_info(slot: sys::CK_SLOT_ID, info: *mut sys::CK_TOKEN_INFO) -> sys::CK_RV {
    // SAFETY: the caller's arguments, handed on.
    let value = unsafe { lists().real.C_GetTokenInfo.unwrap()(slot_number(slot), info) };
    let set = FLAGS.into_iter().filter(|(name, _)| has(name)).fold(0, |set, (_, flag)| set | flag);
    let cleared = if has("no-login") { sys::CKF_LOGIN_REQUIRED } else { 0 };
    if value == sys::CKR_OK {
        // SAFETY: SoftHSM has just filled it in; by copy, as the structure is packed on some systems.
        unsafe {
            let flags = &raw mut (*info).flags;
            flags.write_unaligned((flags.read_unaligned() | set) & !cleared);
            if has("clock") {
                (&raw mut (*info).utcTime).write_unaligned(*b"        13:44:44");
            }
            // An empty slot keeps its own.
            let is_empty = flags.read_unaligned() & sys::CKF_TOKEN_INITIALIZED == 0;
            let words = if is_empty { Vec::new() } else { words() };
            let told = |word: &str| words.iter().find_map(|given| given.strip_prefix(word).map(bytes));
            for (text, at) in [
                (told("label="), (&raw mut (*info).label).cast::<u8>()),
                (told("serial="), (&raw mut (*info).serialNumber).cast::<u8>()),
            ] {
                let text = text.unwrap_or_default();
                std::ptr::copy_nonoverlapping(text.as_ptr(), at, text.len());
            }
        }
    }
    value
}

unsafe extern "C" fn open_session(
    slot: sys::CK_SLOT_ID,
    flags: sys::CK_FLAGS,
    application: *mut c_void,
    notify: sys::CK_NOTIFY,
    session: *mut sys::CK_SESSION_HANDLE,
) -> sys::CK_RV {
    let call = Call::begin("C_OpenSession");
    if let Some(value) = call.told() {
        return value;
    }
    // SAFETY: the caller's arguments, handed on; and its place for the handle, which SoftHSM has just filled.
    unsafe {
        let real = lists().real.C_OpenSession.unwrap();
        let value = real(slot_number(slot), flags, application, notify, session);
        if value == sys::CKR_OK {
            let generation = sys::CK_SESSION_HANDLE::try_from(generation()).unwrap();
            session.write(session.read() | generation << GENERATION_BIT);
        }
        value
    }
}

/// SoftHSM's handle; `None` for one of an older generation.
fn session_number(function: &str, session: sys::CK_SESSION_HANDLE) -> Option<sys::CK_SESSION_HANDLE> {
    let is_current = session >> GENERATION_BIT == sys::CK_SESSION_HANDLE::try_from(generation()).unwrap();
    if !is_current {
        record(&format!("stale {function}"));
    }
    is_current.then_some(session & ((1 << GENERATION_BIT) - 1))
}

/// Functions that only need their handle translated.
macro_rules! of_session {
    ($($name:ident = $function:ident($($argument:ident: $kind:ty),*);)+) => {$(
        unsafe extern "C" fn $name(session: sys::CK_SESSION_HANDLE $(, $argument: $kind)*) -> sys::CK_RV {
            const NAME: &str = stringify!($function);
            let call = Call::begin(NAME);
            let Some(session) = session_number(NAME, session) else { return sys::CKR_SESSION_HANDLE_INVALID };
            // SAFETY: the caller's arguments, handed on.
            call.told().unwrap_or_else(|| unsafe { lists().real.$function.unwrap()(session $(, $argument)*) })
        }
    )+};
}

of_session! {
    close_session = C_CloseSession();
    session_info = C_GetSessionInfo(info: *mut sys::CK_SESSION_INFO);
    login_as_told = C_Login(user: sys::CK_USER_TYPE, pin: *mut sys::CK_UTF8CHAR, length: sys::CK_ULONG);
    logout = C_Logout();
    find_init_as_told = C_FindObjectsInit(template: *mut sys::CK_ATTRIBUTE, count: sys::CK_ULONG);
    find_as_told = C_FindObjects(objects: *mut sys::CK_OBJECT_HANDLE, most: sys::CK_ULONG, count: *mut sys::CK_ULONG);
    find_final = C_FindObjectsFinal();
    attributes_as_told = C_GetAttributeValue(
        object: sys::CK_OBJECT_HANDLE, template: *mut sys::CK_ATTRIBUTE, count: sys::CK_ULONG
    );
    sign_init_as_told = C_SignInit(mechanism: *mut sys::CK_MECHANISM, key: sys::CK_OBJECT_HANDLE);
    sign_as_told = C_Sign(
        data: *mut sys::CK_BYTE, data_len: sys::CK_ULONG,
        signature: *mut sys::CK_BYTE, signature_len: *mut sys::CK_ULONG
    );
    verify_init_as_told = C_VerifyInit(mechanism: *mut sys::CK_MECHANISM, key: sys::CK_OBJECT_HANDLE);
    verify_as_told = C_Verify(
        data: *mut sys::CK_BYTE, data_len: sys::CK_ULONG,
        signature: *mut sys::CK_BYTE, signature_len: sys::CK_ULONG
    );
}

unsafe extern "C" fn login(
    session: sys::CK_SESSION_HANDLE,
    user: sys::CK_USER_TYPE,
    pin: *mut sys::CK_UTF8CHAR,
    length: sys::CK_ULONG,
) -> sys::CK_RV {
    if let Some(mut typed) = typed().filter(|_| pin.is_null()) {
        let length = sys::CK_ULONG::try_from(typed.len()).unwrap();
        // SAFETY: the caller's arguments, handed on, with a PIN that lives until the call is over.
        return unsafe { login_as_told(session, user, typed.as_mut_ptr(), length) };
    }
    // SAFETY: the caller's arguments, handed on.
    unsafe { login_as_told(session, user, pin, length) }
}
