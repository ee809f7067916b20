//! What goes wrong inside, by culprit, and the one place where it becomes an error for the user.

use std::fmt;

use cryptoki_sys as sys;
use refresh_session_core::{Code, Error};

use crate::return_value::{Remedy, ReturnValue};

/// Why a request to a token failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The module: a function returned something else than `CKR_OK`.
    Call {
        /// Its name in the standard, `C_Sign`.
        function: String,
        value: ReturnValue,
        remedy: Remedy,
    },
    /// The module: it answered with what cannot be an answer. Completes "the module …".
    Answer(String),
    /// Whoever set the token up or configured us: found by our own rules, with the facts at hand, between calls.
    Verdict { error: Error, remedy: Remedy },
}

/// Where it happened, for the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// ``token `gw` `` or ``module `libsofthsm2.so` ``.
    pub(crate) subject: &'a str,
    /// Other code in this process initialised the module before us.
    pub(crate) adopted: bool,
}

impl Failure {
    pub(crate) fn call(function: &str, value: sys::CK_RV) -> Self {
        let value = ReturnValue::new(value);
        Self::Call { function: function.into(), value, remedy: value.remedy(function) }
    }

    /// C_Login with a PIN; `proven`: the token has taken it before.
    pub(crate) fn login(value: ReturnValue, proven: bool) -> Self {
        let function = "C_Login";
        let remedy = if proven { value.remedy_of_proven_login() } else { value.remedy(function) };
        Self::Call { function: function.into(), value, remedy }
    }

    /// A verdict that may be another one once the module is initialised anew.
    pub(crate) fn until_anew(error: Error) -> Self {
        Self::Verdict { error, remedy: Remedy::InitialiseAnew }
    }

    /// Other code in this process has initialised the module since we did, or adopted it.
    pub(crate) fn initialised_by_others(subject: &str) -> Self {
        let message =
            format!("PKCS#11 {subject}: other code in this process has initialised the module anew");
        Self::Verdict { error: Error::new(Code::Pkcs11Call, message), remedy: Remedy::Initialise }
    }

    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Call { remedy, .. } | Self::Verdict { remedy, .. } => *remedy,
            Self::Answer(_) => Remedy::Fail,
        }
    }

    pub(crate) fn refuses_mechanism(&self) -> bool {
        matches!(self, Self::Call { function, value, .. }
            if function.starts_with("C_Sign") && value.refuses_mechanism())
    }

    /// The module cannot search for such an attribute.
    pub(crate) fn refuses_template(&self) -> bool {
        matches!(self, Self::Call { value, .. } if value.refuses_template())
    }

    pub(crate) fn is_not_initialised(&self) -> bool {
        self.remedy() == Remedy::Initialise
    }

    /// The session's number is void, and closing it would at best do nothing.
    pub(crate) fn says_session_is_gone(&self) -> bool {
        self.says(&[sys::CKR_SESSION_HANDLE_INVALID, sys::CKR_SESSION_CLOSED])
    }

    /// A function returned one of these.
    pub(crate) fn says(&self, values: &[sys::CK_RV]) -> bool {
        matches!(self, Self::Call { value, .. } if values.iter().any(|one| value.is(*one)))
    }

    pub(crate) fn into_error(self, place: Place<'_>) -> Error {
        let message = format!("PKCS#11 {}: {self}", place.subject);
        let (function, value) = match self {
            Self::Verdict { error, .. } => return error,
            Self::Answer(_) => return Error::new(Code::Pkcs11Call, message),
            Self::Call { function, value, .. } => (function, value),
        };
        let (code, hint) = explain(&function, value, place.adopted);
        let error = Error::new(code, message);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { function, value, .. } => write!(f, "{function} returned {value}"),
            Self::Answer(what) => write!(f, "the module {what}"),
            Self::Verdict { error, .. } => error.fmt(f),
        }
    }
}

