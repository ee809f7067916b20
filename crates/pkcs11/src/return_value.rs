//! The return values of PKCS#11 functions: their names, and what to do about each (v2.40 section 5.1).

use std::fmt;

use cryptoki::error::{Rv, RvError};
use cryptoki_sys as sys;

/// A `CK_RV` other than `CKR_OK`. Displays as the constant's name and number, `CKR_PIN_INCORRECT (0xA0)`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ReturnValue(sys::CK_RV);

/// What may make the same request succeed. In which order they are taken, and how often, is `recovery`'s matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Remedy {
    /// Nothing we can do from here: report it.
    Fail,
    /// The session is gone or in the middle of an operation, or the token was away: look for the token again, open a
    /// new session, log in, find the key.
    ReopenSession,
    /// The same after a pause: other programs hold every session that the token has.
    WaitAndReopen,
    /// The key's handle is stale: find it again.
    FindKeyAgain,
    /// The login is gone: log in again.
    LogInAgain,
    /// Somebody finalised the module under us: initialise it. Every session before that is void.
    Initialise,
    /// The module has lost its device, and most never find it again by themselves: finalise and initialise it.
    InitialiseAnew,
}

impl ReturnValue {
    pub(crate) fn new(value: sys::CK_RV) -> Self {
        Self(value)
    }

    pub(crate) fn is(self, value: sys::CK_RV) -> bool {
        self.0 == value
    }

    /// What to do after a call of `function`. It matters which: a call that carried a PIN is repeated only where the
    /// token cannot have looked at it.
    pub(crate) fn remedy(self, function: &str) -> Remedy {
        match self.0 {
            sys::CKR_CRYPTOKI_NOT_INITIALIZED => Remedy::Initialise,
            sys::CKR_SESSION_HANDLE_INVALID | sys::CKR_SESSION_CLOSED => Remedy::ReopenSession,
            _ if matches!(function, "C_Login" | "C_Initialize") => Remedy::Fail,
            value => Self::remedy_without_pin(value),
        }
    }

    /// The same for a C_Login with a PIN that the token has taken before: that it sees it twice does no harm.
    pub(crate) fn remedy_of_proven_login(self) -> Remedy {
        match self.remedy("C_Login") {
            Remedy::Fail => Self::remedy_without_pin(self.0),
            remedy => remedy,
        }
    }

    /// Whether a C_Login with this answer cannot have been a try that the token counts: it was refused for what is known
    /// without looking at the PIN.
    pub(crate) fn is_no_try(self) -> bool {
        matches!(
            self.0,
            sys::CKR_CRYPTOKI_NOT_INITIALIZED
                | sys::CKR_SESSION_HANDLE_INVALID
                | sys::CKR_SESSION_CLOSED
                | sys::CKR_USER_PIN_NOT_INITIALIZED
                | sys::CKR_USER_TYPE_INVALID
                | sys::CKR_USER_ANOTHER_ALREADY_LOGGED_IN
                | sys::CKR_USER_TOO_MANY_TYPES
                | sys::CKR_ARGUMENTS_BAD
                | sys::CKR_HOST_MEMORY
        )
    }

    fn remedy_without_pin(value: sys::CK_RV) -> Remedy {
        match value {
            sys::CKR_OBJECT_HANDLE_INVALID | sys::CKR_KEY_HANDLE_INVALID => Remedy::FindKeyAgain,
            sys::CKR_USER_NOT_LOGGED_IN => Remedy::LogInAgain,
            sys::CKR_SESSION_COUNT => Remedy::WaitAndReopen,
            sys::CKR_OPERATION_ACTIVE
            | sys::CKR_OPERATION_NOT_INITIALIZED
            | sys::CKR_TOKEN_NOT_PRESENT
            | sys::CKR_TOKEN_NOT_RECOGNIZED
            | sys::CKR_DEVICE_REMOVED
            | sys::CKR_SLOT_ID_INVALID => Remedy::ReopenSession,
            sys::CKR_DEVICE_ERROR | sys::CKR_GENERAL_ERROR | sys::CKR_FUNCTION_FAILED => {
                Remedy::InitialiseAnew
            }
            value if value >= sys::CKR_VENDOR_DEFINED => Remedy::InitialiseAnew,
            _ => Remedy::Fail,
        }
    }

