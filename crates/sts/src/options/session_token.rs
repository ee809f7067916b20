//! `GetSessionToken`.

use refresh_session_core::Result;

use super::check::{self, PATH};

/// Checked parameters of `GetSessionToken`: temporary keys of the user itself, with MFA if there is a serial number.
#[derive(Clone, Debug, Default)]
pub struct SessionToken {
    pub(crate) duration_seconds: Option<u32>,
    pub(crate) serial_number: Option<String>,
}

impl SessionToken {
    /// * `duration_seconds`: 900 to 129 600.
    /// * `serial_number`: of the MFA device, 9 to 256 characters.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` naming the option.
    pub fn new(duration_seconds: Option<u32>, serial_number: Option<String>) -> Result<Self> {
        check::seconds("sessionToken.DurationSeconds", duration_seconds, (900, 129_600))?;
        if let Some(serial) = &serial_number {
            check::text("sessionToken.SerialNumber", serial, (9, 256), PATH)?;
        }
        Ok(Self { duration_seconds, serial_number })
    }

    /// The MFA device that a code is needed of.
    #[must_use]
    pub fn serial_number(&self) -> Option<&str> {
        self.serial_number.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_are_named() {
        assert!(SessionToken::new(None, None).is_ok());
        assert!(SessionToken::new(Some(129_600), Some("GAHT12345678".into())).is_ok());
        for (seconds, serial, param) in [
            (Some(899), None, "sessionToken.DurationSeconds"),
            (Some(129_601), None, "sessionToken.DurationSeconds"),
            (None, Some("12345678"), "sessionToken.SerialNumber"),
            (None, Some("123 456 789"), "sessionToken.SerialNumber"),
        ] {
            let error = SessionToken::new(seconds, serial.map(Into::into)).unwrap_err();
            assert_eq!(error.param(), Some(param));
        }
    }
}
