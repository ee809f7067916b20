//! An address that answers no SYN, without any privilege: a listener nobody accepts from, its queue full.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

/// On the loopback an answer comes at once or not at all.
const PATIENCE: Duration = Duration::from_millis(100);

/// What keeps it black.
pub(super) struct BlackHole {
    listener: TcpListener,
    _fillers: Vec<TcpStream>,
}

impl BlackHole {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
        socket.bind(address)?;
        let listener = socket.listen(0)?;
        let bound = listener.local_addr()?;
        let mut fillers = Vec::new();
        while let Ok(filler) = timeout(PATIENCE, TcpStream::connect(bound)).await {
            fillers.push(filler?);
            if fillers.len() > 64 {
                return Err(io::Error::other("this system's queues do not fill"));
            }
        }
        Ok(Self { listener, _fillers: fillers })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}
