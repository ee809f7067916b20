//! An address where connecting is refused: bound, so that nobody else can get the port, and never listened on.

use std::{io, net::SocketAddr};

use tokio::net::TcpSocket;

/// What holds the port.
pub(super) struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
        socket.bind(address)?;
        Ok(Self { socket })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
