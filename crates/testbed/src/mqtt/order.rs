//! What others ask of the task that serves a connection.

use tokio::sync::mpsc::UnboundedSender;

use super::{codec::ToClient, faults::Fault};

/// An order.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Send this.
    Send(ToClient),
    /// Send this, which is the second of its kind already.
    Twin(ToClient),
    /// End the connection: with a DISCONNECT of this reason where the protocol has it, or without a word.
    End {
        reason: Option<u8>,
        /// For the log.
        why: &'static str,
    },
    /// Misbehave from now on, and say when that is so.
    Fault(Fault, UnboundedSender<()>),
}
