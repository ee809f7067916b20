//! MQTT in WebSocket (RFC 6455; MQTT 5, section 6): for devices whose credentials are keys rather than a certificate,
//! and for networks that let nothing but HTTPS out.
//!
//! | Module | Holds |
//! |---|---|
//! | [`signed`] | the path that AWS IoT takes as proof of who asks: SigV4 in the query |
//! | [`path`] | the same without a signature: for custom authorizers and other servers |
//! | [`upgrade`] | the request that turns HTTP into WebSocket |
//! | `answer` | what comes back, read strictly |
//! | `refusal` | what a server that stays with HTTP means by it |
//! | [`stream`] | the bytes of MQTT in binary frames |
//! | `rewound` | bytes that came with the answer and belong to what follows |
//! | `key` | what each side proves to the other that it speaks WebSocket |
//!
//! # Order of a connection
//!
//! 1. Somebody opens a [`Carrier`](refresh_session_tls::Carrier): TLS to the endpoint.
//! 2. [`signed::path`] makes the path, anew for every connection: a signature dies in minutes.
//! 3. [`WebSocket::open`] sends the request and reads the answer. Its `Date` teaches the time, whatever its status.
//! 4. The [`WebSocket`] is a stream of bytes to read MQTT from and write it to. What goes wrong with it is told by
//!    [`explain`](refresh_session_tls::Carrier::explain).
//!
//! Limits in time are set from outside, by dropping.

#![forbid(unsafe_code)]

mod answer;
mod key;
pub mod path;
mod refusal;
mod rewound;
pub mod signed;
pub mod stream;
pub mod upgrade;

pub use signed::Signing;
pub use stream::WebSocket;
pub use upgrade::Upgrade;