    /// The mechanism, or its parameters, or the key with it, are not supported: another mechanism may be.
    pub(crate) fn refuses_mechanism(self) -> bool {
        matches!(
            self.0,
            sys::CKR_MECHANISM_INVALID
                | sys::CKR_MECHANISM_PARAM_INVALID
                | sys::CKR_FUNCTION_NOT_SUPPORTED
                | sys::CKR_KEY_FUNCTION_NOT_PERMITTED
        )
    }

    /// An attribute in a search is unknown to the module, or may not be searched for.
    pub(crate) fn refuses_template(self) -> bool {
        matches!(
            self.0,
            sys::CKR_ATTRIBUTE_TYPE_INVALID
                | sys::CKR_ATTRIBUTE_VALUE_INVALID
                | sys::CKR_ATTRIBUTE_SENSITIVE
                | sys::CKR_TEMPLATE_INCONSISTENT
                | sys::CKR_TEMPLATE_INCOMPLETE
        )
    }

    fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(value, _)| *value == self.0).map(|(_, name)| *name)
    }
}

impl From<RvError> for ReturnValue {
    fn from(error: RvError) -> Self {
        match error {
            RvError::VendorDefined(value) | RvError::UnknownErrorCode(value) => Self(value),
            // The crate keeps the number to itself; it gives it for each constant, though.
            known => NAMES
                .iter()
                .find(|(value, _)| Rv::from(*value) == Rv::Error(known))
                .map_or(Self(sys::CKR_GENERAL_ERROR), |(value, _)| Self(*value)),
        }
    }
}

impl fmt::Display for ReturnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:X})", self.0),
            None if self.0 >= sys::CKR_VENDOR_DEFINED => write!(f, "the vendor's own code 0x{:X}", self.0),
            None => write!(f, "the unknown code 0x{:X}", self.0),
        }
    }
}

macro_rules! names {
    ($($name:ident)+) => { &[$((sys::$name, stringify!($name)),)+] };
}

