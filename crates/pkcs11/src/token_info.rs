//! What a token says of itself, called for directly (PKCS#11 v2.40 section 5.5, `C_GetTokenInfo`).
//!
//! The crate reads the token's clock too, and gives nothing at all where that is not fourteen digits; opencryptoki
//! leaves the date blank.

use cryptoki::slot::Slot;
use cryptoki_sys as sys;

use crate::failure::Failure;
use crate::module::Lease;

/// The parts of `CK_TOKEN_INFO` that matter here.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenInfo {
    pub(crate) label: String,
    pub(crate) serial: String,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    flags: sys::CK_FLAGS,
}

impl TokenInfo {
    pub(crate) fn read(lease: &Lease<'_>, slot: Slot) -> Result<Self, Failure> {
        let Some(functions) = lease.functions() else {
            // Ours would reach another instance of the module.
            return Ok(Self::from_crate(&lease.context().get_token_info(slot)?));
        };
        let mut info = sys::CK_TOKEN_INFO::default();
        // SAFETY: a function of the initialised module, which the lease keeps so, with the structure it fills in.
        let value = unsafe { (functions.token_info)(slot.into(), &raw mut info) };
        if value != sys::CKR_OK {
            return Err(Failure::call("C_GetTokenInfo", value));
        }
        Ok(Self {
            // By copy: the structure is packed on some systems.
            label: text(&{ info.label }),
            serial: text(&{ info.serialNumber }),
            manufacturer: text(&{ info.manufacturerID }),
            model: text(&{ info.model }),
            flags: info.flags,
        })
    }

    pub(crate) fn is_initialised(&self) -> bool {
        self.has(sys::CKF_TOKEN_INITIALIZED)
    }

    pub(crate) fn requires_login(&self) -> bool {
        self.has(sys::CKF_LOGIN_REQUIRED)
    }

    pub(crate) fn has_pad(&self) -> bool {
        self.has(sys::CKF_PROTECTED_AUTHENTICATION_PATH)
    }

    /// Somebody has given a wrong PIN since the last right one.
    pub(crate) fn pin_count_is_low(&self) -> bool {
        self.has(sys::CKF_USER_PIN_COUNT_LOW)
    }

    pub(crate) fn pin_has_one_try(&self) -> bool {
        self.has(sys::CKF_USER_PIN_FINAL_TRY)
    }

    pub(crate) fn pin_is_locked(&self) -> bool {
        self.has(sys::CKF_USER_PIN_LOCKED)
    }

    pub(crate) fn pin_is_to_be_changed(&self) -> bool {
        self.has(sys::CKF_USER_PIN_TO_BE_CHANGED)
    }

    pub(crate) fn has(&self, flag: sys::CK_FLAGS) -> bool {
        self.flags & flag != 0
    }

    fn from_crate(info: &cryptoki::slot::TokenInfo) -> Self {
        let flags = [
            (info.token_initialized(), sys::CKF_TOKEN_INITIALIZED),
            (info.login_required(), sys::CKF_LOGIN_REQUIRED),
            (info.protected_authentication_path(), sys::CKF_PROTECTED_AUTHENTICATION_PATH),
            (info.user_pin_count_low(), sys::CKF_USER_PIN_COUNT_LOW),
            (info.user_pin_final_try(), sys::CKF_USER_PIN_FINAL_TRY),
            (info.user_pin_locked(), sys::CKF_USER_PIN_LOCKED),
            (info.user_pin_to_be_changed(), sys::CKF_USER_PIN_TO_BE_CHANGED),
            (info.user_pin_initialized(), sys::CKF_USER_PIN_INITIALIZED),
            (info.so_pin_locked(), sys::CKF_SO_PIN_LOCKED),
            (info.write_protected(), sys::CKF_WRITE_PROTECTED),
            (info.error_state(), sys::CKF_ERROR_STATE),
        ];
        Self {
            label: text(info.label().as_bytes()),
            serial: text(info.serial_number().as_bytes()),
            manufacturer: text(info.manufacturer_id().as_bytes()),
            model: text(info.model().as_bytes()),
            flags: flags.into_iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag),
        }
    }
}

/// The standard pads with spaces, some modules with zeros.
fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim_end_matches([' ', '\0']).to_owned()
}
