//! What went wrong, whose fault it is, and what to do.
//!
//! There is one error type. Its [`Code`] is the contract with users; the message is a phrase for a person, built as
//! "what was tried: what was found", without a full stop; `hint` is the next step for a technician in whole
//! sentences. JavaScript shows them as one text: `message. hint`. What must never be in any
//! field: a secret, a PIN, a token, a reply's body, a header's value.

mod code;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use code::{Class, Code};

/// Short for a result with our error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of any room. Cheap to clone: everyone who waited for one fetch gets the same one.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    hint: Option<Cow<'static, str>>,
    param: Option<Cow<'static, str>>,
    retryable: bool,
    retry_after: Option<Duration>,
    status_code: Option<u16>,
    request_id: Option<String>,
    aws_error_type: Option<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this code; `message` reads "what was tried: what was found".
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            code,
            message: message.into(),
            hint: None,
            param: None,
            retryable: code.retryable(),
            retry_after: None,
            status_code: None,
            request_id: None,
            aws_error_type: None,
            source: None,
        }))
    }

    /// An option with a wrong value: names the option, what was found, and what it should be.
    #[must_use]
    pub fn invalid_option(param: impl Into<Cow<'static, str>>, found: impl fmt::Display) -> Self {
        let param = param.into();
        Self::new(Code::InvalidOption, format!("option `{param}` {found}")).with_param(param)
    }

    /// What to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.inner_mut().hint = Some(hint.into());
        self
    }

    /// The option at fault, by its public name, such as `pkcs11.userPin`.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.inner_mut().param = Some(param.into());
        self
    }

    /// Overrides the code's default, where one instance is known to be different.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.inner_mut().retryable = retryable;
        self
    }

    /// How long the server asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.inner_mut().retry_after = retry_after;
        self
    }

    /// What the HTTP reply said about itself: status, `x-amzn-RequestId`, `x-amzn-ErrorType`.
    #[must_use]
    pub fn with_response(
        mut self,
        status_code: u16,
        request_id: Option<String>,
        aws_error_type: Option<String>,
    ) -> Self {
        let inner = self.inner_mut();
        inner.status_code = Some(status_code);
        inner.request_id = request_id;
        inner.aws_error_type = aws_error_type;
        self
    }

    /// The error underneath. Its `Display` becomes visible to users: it must not hold a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.inner_mut().source = Some(Arc::new(source));
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Whose error it is.
    #[must_use]
    pub fn class(&self) -> Class {
        self.0.code.class()
    }

    /// The sentence for a person, without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The option at fault.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// Whether the same call may succeed later by itself.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long the server asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status of the reply.
    #[must_use]
    pub fn status_code(&self) -> Option<u16> {
        self.0.status_code
    }

    /// The reply's `x-amzn-RequestId`: what AWS support asks for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The reply's `x-amzn-ErrorType`.
    #[must_use]
    pub fn aws_error_type(&self) -> Option<&str> {
        self.0.aws_error_type.as_deref()
    }

    fn inner_mut(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

/// Something the user should know that is no error: an option was corrected, a fallback was taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// Stable: `WARN_…` in JavaScript.
    pub code: &'static str,
    /// A sentence for a person; no secret.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builders_do_not_touch_a_clone() {
        let plain = Error::new(Code::Throttled, "the endpoint asked to slow down");
        let answered = plain.clone().with_response(429, Some("id-1".into()), None);
        assert_eq!((plain.status_code(), answered.status_code()), (None, Some(429)));
        assert!(answered.retryable() && !answered.clone().with_retryable(false).retryable());
    }

    #[test]
    fn an_invalid_option_names_itself() {
        let error = Error::invalid_option("roleAlias", "is empty: give the alias's name");
        assert_eq!(error.message(), "option `roleAlias` is empty: give the alias's name");
        assert_eq!((error.param(), error.class().name()), (Some("roleAlias"), "ValidationError"));
    }
}
