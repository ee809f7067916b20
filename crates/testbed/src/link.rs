//! A bad link: ports that lead to the credentials endpoint, to the broker, or nowhere.
//!
//! The relay's port is `link.endpoint` in the ready line; `link.mqtt` and `link.mqttAlpn` lead to the two of the broker. What it does with a connection is scripted by `PUT /link`
//! ([`crate::script`]), and each connection is recorded as event `link` with its `fault`.
//!
//! | Mode          | Parameters               | The client sees                                               |
//! |---------------|--------------------------|---------------------------------------------------------------|
//! | `none`        |                          | the endpoint                                                  |
//! | `latency`     | `ms`                     | the endpoint, a pause before each piece in either direction   |
//! | `reset-after` | `bytes`, `toward`        | a TCP reset once so many bytes have gone `toward` the         |
//! |               |                          | `client` or the `server`                                      |
//! | `stall-after` | `bytes`, `toward`        | silence from there on                                         |
//! | `half-open`   |                          | a connection, and silence                                     |
//! | `close`       |                          | the end at once                                               |
//! | `reset`       |                          | a reset at once                                               |
//!
//! `link.blackHole` is an address that answers no SYN: its listener's queue is kept full. `link.refusing` is one where
//! connecting is refused. Both are held as long as the testbed lives: nobody else gets the port.

mod black_hole;
mod refusing;
mod relay;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use self::{black_hole::BlackHole, refusing::Refusing};
use crate::{
    failure::{During, Failure},
    world::World,
};

/// One of the modes in the table above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields, expecting = "a fault with a `mode`")]
pub(crate) enum Fault {
    None {},
    Latency { ms: u64 },
    ResetAfter { bytes: usize, toward: Toward },
    StallAfter { bytes: usize, toward: Toward },
    HalfOpen {},
    Close {},
    Reset {},
}

impl Default for Fault {
    fn default() -> Self {
        Self::None {}
    }
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Toward {
    Client,
    Server,
}

/// The ports; the black hole and the refusing address last as long as this.
pub(crate) struct Link {
    pub(crate) relay: SocketAddr,
    pub(crate) mqtt: SocketAddr,
    pub(crate) mqtt_alpn: SocketAddr,
    pub(crate) black_hole: SocketAddr,
    pub(crate) refusing: SocketAddr,
    _kept: (BlackHole, Refusing),
}

impl Link {
    /// Opens the ports of a link to the credentials endpoint and the two of the broker.
    pub(crate) async fn open(to: [SocketAddr; 3], world: &Arc<World>) -> Result<Self, Failure> {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let [endpoint, mqtt, mqtt_alpn] = to;
        let relay = listen(local, endpoint, world).await?;
        let mqtt = listen(local, mqtt, world).await?;
        let mqtt_alpn = listen(local, mqtt_alpn, world).await?;
        let hole = BlackHole::open((local, 0).into()).await.during("making a black hole")?;
        let black_hole = hole.address();
        let refusing = Refusing::open((local, 0).into()).during("holding a port that refuses")?;
        let refused = refusing.address().during("holding a port that refuses")?;
        Ok(Self { relay, mqtt, mqtt_alpn, black_hole, refusing: refused, _kept: (hole, refusing) })
    }
}

async fn listen(local: IpAddr, endpoint: SocketAddr, world: &Arc<World>) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((local, 0)).await.during("listening on 127.0.0.1")?;
    let address = listener.local_addr().during("listening on 127.0.0.1")?;
    tokio::spawn(relay::serve(listener, endpoint, Arc::clone(world)));
    Ok(address)
}