impl From<cryptoki::error::Error> for Failure {
    fn from(error: cryptoki::error::Error) -> Self {
        match error {
            cryptoki::error::Error::Pkcs11(value, function) => {
                let (function, value) = (format!("C_{function:?}"), ReturnValue::from(value));
                let remedy = value.remedy(&function);
                Self::Call { function, value, remedy }
            }
            cryptoki::error::Error::NullFunctionPointer => {
                Self::Answer("lacks a function it must have".into())
            }
            // None of the rest repeats an argument, and so no PIN. Displayed as a whole it would bring a page for each return value.
            other => {
                let why = std::error::Error::source(&other).map(ToString::to_string);
                let why = why.unwrap_or_else(|| "a value that has no meaning here".into());
                Self::Answer(format!("gave an answer that cannot be read: {why}"))
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Verdict { error, remedy: Remedy::Fail }
    }
}

fn explain(function: &str, value: ReturnValue, adopted: bool) -> (Code, Option<&'static str>) {
    if function == "C_Initialize" {
        return (
            Code::Pkcs11Initialize,
            Some(
                "Check the module's own configuration, that its device is there and that this user may open it.",
            ),
        );
    }
    if value.is(sys::CKR_DEVICE_MEMORY) {
        return (
            Code::Pkcs11Call,
            Some(
                "The device is out of memory; a TPM needs a resource manager: use /dev/tpmrm0, not /dev/tpm0.",
            ),
        );
    }
    if value.is(sys::CKR_SESSION_COUNT) {
        return (Code::Pkcs11Call, Some("Other programs hold all sessions of this token; end one of them."));
    }
    if value.is(sys::CKR_USER_PIN_NOT_INITIALIZED) {
        return (
            Code::Pkcs11Call,
            Some("The token has no user PIN yet; set one with `pkcs11-tool --init-pin`."),
        );
    }
    if value.is(sys::CKR_USER_NOT_LOGGED_IN) && function.starts_with("C_Sign") {
        return (
            Code::Pkcs11Call,
            Some(
                "The key may want the PIN for every single use without saying so (CKA_ALWAYS_AUTHENTICATE), or the \
                 module leaves no way to give it (p11-kit's proxy); use another key or the vendor's own module.",
            ),
        );
    }
    if adopted {
        return (
            Code::Pkcs11Call,
            Some(
                "The module was initialised by other code in this process, so it cannot be initialised anew from \
                 here; if this lasts, the process must be restarted.",
            ),
        );
    }
    if value.remedy(function) == Remedy::InitialiseAnew {
        return (
            Code::Pkcs11Call,
            Some(
                "The module does not reach its device, although it is initialised anew from time to time: check the \
                 device and whatever stands between; a TPM without a resource manager that has run out of sessions \
                 answers like this too (use /dev/tpmrm0, not /dev/tpm0).",
            ),
        );
    }
    (Code::Pkcs11Call, None)
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;
    use cryptoki::error::{Error as CrateError, RvError};

    use super::*;

    #[test]
    fn names_the_place_the_function_and_the_constant() {
        let failure = Failure::from(CrateError::Pkcs11(RvError::DeviceError, Function::SignInit));
        let error = failure.into_error(Place { subject: "token `gw`", adopted: false });
        assert_eq!(error.code(), Code::Pkcs11Call);
        assert_eq!(error.message(), "PKCS#11 token `gw`: C_SignInit returned CKR_DEVICE_ERROR (0x30)");
    }

    #[test]
    fn an_adopted_module_says_why_it_is_not_reset() {
        let failure = Failure::call("C_Sign", sys::CKR_GENERAL_ERROR);
        let error = failure.into_error(Place { subject: "token `gw`", adopted: true });
        assert!(error.hint().unwrap().contains("other code in this process"), "{error:?}");
    }

    #[test]
    fn only_a_signing_function_can_refuse_a_mechanism() {
        assert!(Failure::call("C_SignInit", sys::CKR_MECHANISM_INVALID).refuses_mechanism());
        assert!(!Failure::call("C_Login", sys::CKR_FUNCTION_NOT_SUPPORTED).refuses_mechanism());
    }
}
