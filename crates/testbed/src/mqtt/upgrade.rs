//! HTTPS on the port `alpn`: the way to a WebSocket.

use std::sync::Arc;

use super::origin::Origin;
use crate::{net::wire::Wire, world::World};

/// Serves requests until one becomes a WebSocket.
pub(crate) async fn serve<W: Wire>(_wire: W, _origin: Origin, _world: &Arc<World>) {}
