//! Why a connection ended or did not come up, in plain words.

use std::time::Duration;

use refresh_session_core::{Class, Code, Error};

use crate::backoff::Lane;
use crate::codec::{DecodeError, Properties, Version};
use crate::reason::Reason;

/// Why a connection ended, or did not come up.
#[derive(Clone, Debug)]
pub enum Cause {
    /// The way to the server failed: name, TCP, proxy, TLS. The driver's error says which.
    Transport(Error),
    /// It did not come up in its time.
    OpenLimit,
    /// CONNACK said no.
    Refused(Reason),
    /// No CONNACK came.
    NoConnAck,
    /// The server sent DISCONNECT.
    Said(Reason),
    /// The server ended the connection without a word.
    HungUp,
    /// Nothing came back within the ping limit.
    KeepAlive,
    /// A message or subscription was not acknowledged within the acknowledgement limit.
    NoAcknowledgement,
    /// What came is not MQTT, or not allowed there.
    BadBytes(DecodeError),
    /// The connection was replaced before its life was over.
    Planned,
    /// The caller ended it.
    Stopped,
}

impl Cause {
    /// When to try again.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::Refused(reason) | Self::Said(reason) => match reason.0 {
                0x84..=0x87 | 0x8a | 0x8c | 0x8e | 0x9c | 0x9d => Lane::Slow,
                0x89 | 0x93 | 0x96 | 0x97 | 0x9f => Lane::Busy,
                _ => Lane::Normal,
            },
            Self::Transport(error) if !error.retryable() || error.class() == Class::Configuration => {
                Lane::Slow
            }
            _ => Lane::Normal,
        }
    }

    /// What the server is told, if anything.
    ///
    /// Under 3.1.1 only of an orderly end: any DISCONNECT has the server drop the will.
    pub(crate) fn farewell(&self, version: Version) -> Option<Reason> {
        match self {
            Self::Planned | Self::Stopped => Some(Reason::SUCCESS),
            _ if version == Version::V311 => None,
            Self::KeepAlive | Self::NoAcknowledgement => Some(Reason::UNSPECIFIED),
            Self::BadBytes(error) => Some(error.reason()),
            _ => None,
        }
    }
}

/// What is known besides the cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub version: Version,
    /// Since the last SUBSCRIBE or PUBLISH was sent.
    pub since_request: Option<Duration>,
    pub connected: bool,
    pub properties: Option<&'a Properties>,
}

/// The cause as an error: what happened, and what to look at.
pub(crate) fn error(cause: &Cause, around: Circumstances<'_>) -> Error {
    let said = around.properties.and_then(|found| found.reason_string.as_ref());
    let said = said
        .map(|text| format!(": {}", refresh_session_core::shown::quoted(text.as_str())))
        .unwrap_or_default();
    match cause {
        Cause::Transport(error) => error.clone(),
        Cause::OpenLimit => {
            Error::new(Code::ConnectTimeout, "connecting: the way to the server did not come up in time")
        }
        Cause::Refused(reason) => {
            Error::new(Code::MqttConnectRefused, format!("connecting: the server refused: {reason}{said}"))
                .with_retryable(cause.lane() != Lane::Slow)
                .with_hint(refused_hint(*reason))
        }
        Cause::NoConnAck => {
            Error::new(Code::MqttNoAnswer, "connecting: the server did not answer CONNECT in time").with_hint(
                "Check that the endpoint and port speak MQTT, with the ALPN name that the port needs.",
            )
        }
        Cause::Said(Reason::TAKEN_OVER) => Error::new(
            Code::MqttTakenOver,
            "the server ended the connection: session taken over (0x8e)",
        )
        .with_hint(
            "Another connection uses the same client identifier. Give each device and each process its own.",
        ),
        Cause::Said(reason) => {
            Error::new(Code::MqttDisconnected, format!("the server ended the connection: {reason}{said}"))
                .with_hint(said_hint(*reason))
        }
        Cause::HungUp => hung_up(around),
        Cause::KeepAlive => {
            Error::new(Code::MqttKeepAlive, "keep-alive: nothing came back within the ping timeout")
                .with_hint("The network lost the connection without telling; a new one is made.")
        }
        Cause::NoAcknowledgement => Error::new(
            Code::MqttNoAnswer,
            "the server did not acknowledge a message or subscription in time; the connection is made anew",
        )
        .with_hint("Messages of QoS 1 are sent again. AWS IoT is silent about what exceeds its rates."),
        Cause::BadBytes(error) => Error::new(Code::MqttProtocol, format!("reading from the server: {error}"))
            .with_hint("Check that the endpoint and port speak MQTT of this version."),
        Cause::Planned => {
            Error::new(Code::MqttDisconnected, "the connection is replaced before the server ends it")
        }
        Cause::Stopped => Error::new(Code::MqttDisconnected, "the connection was ended by the caller"),
    }
}

