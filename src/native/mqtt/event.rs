//! What is rare among the deliveries, as objects.

use napi_derive::napi;
use refresh_session_core::Error;
use refresh_session_mqtt::{Outcome, Properties, Reason};
use refresh_session_session::mqtt::Delivery;

use super::packed::Rare;
use super::properties::NativeMqttProperties;
use crate::error::{NativeError, NativeWarning, defect};

/// Something has happened: the fields of its type are there.
#[derive(Default)]
#[napi(object, object_from_js = false)]
pub struct NativeMqttEvent {
    #[napi(
        ts_type = "'message' | 'settled' | 'connected' | 'disconnected' | 'reconnecting' | 'released' | 'subscriptionLost' | 'warning' | 'closed'"
    )]
    pub r#type: String,
    /// Of `settled`.
    pub operation: Option<u32>,
    /// How it ended well, with one reason for a message and one for each filter.
    pub reason_codes: Option<Vec<u32>>,
    pub properties: Option<NativeMqttProperties>,
    /// How it did not.
    pub error: Option<NativeError>,
    /// Of `connected`.
    pub session_present: Option<bool>,
    pub resubscribing: Option<u32>,
    /// Of `disconnected`.
    pub was_connected: Option<bool>,
    pub expected: Option<bool>,
    /// Of `reconnecting`.
    pub delay_ms: Option<f64>,
    pub attempt: Option<u32>,
    /// Of `released`, and the filter of `subscriptionLost`.
    pub topic: Option<String>,
    pub warning: Option<NativeWarning>,
}

impl NativeMqttEvent {
    fn new(kind: &str) -> Self {
        Self { r#type: kind.into(), ..Self::default() }
    }

    fn ended(self, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Written => Self { reason_codes: Some(vec![0]), ..self },
            Outcome::Acknowledged { reason, properties } => {
                Self { reason_codes: codes(&[reason]), properties: properties.map(object), ..self }
            }
            Outcome::Answered { reasons } => Self { reason_codes: codes(&reasons), ..self },
            Outcome::Refused { reasons, error } => {
                Self { error: Some(refused(error, reasons.first())), reason_codes: codes(&reasons), ..self }
            }
            Outcome::Failed { error, .. } => Self { error: Some(error.into()), ..self },
        }
    }
}

impl From<Rare> for NativeMqttEvent {
    fn from(rare: Rare) -> Self {
        match rare {
            Rare::Properties(properties) => {
                Self { properties: Some(object(properties)), ..Self::new("message") }
            }
            Rare::Other(delivery) => delivery.into(),
        }
    }
}

impl From<Delivery> for NativeMqttEvent {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Settled { operation, outcome } => {
                Self { operation: Some(operation), ..Self::new("settled") }.ended(outcome)
            }
            Delivery::Connected { session_present, reason, properties, resubscribing } => Self {
                session_present: Some(session_present),
                reason_codes: codes(&[reason]),
                properties: properties.map(object),
                resubscribing: Some(u32::try_from(resubscribing).unwrap_or(u32::MAX)),
                ..Self::new("connected")
            },
            Delivery::Disconnected { error, reason, was_connected, expected } => Self {
                error: Some(refused(error, reason.as_ref())),
                was_connected: Some(was_connected),
                expected: Some(expected),
                ..Self::new("disconnected")
            },
            Delivery::Reconnecting { delay, attempt } => Self {
                delay_ms: Some(f64::from(u32::try_from(delay.as_millis()).unwrap_or(u32::MAX))),
                attempt: Some(attempt),
                ..Self::new("reconnecting")
            },
            Delivery::Released { topic, outcome } => {
                Self { topic: Some(topic.to_string()), ..Self::new("released") }.ended(outcome)
            }
            Delivery::SubscriptionLost { filter, reason } => Self {
                topic: Some(filter.to_string()),
                reason_codes: codes(&[reason]),
                ..Self::new("subscriptionLost")
            },
            Delivery::Warning(warning) => Self { warning: Some(warning.into()), ..Self::new("warning") },
            Delivery::Closed => Self::new("closed"),
            // These are packed.
            Delivery::Stored { .. } | Delivery::Message { .. } => {
                Self { error: Some(defect("a delivery was not packed").into()), ..Self::new("message") }
            }
        }
    }
}

fn refused(error: Error, reason: Option<&Reason>) -> NativeError {
    NativeError { reason_code: reason.map(|reason| reason.0.into()), ..error.into() }
}

fn object(properties: Box<Properties>) -> NativeMqttProperties {
    (*properties).into()
}

#[expect(clippy::unnecessary_wraps, reason = "a field that other types do not have")]
fn codes(reasons: &[Reason]) -> Option<Vec<u32>> {
    Some(reasons.iter().map(|reason| reason.0.into()).collect())
}
