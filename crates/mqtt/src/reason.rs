//! Reason codes in words.

use std::fmt;

/// A reason code of MQTT 5. Those of 3.1.1 are translated; one that nobody knows is kept as it is.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Reason(pub u8);

impl Reason {
    /// Accepted; QoS 0 granted; a normal end.
    pub const SUCCESS: Self = Self(0x00);
    /// QoS 1 granted.
    pub const GRANTED_1: Self = Self(0x01);
    /// Refused, without saying why.
    pub const UNSPECIFIED: Self = Self(0x80);
    /// Bytes that are no packet.
    pub const MALFORMED: Self = Self(0x81);
    /// A packet that does not belong here.
    pub const PROTOCOL: Self = Self(0x82);
    /// Wrong version.
    pub const VERSION: Self = Self(0x84);
    /// The client identifier.
    pub const CLIENT_ID: Self = Self(0x85);
    /// User name or password.
    pub const CREDENTIALS: Self = Self(0x86);
    /// Policy.
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    /// The server is not there.
    pub const UNAVAILABLE: Self = Self(0x88);
    /// Another connection with the same client identifier.
    pub const TAKEN_OVER: Self = Self(0x8e);
    /// More unacknowledged messages than allowed.
    pub const RECEIVE_MAXIMUM: Self = Self(0x93);
    /// An alias that was not announced.
    pub const TOPIC_ALIAS: Self = Self(0x94);
    /// Larger than allowed.
    pub const TOO_LARGE: Self = Self(0x95);
    /// A QoS that is not there.
    pub const QOS: Self = Self(0x9b);

    /// Whether it says no.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self.0 {
            0x00 => "success",
            0x01 => "granted QoS 1",
            0x02 => "granted QoS 2",
            0x04 => "disconnect with will",
            0x10 => "no matching subscribers",
            0x11 => "no subscription existed",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "unsupported protocol version",
            0x85 => "client identifier not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "server unavailable",
            0x89 => "server busy",
            0x8a => "banned",
            0x8b => "server shutting down",
            0x8c => "bad authentication method",
            0x8d => "keep alive timeout",
            0x8e => "session taken over",
            0x8f => "topic filter invalid",
            0x90 => "topic name invalid",
            0x91 => "packet identifier in use",
            0x92 => "packet identifier not found",
            0x93 => "receive maximum exceeded",
            0x94 => "topic alias invalid",
            0x95 => "packet too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action",
            0x99 => "payload format invalid",
            0x9a => "retain not supported",
            0x9b => "QoS not supported",
            0x9c => "use another server",
            0x9d => "server moved",
            0x9e => "shared subscriptions not supported",
            0x9f => "connection rate exceeded",
            0xa0 => "maximum connect time",
            0xa1 => "subscription identifiers not supported",
            0xa2 => "wildcard subscriptions not supported",
            _ => "a reason that MQTT 5 does not define",
        }
    }

    /// A CONNACK's return code of 3.1.1.
    #[must_use]
    pub(crate) const fn of_311(code: u8) -> Self {
        match code {
            0 => Self::SUCCESS,
            1 => Self::VERSION,
            2 => Self::CLIENT_ID,
            3 => Self::UNAVAILABLE,
            4 => Self::CREDENTIALS,
            5 => Self::NOT_AUTHORIZED,
            _ => Self::UNSPECIFIED,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.words(), self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
