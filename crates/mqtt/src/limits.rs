//! What a server allows, as data.

use std::time::Duration;

/// What is refused or held back before it reaches the wire. Each field may be changed by itself.
///
/// | | [`AWS`](Self::AWS) | over it, AWS IoT | the machine |
/// |---|---|---|---|
/// | publishes a second, both directions | 100 | discards in silence | waits |
/// | bytes a second | 512 KiB | delays | waits |
/// | unacknowledged QoS 1, each direction | 100 | disconnects (0x93) | waits; disconnects |
/// | packet | 128 KiB | disconnects (0x95) | `ERR_MQTT_PACKET_TOO_LARGE` |
/// | topic | 256 bytes, 7 slashes | disconnects (0x90) | `ERR_MQTT_TOPIC` |
/// | share name | 128 bytes | refuses (0x8f) | `ERR_MQTT_TOPIC` |
/// | subscriptions of a connection | 50 | refuses and disconnects | `ERR_MQTT_TOO_MANY_SUBSCRIPTIONS` |
/// | filters of a SUBSCRIBE | 8 | disconnects | sends several |
/// | keep-alive | 30–1200 s | uses the nearest | `ERR_INVALID_OPTION` |
/// | client identifier | 128 bytes | refuses (0x85) | `ERR_INVALID_OPTION` |
/// | time between two CONNECTs | 1 s | refuses | waits |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Messages a second, sent and received together. In any second there are at most so many.
    pub publishes_per_second: Option<u32>,
    /// Bytes of sent messages a second. In any second there are at most so many, or one packet that is larger than a
    /// quarter of it on top.
    pub bytes_per_second: Option<u32>,
    /// QoS 1 messages that may be unacknowledged, in each direction. The server's receive maximum counts if smaller.
    pub unacknowledged: u16,
    /// All of a packet, in bytes, in each direction.
    pub packet: u32,
    /// In bytes, without `$share/{name}/` and `$aws/rules/{rule}/`.
    pub topic: u16,
    /// In a topic or filter, counted likewise.
    pub slashes: Option<u16>,
    /// In bytes.
    pub share_name: u16,
    /// On one connection.
    pub subscriptions: Option<u16>,
    /// In one SUBSCRIBE or UNSUBSCRIBE.
    pub filters_per_packet: u16,
    /// The least and the most, in seconds.
    pub keep_alive: (u16, u16),
    /// In bytes.
    pub client_id: u16,
    /// Two CONNECTs are at least so far apart.
    pub connect_interval: Duration,
}

impl Limits {
    /// AWS IoT Core's, without adjustments of the account.
    pub const AWS: Self = Self {
        publishes_per_second: Some(100),
        bytes_per_second: Some(512 * 1024),
        unacknowledged: 100,
        packet: 128 * 1024,
        topic: 256,
        slashes: Some(7),
        share_name: 128,
        subscriptions: Some(50),
        filters_per_packet: 8,
        keep_alive: (30, 1200),
        client_id: 128,
        connect_interval: Duration::from_secs(1),
    };

    /// MQTT's own, and a megabyte for a packet.
    pub const NONE: Self = Self {
        publishes_per_second: None,
        bytes_per_second: None,
        unacknowledged: u16::MAX,
        packet: 1024 * 1024,
        topic: u16::MAX,
        slashes: None,
        share_name: u16::MAX,
        subscriptions: None,
        filters_per_packet: u16::MAX,
        keep_alive: (0, u16::MAX),
        client_id: u16::MAX,
        connect_interval: Duration::ZERO,
    };
}
