//! What is sent in answer to one request: pieces of bytes, pauses between them, and how it ends.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time,
};

use crate::net::wire::Wire;

/// One step of a [`Plan`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send these bytes, at once and on their own.
    Write(Vec<u8>),
    /// Send nothing for a while.
    Pause(Duration),
}

/// How a [`Plan`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The next request may come.
    KeepAlive,
    /// The connection is closed in order: over TLS, with `close_notify`.
    Close,
    /// The connection is closed without `close_notify`.
    Drop,
    /// The connection is reset.
    Reset,
    /// Nothing happens until the client goes away.
    Hold,
}

/// An answer as a sequence of steps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The steps.
    pub(crate) steps: Vec<Step>,
    /// What follows them.
    pub(crate) end: End,
}

impl Plan {
    /// One write and an end.
    pub(crate) fn write(bytes: Vec<u8>, end: End) -> Self {
        Self { steps: vec![Step::Write(bytes)], end }
    }

    /// An end without an answer.
    pub(crate) fn silent(end: End) -> Self {
        Self { steps: Vec::new(), end }
    }

    /// Writes with a pause before each.
    pub(crate) fn slow(pieces: impl IntoIterator<Item = Vec<u8>>, pause: Duration, end: End) -> Self {
        let steps = pieces.into_iter().flat_map(|piece| [Step::Pause(pause), Step::Write(piece)]).collect();
        Self { steps, end }
    }

    /// Carries it out. The stream comes back if another request may follow.
    pub(crate) async fn run<W: Wire>(self, mut wire: W) -> Option<W> {
        for step in self.steps {
            match step {
                Step::Pause(pause) => time::sleep(pause).await,
                Step::Write(bytes) => {
                    // A client that has gone away needs no answer.
                    wire.write_all(&bytes).await.ok()?;
                    wire.flush().await.ok()?;
                }
            }
        }
        match self.end {
            End::KeepAlive => return Some(wire),
            End::Close => drop(wire.shutdown().await),
            End::Drop => {}
            End::Reset => reset(&wire),
            End::Hold => {
                let mut ignored = [0; 512];
                while matches!(wire.read(&mut ignored).await, Ok(1..)) {}
            }
        }
        None
    }
}

/// Makes closing this connection a TCP reset.
pub(crate) fn reset<W: Wire>(wire: &W) {
    // If the client has reset it first, there is nothing left to do.
    let _ = wire.tcp().set_zero_linger();
}