const NAMES: &[(sys::CK_RV, &str)] = names! {
    CKR_CANCEL CKR_HOST_MEMORY CKR_SLOT_ID_INVALID CKR_GENERAL_ERROR CKR_FUNCTION_FAILED CKR_ARGUMENTS_BAD
    CKR_NO_EVENT CKR_NEED_TO_CREATE_THREADS CKR_CANT_LOCK CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE
    CKR_ATTRIBUTE_TYPE_INVALID CKR_ATTRIBUTE_VALUE_INVALID CKR_ACTION_PROHIBITED CKR_DATA_INVALID
    CKR_DATA_LEN_RANGE CKR_DEVICE_ERROR CKR_DEVICE_MEMORY CKR_DEVICE_REMOVED CKR_ENCRYPTED_DATA_INVALID
    CKR_ENCRYPTED_DATA_LEN_RANGE CKR_FUNCTION_CANCELED CKR_FUNCTION_NOT_PARALLEL CKR_FUNCTION_NOT_SUPPORTED
    CKR_CURVE_NOT_SUPPORTED CKR_KEY_HANDLE_INVALID CKR_KEY_SIZE_RANGE CKR_KEY_TYPE_INCONSISTENT
    CKR_KEY_NOT_NEEDED CKR_KEY_CHANGED CKR_KEY_NEEDED CKR_KEY_INDIGESTIBLE CKR_KEY_FUNCTION_NOT_PERMITTED
    CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_MECHANISM_INVALID CKR_MECHANISM_PARAM_INVALID
    CKR_OBJECT_HANDLE_INVALID CKR_OPERATION_ACTIVE CKR_OPERATION_NOT_INITIALIZED CKR_PIN_INCORRECT
    CKR_PIN_INVALID CKR_PIN_LEN_RANGE CKR_PIN_EXPIRED CKR_PIN_LOCKED CKR_SESSION_CLOSED CKR_SESSION_COUNT
    CKR_SESSION_HANDLE_INVALID CKR_SESSION_PARALLEL_NOT_SUPPORTED CKR_SESSION_READ_ONLY CKR_SESSION_EXISTS
    CKR_SESSION_READ_ONLY_EXISTS CKR_SESSION_READ_WRITE_SO_EXISTS CKR_SIGNATURE_INVALID
    CKR_SIGNATURE_LEN_RANGE CKR_TEMPLATE_INCOMPLETE CKR_TEMPLATE_INCONSISTENT CKR_TOKEN_NOT_PRESENT
    CKR_TOKEN_NOT_RECOGNIZED CKR_TOKEN_WRITE_PROTECTED CKR_UNWRAPPING_KEY_HANDLE_INVALID
    CKR_UNWRAPPING_KEY_SIZE_RANGE CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT CKR_USER_ALREADY_LOGGED_IN
    CKR_USER_NOT_LOGGED_IN CKR_USER_PIN_NOT_INITIALIZED CKR_USER_TYPE_INVALID
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN CKR_USER_TOO_MANY_TYPES CKR_WRAPPED_KEY_INVALID
    CKR_WRAPPED_KEY_LEN_RANGE CKR_WRAPPING_KEY_HANDLE_INVALID CKR_WRAPPING_KEY_SIZE_RANGE
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT CKR_RANDOM_SEED_NOT_SUPPORTED CKR_RANDOM_NO_RNG
    CKR_DOMAIN_PARAMS_INVALID CKR_BUFFER_TOO_SMALL CKR_SAVED_STATE_INVALID CKR_INFORMATION_SENSITIVE
    CKR_STATE_UNSAVEABLE CKR_CRYPTOKI_NOT_INITIALIZED CKR_CRYPTOKI_ALREADY_INITIALIZED CKR_MUTEX_BAD
    CKR_MUTEX_NOT_LOCKED CKR_NEW_PIN_MODE CKR_NEXT_OTP CKR_EXCEEDED_MAX_ITERATIONS CKR_FIPS_SELF_TEST_FAILED
    CKR_LIBRARY_LOAD_FAILED CKR_PIN_TOO_WEAK CKR_PUBLIC_KEY_INVALID CKR_FUNCTION_REJECTED
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_constant_not_the_standards_paragraph() {
        assert_eq!(ReturnValue::from(RvError::PinIncorrect).to_string(), "CKR_PIN_INCORRECT (0xA0)");
        let vendor = ReturnValue::from(RvError::VendorDefined(0x8000_0001));
        assert_eq!(vendor.to_string(), "the vendor's own code 0x80000001");
        assert_eq!(ReturnValue::new(0x7fff).to_string(), "the unknown code 0x7FFF");
    }

    #[test]
    fn every_constant_survives_the_way_through_the_crate() {
        for (value, name) in NAMES {
            let Rv::Error(error) = Rv::from(*value) else { panic!("{name} is no error") };
            assert_eq!(ReturnValue::from(error), ReturnValue::new(*value), "{name}");
        }
    }

    #[test]
    fn a_pin_is_sent_again_only_where_the_token_cannot_have_seen_it() {
        let remedy = |value, function| ReturnValue::new(value).remedy(function);
        for value in
            [sys::CKR_GENERAL_ERROR, sys::CKR_DEVICE_ERROR, sys::CKR_PIN_INCORRECT, sys::CKR_PIN_LOCKED]
        {
            assert_eq!(remedy(value, "C_Login"), Remedy::Fail);
        }
        assert_eq!(remedy(sys::CKR_SESSION_HANDLE_INVALID, "C_Login"), Remedy::ReopenSession);
        assert_eq!(remedy(sys::CKR_CRYPTOKI_NOT_INITIALIZED, "C_Login"), Remedy::Initialise);
        assert_eq!(remedy(sys::CKR_GENERAL_ERROR, "C_Initialize"), Remedy::Fail);
        assert_eq!(remedy(sys::CKR_GENERAL_ERROR, "C_Sign"), Remedy::InitialiseAnew);
        assert_eq!(remedy(sys::CKR_VENDOR_DEFINED + 1, "C_Sign"), Remedy::InitialiseAnew);
        assert_eq!(remedy(sys::CKR_DEVICE_REMOVED, "C_Sign"), Remedy::ReopenSession);
        assert_eq!(remedy(sys::CKR_KEY_HANDLE_INVALID, "C_SignInit"), Remedy::FindKeyAgain);
        assert_eq!(remedy(sys::CKR_USER_NOT_LOGGED_IN, "C_SignInit"), Remedy::LogInAgain);
        assert_eq!(remedy(sys::CKR_SESSION_COUNT, "C_OpenSession"), Remedy::WaitAndReopen);
        assert_eq!(remedy(sys::CKR_DATA_LEN_RANGE, "C_Sign"), Remedy::Fail);

        let proven = |value| ReturnValue::new(value).remedy_of_proven_login();
        assert_eq!(proven(sys::CKR_GENERAL_ERROR), Remedy::InitialiseAnew);
        assert_eq!(proven(sys::CKR_SESSION_CLOSED), Remedy::ReopenSession);
    }
}
