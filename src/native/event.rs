//! A session's events, on their way into JavaScript.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use refresh_session_core::Timestamp;
use refresh_session_session::{Listener, SessionEvent};

use crate::error::{NativeError, NativeWarning};

/// Something has happened: the fields of its type are there.
#[napi(object)]
pub struct NativeEvent {
    #[napi(ts_type = "'refresh' | 'refreshError' | 'expired' | 'warning'")]
    pub r#type: String,
    /// Of the keys that came or went.
    pub access_key_id: Option<String>,
    /// Their end, milliseconds since 1970.
    pub expiration_ms: Option<f64>,
    /// Of `refreshError`.
    pub error: Option<NativeError>,
    /// How long the source is left alone.
    pub pause_ms: Option<f64>,
    /// What is left of the keys held; missing if nothing is.
    pub left_ms: Option<f64>,
    /// Of `warning`.
    pub warning: Option<NativeWarning>,
}

impl NativeEvent {
    fn new(kind: &str) -> Self {
        Self {
            r#type: kind.into(),
            access_key_id: None,
            expiration_ms: None,
            error: None,
            pause_ms: None,
            left_ms: None,
            warning: None,
        }
    }

    fn of_keys(kind: &str, access_key_id: String, expiration: Option<Timestamp>) -> Self {
        Self {
            access_key_id: Some(access_key_id),
            expiration_ms: expiration.map(unix_millis),
            ..Self::new(kind)
        }
    }
}

impl From<SessionEvent> for NativeEvent {
    fn from(event: SessionEvent) -> Self {
        match event {
            SessionEvent::Refreshed { access_key_id, expiration } => {
                Self::of_keys("refresh", access_key_id, expiration)
            }
            SessionEvent::Expired { access_key_id, expiration } => {
                Self::of_keys("expired", access_key_id, expiration)
            }
            SessionEvent::RefreshFailed { error, pause, left } => Self {
                error: Some(error.into()),
                pause_ms: Some(millis(pause)),
                left_ms: left.map(millis),
                ..Self::new("refreshError")
            },
            SessionEvent::Warning(warning) => Self { warning: Some(warning.into()), ..Self::new("warning") },
        }
    }
}

/// `(event) => void`.
pub(crate) type EventCallback<'a> = Function<'a, NativeEvent, ()>;

/// Weak: a session that nobody uses must not keep the process alive.
type Callback = ThreadsafeFunction<NativeEvent, (), NativeEvent, napi::Status, false, true>;

/// Calls back in a later turn of the event loop. An environment that is gone hears nothing.
pub(crate) fn listener(callback: &EventCallback<'_>) -> napi::Result<Listener> {
    let callback: Callback = callback.build_threadsafe_function().weak::<true>().build()?;
    Ok(Arc::new(move |event| {
        callback.call(event.clone().into(), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double until the year 287396")]
pub(crate) fn unix_millis(time: Timestamp) -> f64 {
    time.unix_millis() as f64
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
