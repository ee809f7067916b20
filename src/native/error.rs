//! A core error as a plain object.

use napi_derive::napi;
use refresh_session_core::{Code, Error, Warning};

/// What `src/ts/errors.ts` needs to build the typed error.
#[napi(object)]
pub struct NativeError {
    /// Tells it from a value.
    #[napi(ts_type = "true")]
    pub failed: bool,
    /// Name of the JavaScript class.
    pub name: String,
    /// `ERR_…`.
    pub code: String,
    pub message: String,
    pub retryable: bool,
    pub hint: Option<String>,
    pub param: Option<String>,
    pub status_code: Option<u16>,
    pub request_id: Option<String>,
    pub aws_error_type: Option<String>,
    /// What an MQTT server answered.
    pub reason_code: Option<u32>,
    /// Message of the error underneath.
    pub cause: Option<String>,
}

impl From<Error> for NativeError {
    fn from(error: Error) -> Self {
        Self {
            failed: true,
            name: error.class().name().into(),
            code: error.code().as_str().into(),
            message: error.message().into(),
            retryable: error.retryable(),
            hint: error.hint().map(Into::into),
            param: error.param().map(Into::into),
            status_code: error.status_code(),
            request_id: error.request_id().map(Into::into),
            aws_error_type: error.aws_error_type().map(Into::into),
            reason_code: None,
            cause: std::error::Error::source(&error).map(ToString::to_string),
        }
    }
}

/// Something the user should know that is no error.
#[napi(object)]
pub struct NativeWarning {
    /// `WARN_…`.
    pub code: String,
    pub message: String,
}

impl From<Warning> for NativeWarning {
    fn from(warning: Warning) -> Self {
        Self { code: warning.code.into(), message: warning.message }
    }
}

/// A defect of ours, as an error.
pub(crate) fn internal(message: &str) -> NativeError {
    defect(message).into()
}

pub(crate) fn defect(message: &str) -> Error {
    Error::new(Code::Internal, message)
        .with_hint("Please report this with the version and the options' names.")
}

/// The error codes with their class, for the check of `docs/errors.md`.
#[napi(object)]
pub struct NativeErrorCode {
    pub code: String,
    pub name: String,
    pub retryable: bool,
}

/// Every error code, in the order of the table.
#[napi]
pub fn error_codes() -> Vec<NativeErrorCode> {
    Code::ALL
        .iter()
        .map(|code| NativeErrorCode {
            code: code.as_str().into(),
            name: code.class().name().into(),
            retryable: code.retryable(),
        })
        .collect()
}
