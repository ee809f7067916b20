//! Faults of the broker: what `PUT /mqtt/faults` makes it do to connections, and `POST /mqtt/clients/{id}/fault` to one
//! that is open.
//!
//! A fault is a JSON object with a `mode`, the parameters of that mode, a `count`: how many connections it is for, or
//! `null` (the default) for all until it is cleared, and `clientId`: whose, or `null` for anybody's. A list is a script:
//! a connection meets the first of it that is for its client id. It meets it when its CONNECT has been read.
//!
//! | Mode               | Parameters (defaults)                  | The client sees                                        |
//! |--------------------|----------------------------------------|--------------------------------------------------------|
//! | `none`             |                                        | nothing wrong                                          |
//! | `several`          | `faults`                               | all of these                                           |
//! | `no-connack`       |                                        | no CONNACK                                             |
//! | `connack`          | `reason`, `sessionPresent` (false)     | that CONNACK, and the end if it is a refusal           |
//! | `lose-session`     |                                        | a session that is gone although it was asked for       |
//! | `stall`            | `after` (0)                            | nothing, and nothing it sends is read                  |
//! | `half-open`        | `after` (0)                            | nothing; what it sends is read and forgotten           |
//! | `reset-after`      | `bytes`, `toward`                      | a TCP reset once so many bytes of MQTT (inside TLS) have gone `toward` the `client` or the `server` |
//! | `close`            | `after` (0), `polite` (true)           | the end, with or without close_notify                  |
//! | `disconnect`       | `reason`, `after` (0)                  | that DISCONNECT (3.1.1: the end)                       |
//! | `garbage`          | `after` (0), `hex`?                    | bytes that are no packet                               |
//! | `oversized`        | `bytes`, `after` (0)                   | a PUBLISH of so many bytes, whatever it takes          |
//! | `no-puback`        | `times`?                               | so many PUBACKs missing, or all                        |
//! | `late-puback`      | `ms`, `times`?                         | PUBACKs later                                          |
//! | `puback`           | `reason`, `times`?                     | PUBACKs with that reason; an error is not passed on    |
//! | `reorder-pubacks`  | `size`                                 | PUBACKs by so many, the last first                     |
//! | `reorder-messages` | `size`                                 | messages by so many, the last first                    |
//! | `redeliver`        | `times`?                               | messages of QoS 1 twice, under two packet identifiers  |
//! | `no-suback`        | `times`?                               | no SUBACK                                              |
//! | `suback`           | `reasons`, `times`?                    | a SUBACK with these                                    |
//! | `no-unsuback`      | `times`?                               | no UNSUBACK                                            |
//! | `no-pingresp`      | `times`?                               | no PINGRESP                                            |
//! | `fragment`         | `bytes`                                | over a WebSocket: messages in frames of so many bytes, with pings between them |
//!
//! `after` counts the PUBLISHes of the client; 0 is right after the CONNACK.

mod plight;
mod script;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    plight::{Fate, Plight, Told},
    script::Faults,
};
use crate::link::Toward;

/// One of the modes in the table above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "mode",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    expecting = "a fault with a `mode`"
)]
pub(crate) enum Fault {
    None {},
    Several {
        faults: Vec<Fault>,
    },
    NoConnack {},
    Connack {
        reason: u8,
        #[serde(default)]
        session_present: bool,
    },
    LoseSession {},
    Stall {
        #[serde(default)]
        after: u64,
    },
    HalfOpen {
        #[serde(default)]
        after: u64,
    },
    ResetAfter {
        bytes: usize,
        toward: Toward,
    },
    Close {
        #[serde(default)]
        after: u64,
        #[serde(default = "yes")]
        polite: bool,
    },
    Disconnect {
        reason: u8,
        #[serde(default)]
        after: u64,
    },
    Garbage {
        #[serde(default)]
        after: u64,
        #[serde(default)]
        hex: Option<String>,
    },
    Oversized {
        bytes: usize,
        #[serde(default)]
        after: u64,
    },
    NoPuback {
        #[serde(default)]
        times: Option<u64>,
    },
    LatePuback {
        ms: u64,
        #[serde(default)]
        times: Option<u64>,
    },
    Puback {
        reason: u8,
        #[serde(default)]
        times: Option<u64>,
    },
    ReorderPubacks {
        size: usize,
    },
    ReorderMessages {
        size: usize,
    },
    Redeliver {
        #[serde(default)]
        times: Option<u64>,
    },
    NoSuback {
        #[serde(default)]
        times: Option<u64>,
    },
    Suback {
        reasons: Vec<u8>,
        #[serde(default)]
        times: Option<u64>,
    },
    NoUnsuback {
        #[serde(default)]
        times: Option<u64>,
    },
    NoPingresp {
        #[serde(default)]
        times: Option<u64>,
    },
    Fragment {
        bytes: usize,
    },
}

impl Fault {
    /// What is wrong with the parameters.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Several { faults } => faults.iter().try_for_each(Self::check),
            Self::LatePuback { ms, .. } if *ms > 3_600_000 => Err("`ms` must stay within an hour".to_owned()),
            Self::Oversized { bytes, .. } if *bytes > 64 << 20 => {
                Err("`bytes` must stay within 64 MiB".to_owned())
            }
            Self::Fragment { bytes: 0 } => Err("`bytes` must be positive".to_owned()),
            Self::ReorderPubacks { size } | Self::ReorderMessages { size } if *size < 2 => {
                Err("`size` must be two at least".to_owned())
            }
            Self::Garbage { hex: Some(hex), .. } if crate::random::unhex(hex).is_none() => {
                Err("`hex` must be bytes in hexadecimal".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// How many publishes of the client come before it.
    fn after(&self) -> Option<u64> {
        match self {
            Self::Stall { after }
            | Self::HalfOpen { after }
            | Self::Close { after, .. }
            | Self::Disconnect { after, .. }
            | Self::Garbage { after, .. }
            | Self::Oversized { after, .. } => Some(*after),
            _ => None,
        }
    }

    /// How often it still strikes, if that is limited.
    fn times(&mut self) -> Option<&mut u64> {
        match self {
            Self::NoPuback { times }
            | Self::LatePuback { times, .. }
            | Self::Puback { times, .. }
            | Self::Redeliver { times }
            | Self::NoSuback { times }
            | Self::Suback { times, .. }
            | Self::NoUnsuback { times }
            | Self::NoPingresp { times } => times.as_mut(),
            _ => None,
        }
    }
}

fn yes() -> bool {
    true
}
