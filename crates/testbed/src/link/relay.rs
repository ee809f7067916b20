//! Passes bytes on between a client and the endpoint, as well or as badly as it was told to.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};

use super::{Fault, Toward};
use crate::{sync::lock, world::World};

/// What becomes of a connection whose byte has come.
enum Cut {
    /// The limit is reached.
    Here,
    /// Somebody hung up; there is nothing more to pass on.
    Broken,
}

impl From<io::Error> for Cut {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// Accepts for ever.
pub(super) async fn serve(listener: TcpListener, endpoint: SocketAddr, world: Arc<World>) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => drop(tokio::spawn(connection(tcp, endpoint, Arc::clone(&world)))),
            // Out of file descriptors: wait for some to be closed.
            Err(_) => time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(client: TcpStream, endpoint: SocketAddr, world: Arc<World>) {
    let mut connection = world.connect();
    let fault = lock(&world.link_faults).take();
    world.log.record("link", json!({"connection": connection.id, "service": "link", "fault": fault}));
    connection.unless_dropped(carry_out(fault, client, endpoint)).await;
}

async fn carry_out(fault: Fault, mut client: TcpStream, endpoint: SocketAddr) {
    match fault {
        Fault::Close {} => return,
        Fault::Reset {} => return drop(client.set_zero_linger()),
        Fault::HalfOpen {} => return std::future::pending().await,
        _ => {}
    }
    let Ok(mut server) = TcpStream::connect(endpoint).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let pause = match fault {
        Fault::Latency { ms } => Some(Duration::from_millis(ms)),
        _ => None,
    };
    let limit = |direction| match fault {
        Fault::ResetAfter { bytes, toward } | Fault::StallAfter { bytes, toward } if toward == direction => {
            Some(bytes)
        }
        _ => None,
    };
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            pump(from_client, to_server, pause, limit(Toward::Server)),
            pump(from_server, to_client, pause, limit(Toward::Client)),
        )
    };
    if matches!(ended, Err(Cut::Here)) {
        match fault {
            Fault::StallAfter { .. } => std::future::pending().await,
            _ => drop(client.set_zero_linger()),
        }
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    pause: Option<Duration>,
    mut limit: Option<usize>,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if limit == Some(0) {
            return Err(Cut::Here);
        }
        let most = limit.map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = from.read(&mut buffer[..most]).await?;
        if read == 0 {
            to.shutdown().await?;
            return Ok(());
        }
        if let Some(pause) = pause {
            time::sleep(pause).await;
        }
        to.write_all(&buffer[..read]).await?;
        limit = limit.map(|left| left - read);
    }
}
