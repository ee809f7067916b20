//! Notice that there is a way to the network again, so that nobody sits out a pause of minutes that an outage has earned.
//!
//! On Linux the kernel tells ([`SystemNetwork`]), through a netlink socket that all readers of the process share. It is
//! there while anybody reads, and costs one descriptor, no thread, and no wake-up while nothing changes. Told are, once
//! each time they come:
//!
//! | News | Where it is the only one |
//! |---|---|
//! | a link runs (`IFF_RUNNING`) | a cable is plugged in again where the addresses are fixed |
//! | a link has got an address of more than the link's own scope, which may be used | DHCP or IPv6 after the link |
//! | a default route has come, or leads elsewhere | a manager of networks fails over to the modem |
//!
//! What comes together is one notice; a link that flaps is told of once a minute in the end. No notice says that the server
//! can be reached, and one too many costs a ping or an attempt to connect.
//!
//! It is never told, and nobody is warned, where the system forbids such sockets (seccomp in a container, Android) or has
//! none. In a container with a network of its own only what happens in that is seen, not the cable of the host.
//!
//! | Module | Holds |
//! |---|---|
//! | `linux` | [`SystemNetwork`] and the watcher that the process shares |
//! | `socket` | the netlink socket |
//! | `words` | what the kernel's messages say |
//! | `ways` | what there is already, so that only what is new is news |
//! | `pace` | how soon after one notice another may follow |

use std::fmt;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod other;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod pace;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod socket;
#[cfg(test)]
#[cfg(any(target_os = "linux", target_os = "android"))]
mod tests;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod ways;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod words;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use linux::SystemNetwork;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use other::SystemNetwork;

use crate::source::Fetching;

/// Tells of the network. The system's is [`SystemNetwork`]; tests bring their own.
pub trait Network: Send + Sync + fmt::Debug {
    /// Resolves when there is a way that was not there before, since this was first polled or since the last notice;
    /// also if it came while nobody waited. Never resolves where the system does not tell.
    ///
    /// It is polled in a tokio runtime whose time and I/O drivers are enabled. Dropping the future loses nothing: call
    /// again. There is one reader: every connection has a `Network` of its own.
    fn came(&self) -> Fetching<'_, ()>;
}
