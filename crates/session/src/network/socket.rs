//! The netlink socket: it hears what the kernel tells everybody, and says nothing.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};
use tokio::io::unix::AsyncFd;

use super::ways::Ways;
use super::words::words;
use crate::descriptor::readable;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`. No user
/// needs a privilege for them.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// More than the kernel puts into one datagram; pages that were never written to cost nothing.
const LARGEST: usize = 32 * 1024;

/// Hears what happens to links, addresses and routes.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
    ways: Ways,
}

impl Socket {
    /// Hears from here on. In a runtime.
    pub(super) fn open() -> std::io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // The protocol zero is `NETLINK_ROUTE`.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        let descriptor = readable(socket)?;
        Ok(Self { descriptor, buffer: vec![0; LARGEST], ways: Ways::default() })
    }

    /// Until there is news.
    pub(super) async fn news(&mut self) -> std::io::Result<()> {
        loop {
            let mut ready = self.descriptor.readable().await?;
            match hear(ready.get_inner(), &mut self.buffer, &mut self.ways) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What has come so far is known, and no news any more.
    pub(super) fn catch_up(&mut self) -> std::io::Result<()> {
        // Whoever sends faster than this is heard the next time.
        for _ in 0..MOST_AT_ONCE {
            match hear(self.descriptor.get_ref(), &mut self.buffer, &mut self.ways) {
                Ok(_) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The kernel's buffer holds fewer by default.
const MOST_AT_ONCE: usize = 1024;

/// Whether the next datagram has news. `EAGAIN` when there is none.
fn hear(socket: &OwnedFd, buffer: &mut [u8], ways: &mut Ways) -> Result<bool, Errno> {
    let (length, sender) = match recvfrom(socket, &mut *buffer, RecvFlags::TRUNC) {
        Ok((_, length, sender)) => (length, sender),
        Err(Errno::INTR) => return Ok(false),
        // There was more than the kernel kept for us: anything may have come, and gone.
        Err(Errno::NOBUFS) => {
            ways.forget_all();
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    // Others with the privilege may send to this socket too.
    let of_kernel = sender
        .and_then(|sender| SocketAddrNetlink::try_from(sender).ok())
        .is_some_and(|sender| sender.pid() == 0);
    if !of_kernel {
        return Ok(false);
    }
    let Some(datagram) = buffer.get(..length) else {
        ways.forget_all();
        return Ok(true);
    };
    let mut news = false;
    for word in words(datagram) {
        news |= ways.hear(word);
    }
    Ok(news)
}

/// Works on a namespace of its own: see `tests`.
#[cfg(test)]
pub(super) mod of_its_own {
    use rustix::net::sockopt::set_socket_recv_buffer_size;
    use rustix::net::{SendFlags, getsockname, sendto};

    use super::*;

    impl Socket {
        /// As if nobody had read for long.
        pub(in crate::network) fn shrink(&self) {
            set_socket_recv_buffer_size(self.descriptor.get_ref(), 0).unwrap();
        }

        /// Reads what has come; how many datagrams had news.
        pub(in crate::network) fn heard(&mut self) -> usize {
            let mut news = 0;
            loop {
                match hear(self.descriptor.get_ref(), &mut self.buffer, &mut self.ways) {
                    Ok(new) => news += usize::from(new),
                    Err(error) => {
                        assert_eq!(error, Errno::AGAIN);
                        return news;
                    }
                }
            }
        }

        /// Another process tells it something.
        pub(in crate::network) fn is_sent(&self, datagram: &[u8]) {
            let own = SocketAddrNetlink::try_from(getsockname(self.descriptor.get_ref()).unwrap()).unwrap();
            assert_ne!(own.pid(), 0);
            let other =
                socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
            let to = SocketAddrNetlink::new(own.pid(), 0);
            assert_eq!(sendto(&other, datagram, SendFlags::empty(), &to).unwrap(), datagram.len());
        }
    }
}
