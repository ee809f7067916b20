//! The properties of MQTT 5: one table for all packets.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::DecodeError;
use super::reader::Reader;
use super::writer::{put_data, put_varint, varint_len};
use crate::text::Text;

/// The packets that carry properties, one bit each.
pub(crate) mod bearer {
    pub(crate) const CONNECT: u16 = 1;
    pub(crate) const CONNACK: u16 = 1 << 1;
    pub(crate) const PUBLISH: u16 = 1 << 2;
    /// PUBACK, SUBACK and UNSUBACK: the same two.
    pub(crate) const ACK: u16 = 1 << 3;
    pub(crate) const DISCONNECT: u16 = 1 << 4;
    pub(crate) const WILL: u16 = 1 << 5;
}

use bearer::{ACK, CONNACK, CONNECT, DISCONNECT, PUBLISH, WILL};

macro_rules! properties {
    ($($(#[doc = $doc:literal])+ $id:literal $field:ident: $type:ty, $kind:ident, $bearers:expr;)+) => {
        /// The properties of one packet. Which packet may carry which is held by `read` and by
        /// [`first_not_in`](Self::first_not_in).
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        pub struct Properties {
            $($(#[doc = $doc])+ pub $field: Option<$type>,)+
            /// Subscription identifiers of a PUBLISH. AWS IoT has none.
            pub subscription_ids: Vec<u32>,
            /// Name and value, in order; a name may come more than once.
            pub user: Vec<(Text, Text)>,
        }

        impl Properties {
            /// The name of the first property that `bearer` must not carry.
            pub(crate) fn first_not_in(&self, bearer: u16) -> Option<&'static str> {
                $(if self.$field.is_some() && $bearers & bearer == 0 {
                    return Some(stringify!($field));
                })+
                let ids = !self.subscription_ids.is_empty() && bearer != bearer::PUBLISH;
                ids.then_some("subscription_ids")
            }

            fn set(&mut self, id: u32, bearer: u16, from: &mut Reader) -> Result<(), DecodeError> {
                match id {
                    $($id if $bearers & bearer != 0 => {
                        let value = $kind::read(from)?;
                        if self.$field.replace(value).is_some() {
                            return Err(DecodeError::Protocol(concat!("two properties ", stringify!($field))));
                        }
                    })+
                    11 if bearer == bearer::PUBLISH => match from.varint()? {
                        0 => return Err(DecodeError::Protocol("subscription identifier 0")),
                        id => self.subscription_ids.push(id),
                    },
                    38 => self.user.push((from.text()?, from.text()?)),
                    _ => return Err(DecodeError::Malformed("a property that this packet cannot have")),
                }
                Ok(())
            }

            /// In bytes, without the length in front.
            pub(crate) fn len(&self) -> usize {
                let mut length = 0;
                $(if let Some(value) = &self.$field {
                    length += 1 + $kind::len(value);
                })+
                length += self.subscription_ids.iter().map(|id| 1 + varint_len(*id as usize)).sum::<usize>();
                length + self.user.iter().map(|(name, value)| 5 + name.len() + value.len()).sum::<usize>()
            }

            /// With the length in front.
            pub(crate) fn write(&self, to: &mut BytesMut) {
                put_varint(to, self.len());
                $(if let Some(value) = &self.$field {
                    to.put_u8($id);
                    $kind::write(value, to);
                })+
                for id in &self.subscription_ids {
                    to.put_u8(11);
                    put_varint(to, *id as usize);
                }
                for (name, value) in &self.user {
                    to.put_u8(38);
                    put_data(to, name.as_bytes());
                    put_data(to, value.as_bytes());
                }
            }

            /// Everything the caller gave is short enough for the two bytes of its length.
            pub(crate) fn first_too_long(&self) -> Option<&'static str> {
                $(if self.$field.as_ref().is_some_and(|value| $kind::len(value) > 2 + 0xffff) {
                    return Some(stringify!($field));
                })+
                let long = |text: &Text| text.len() > 0xffff || text.as_bytes().contains(&0);
                self.user.iter().any(|(name, value)| long(name) || long(value)).then_some("user")
            }
        }
    };
}

properties! {
    /// Whether the payload is UTF-8.
    1 payload_format: bool, flag, PUBLISH | WILL;
    /// Seconds after which the server need not deliver any more.
    2 message_expiry: u32, word, PUBLISH | WILL;
    /// What the payload is, as a MIME type or otherwise.
    3 content_type: Text, text, PUBLISH | WILL;
    /// Where an answer is expected.
    8 response_topic: Text, text, PUBLISH | WILL;
    /// What an answer must bear.
    9 correlation_data: Bytes, data, PUBLISH | WILL;
    /// Seconds for which the session outlives its connection.
    17 session_expiry: u32, word, CONNECT | CONNACK | DISCONNECT;
    /// The client identifier that the server chose.
    18 assigned_client_id: Text, text, CONNACK;
    /// The keep-alive that holds instead of the one asked for, in seconds.
    19 server_keep_alive: u16, half, CONNACK;
    /// Of an extended authentication.
    21 authentication_method: Text, text, CONNECT | CONNACK;
    /// Of an extended authentication.
    22 authentication_data: Bytes, data, CONNECT | CONNACK;
    /// Whether reasons and user properties are wanted outside of CONNACK, PUBLISH and DISCONNECT.
    23 request_problem_information: bool, flag, CONNECT;
    /// Seconds between the loss of the connection and the will.
    24 will_delay: u32, word, WILL;
    /// Whether `response_information` is wanted.
    25 request_response_information: bool, flag, CONNECT;
    /// From which to make response topics.
    26 response_information: Text, text, CONNACK;
    /// Another server to use.
    28 server_reference: Text, text, CONNACK | DISCONNECT;
    /// A phrase for a person.
    31 reason_string: Text, text, CONNACK | ACK | DISCONNECT;
    /// How many QoS 1 messages may be unacknowledged.
    33 receive_maximum: u16, positive_half, CONNECT | CONNACK;
    /// How many topic aliases may be used.
    34 topic_alias_maximum: u16, half, CONNECT | CONNACK;
    /// Stands for a topic.
    35 topic_alias: u16, positive_half, PUBLISH;
    /// Whether the server takes QoS 1 (and no QoS 2); absent: it takes all.
    36 maximum_qos: bool, flag, CONNACK;
    /// Whether the server keeps retained messages.
    37 retain_available: bool, flag, CONNACK;
    /// The largest packet, in bytes.
    39 maximum_packet_size: u32, positive_word, CONNECT | CONNACK;
    /// Whether filters may hold wildcards.
    40 wildcard_available: bool, flag, CONNACK;
    /// Whether subscriptions may have identifiers.
    41 subscription_ids_available: bool, flag, CONNACK;
    /// Whether there are shared subscriptions.
    42 shared_available: bool, flag, CONNACK;
}

impl Properties {
    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Length and properties; `None` if there are none.
    pub(super) fn read(from: &mut Reader, bearer: u16) -> Result<Option<Box<Self>>, DecodeError> {
        let length = from.varint()?;
        if length == 0 {
            return Ok(None);
        }
        let mut part = from.part(length as usize)?;
        let mut properties = Box::<Self>::default();
        while !part.is_empty() {
            let id = part.varint()?;
            properties.set(id, bearer, &mut part)?;
        }
        Ok(Some(properties))
    }
}

macro_rules! kind {
    ($name:ident, $type:ty, |$from:ident| $read:expr, |$value:ident| $len:expr, |$written:ident, $to:ident| $write:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "not every kind needs all of them")]
            use super::*;

            pub(super) fn read($from: &mut Reader) -> Result<$type, DecodeError> {
                $read
            }

            pub(super) fn len($value: &$type) -> usize {
                $len
            }

            pub(super) fn write($written: &$type, $to: &mut BytesMut) {
                $write;
            }
        }
    };
}

kind!(
    flag,
    bool,
    |from| match from.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::Protocol("a property that is neither 0 nor 1")),
    },
    |_value| 1,
    |value, to| to.put_u8(u8::from(*value))
);
kind!(half, u16, |from| from.u16(), |_value| 2, |value, to| to.put_u16(*value));
kind!(word, u32, |from| from.u32(), |_value| 4, |value, to| to.put_u32(*value));
kind!(
    positive_half,
    u16,
    |from| from.u16().and_then(|value| if value == 0 { Err(DecodeError::ZERO) } else { Ok(value) }),
    |_value| 2,
    |value, to| to.put_u16(*value)
);
kind!(
    positive_word,
    u32,
    |from| from.u32().and_then(|value| if value == 0 { Err(DecodeError::ZERO) } else { Ok(value) }),
    |_value| 4,
    |value, to| to.put_u32(*value)
);
kind!(text, Text, |from| from.text(), |value| 2 + value.len(), |value, to| put_data(to, value.as_bytes()));
kind!(data, Bytes, |from| from.data(), |value| 2 + value.len(), |value, to| put_data(to, value));