fn hung_up(around: Circumstances<'_>) -> Error {
    let soon = around.since_request.filter(|since| *since < Duration::from_secs(5));
    let message = match soon {
        Some(since) => format!(
            "the server ended the connection without a word, {} ms after a SUBSCRIBE or PUBLISH",
            since.as_millis()
        ),
        None if around.connected => "the server ended the connection without a word".into(),
        None => "connecting: the server ended the connection without an answer to CONNECT".into(),
    };
    let hint = match (around.version, around.connected, soon) {
        (_, false, _) => {
            "Check that the policy allows iot:Connect for this client identifier, and that the certificate is active \
             and registered in this account and region."
        }
        (Version::V311, true, Some(_)) => {
            "Under MQTT 3.1.1 AWS IoT does so when a policy denies the topic, or a limit is exceeded. MQTT 5 would \
             give the reason."
        }
        (Version::V311, true, None) => {
            "Under MQTT 3.1.1 AWS IoT does so when another connection uses the same client identifier. MQTT 5 would \
             give the reason."
        }
        (Version::V5, true, _) => "A new connection is made.",
    };
    Error::new(Code::MqttDisconnected, message).with_hint(hint)
}

fn refused_hint(reason: Reason) -> &'static str {
    match reason {
        Reason::NOT_AUTHORIZED => {
            "Check that the policy of the certificate allows iot:Connect for this client identifier."
        }
        Reason::CREDENTIALS => "Check what the custom authorizer expects as user name and password.",
        Reason::CLIENT_ID => "Check the client identifier: at most 128 bytes, not beginning with `$`.",
        Reason::VERSION => "Choose the other protocol version.",
        _ => "It is tried again.",
    }
}

fn said_hint(reason: Reason) -> &'static str {
    match reason.0 {
        0x87 => "Check that the policy allows this topic: iot:Publish, iot:Subscribe, iot:Receive.",
        0x8d => "The server heard nothing for 1.5 times the keep-alive: the network held packets back.",
        0x93 | 0x96 | 0x97 => "Publish less often, or have the limits of the account raised.",
        0x98 => "Somebody ended the connection on purpose, or changed the certificate or policy.",
        _ => "A new connection is made.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(version: Version, connected: bool, since: Option<u64>) -> Circumstances<'static> {
        Circumstances {
            version,
            since_request: since.map(Duration::from_millis),
            connected,
            properties: None,
        }
    }

    #[test]
    fn a_hang_up_is_told_by_what_went_before() {
        let hint = |around| error(&Cause::HungUp, around).hint().unwrap_or_default().to_owned();
        assert!(hint(around(Version::V5, false, None)).contains("iot:Connect"));
        assert!(hint(around(Version::V311, true, Some(80))).contains("policy denies the topic"));
        assert!(hint(around(Version::V311, true, None)).contains("same client identifier"));
    }

    #[test]
    fn what_does_not_heal_by_itself_waits_in_the_slow_lane() {
        for (cause, lane) in [
            (Cause::Refused(Reason::NOT_AUTHORIZED), Lane::Slow),
            (Cause::Said(Reason::TAKEN_OVER), Lane::Slow),
            (Cause::Said(Reason(0x97)), Lane::Busy),
            (Cause::Said(Reason(0x8d)), Lane::Normal),
            (Cause::Refused(Reason::UNAVAILABLE), Lane::Normal),
            (Cause::HungUp, Lane::Normal),
            (Cause::Transport(Error::new(Code::Dns, "x")), Lane::Normal),
            (Cause::Transport(Error::new(Code::ServerCertificate, "x")), Lane::Slow),
        ] {
            assert_eq!(cause.lane(), lane, "{cause:?}");
        }
    }
}
