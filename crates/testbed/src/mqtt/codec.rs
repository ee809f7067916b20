//! MQTT 5 and 3.1.1 as bytes, from the server's side: what clients send is read, what servers send is written.
//!
//! Read from the two standards of OASIS and nothing else, so that it is a second opinion on the codec of the house.
//! It is strict: whatever the standard calls malformed or a protocol error is refused with the reason code it names,
//! and a sentence for the log.

mod decode;
mod encode;
mod packet;
mod properties;
mod reader;
mod writer;

pub(crate) use self::{
    decode::{connect_version, decode, frame},
    encode::encode,
    packet::{Connect, Filter, FromClient, Publish, ToClient, Will},
    properties::{Properties, Value, id},
};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1.1.
    V311,
    /// 5.
    V5,
}

impl Version {
    /// As the log shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// Why bytes are not a packet that a client may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The reason code of MQTT 5 for it.
    pub(crate) reason: u8,
    /// What is wrong, for the log.
    pub(crate) sentence: String,
}

impl Malformed {
    /// Bytes that make no packet.
    pub(crate) fn packet(sentence: impl Into<String>) -> Self {
        Self { reason: reason::MALFORMED_PACKET, sentence: sentence.into() }
    }

    /// A packet that should not be.
    pub(crate) fn protocol(sentence: impl Into<String>) -> Self {
        Self { reason: reason::PROTOCOL_ERROR, sentence: sentence.into() }
    }
}

/// Reason codes (MQTT 5, section 2.4) that this broker uses by itself.
pub(crate) mod reason {
    pub(crate) const SUCCESS: u8 = 0x00;
    pub(crate) const WITH_WILL: u8 = 0x04;
    pub(crate) const NO_SUBSCRIPTION: u8 = 0x11;
    pub(crate) const MALFORMED_PACKET: u8 = 0x81;
    pub(crate) const PROTOCOL_ERROR: u8 = 0x82;
    pub(crate) const UNSUPPORTED_VERSION: u8 = 0x84;
    pub(crate) const CLIENT_ID_NOT_VALID: u8 = 0x85;
    pub(crate) const BAD_USER_OR_PASSWORD: u8 = 0x86;
    pub(crate) const NOT_AUTHORIZED: u8 = 0x87;
    pub(crate) const SERVER_SHUTTING_DOWN: u8 = 0x8b;
    pub(crate) const KEEP_ALIVE_TIMEOUT: u8 = 0x8d;
    pub(crate) const SESSION_TAKEN_OVER: u8 = 0x8e;
    pub(crate) const TOPIC_FILTER_INVALID: u8 = 0x8f;
    pub(crate) const TOPIC_NAME_INVALID: u8 = 0x90;
    pub(crate) const RECEIVE_MAXIMUM_EXCEEDED: u8 = 0x93;
    pub(crate) const TOPIC_ALIAS_INVALID: u8 = 0x94;
    pub(crate) const PACKET_TOO_LARGE: u8 = 0x95;
    pub(crate) const QUOTA_EXCEEDED: u8 = 0x97;
    pub(crate) const NO_SUBSCRIPTION_IDS: u8 = 0xa1;
}

#[cfg(test)]
mod tests;
