//! How a session stands.

use napi_derive::napi;
use refresh_session_session::SessionStatus;

use crate::error::NativeError;
use crate::event::unix_millis;

/// `status()`, times in milliseconds since 1970.
#[napi(object)]
pub struct NativeStatus {
    #[napi(ts_type = "'empty' | 'fresh' | 'advisory' | 'mandatory' | 'expired' | 'closed'")]
    pub zone: String,
    pub expires_at: Option<f64>,
    pub refresh_at: Option<f64>,
    pub fetches: f64,
    pub failures: f64,
    pub last_error: Option<NativeError>,
    pub clock_offset_ms: Option<f64>,
    pub certificate_expiry: Option<f64>,
}

impl From<SessionStatus> for NativeStatus {
    #[expect(clippy::cast_precision_loss, reason = "counters and clocks stay far below 2 to the 53rd")]
    fn from(status: SessionStatus) -> Self {
        Self {
            zone: status.zone.as_str().into(),
            expires_at: status.expires_at.map(unix_millis),
            refresh_at: status.refresh_at.map(unix_millis),
            fetches: status.fetches as f64,
            failures: status.failures as f64,
            last_error: status.last_error.map(Into::into),
            clock_offset_ms: status.clock_offset_millis.map(|millis| millis as f64),
            certificate_expiry: status.certificate_expiry.map(unix_millis),
        }
    }
}
