//! MQTT.
#![forbid(unsafe_code)]

pub mod codec;
pub mod reason;
pub mod text;

pub use reason::Reason;
pub use text::Text;
