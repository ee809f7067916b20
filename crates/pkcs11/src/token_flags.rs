//! What a token says of itself by its flags, in words (PKCS#11 v2.40 section 3.2, `CK_TOKEN_INFO`).

use cryptoki_sys as sys;

use crate::token_info::TokenInfo;

/// A flag that is worth knowing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenFlag {
    /// As the standard calls it; with `!` before it where it is worth knowing that it is not set.
    pub name: &'static str,
    /// What it means.
    pub words: &'static str,
}

/// The flags of a token that say something about using it, as they are.
pub(crate) fn of(token: &TokenInfo) -> Vec<TokenFlag> {
    let set = |flag, name, words| (token.has(flag), name, words);
    let all = [
        (!token.is_initialised(), "!CKF_TOKEN_INITIALIZED", "not initialised"),
        set(sys::CKF_LOGIN_REQUIRED, "CKF_LOGIN_REQUIRED", "login required"),
        (!token.has(sys::CKF_USER_PIN_INITIALIZED), "!CKF_USER_PIN_INITIALIZED", "user PIN not set"),
        set(sys::CKF_USER_PIN_COUNT_LOW, "CKF_USER_PIN_COUNT_LOW", "a wrong user PIN was given"),
        set(sys::CKF_USER_PIN_FINAL_TRY, "CKF_USER_PIN_FINAL_TRY", "one try is left for the user PIN"),
        set(sys::CKF_USER_PIN_LOCKED, "CKF_USER_PIN_LOCKED", "user PIN locked"),
        set(sys::CKF_USER_PIN_TO_BE_CHANGED, "CKF_USER_PIN_TO_BE_CHANGED", "user PIN must be changed"),
        set(sys::CKF_SO_PIN_LOCKED, "CKF_SO_PIN_LOCKED", "SO PIN locked"),
        set(sys::CKF_PROTECTED_AUTHENTICATION_PATH, "CKF_PROTECTED_AUTHENTICATION_PATH", "PIN pad"),
        set(sys::CKF_WRITE_PROTECTED, "CKF_WRITE_PROTECTED", "write-protected"),
        set(sys::CKF_ERROR_STATE, "CKF_ERROR_STATE", "in an error state"),
    ];
    all.into_iter().filter(|(set, ..)| *set).map(|(_, name, words)| TokenFlag { name, words }).collect()
}
