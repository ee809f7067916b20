//! One link: bytes to be written, bytes that were read.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use refresh_session_core::Error;
use refresh_session_mqtt::LinkId;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};

use super::wire::Wire;

/// So much is read before it is dealt with.
const READ: usize = 64 * 1024;
/// Kept for the next bytes of a silent link.
const IDLE: usize = 2 * 1024;
/// So much is taken from the machine before it is written.
const WRITE: usize = 64 * 1024;
/// For what is still to be written when a link is given up. Whoever is gone does not read it anyhow.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a link has done.
pub(super) enum Turn {
    /// Bytes have come.
    Read,
    /// All that was to be written is.
    Written,
    /// It is over; `None`: by its orderly end.
    Lost(Option<Error>),
}

/// A wire and its buffers.
pub(super) struct Transport {
    pub(super) id: LinkId,
    wire: Wire,
    pub(super) input: BytesMut,
    output: VecDeque<Bytes>,
    queued: usize,
    flushing: bool,
    /// How it ended, while what came before is dealt with.
    ended: Option<io::Result<usize>>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Transport {
    pub(super) fn new(id: LinkId, wire: Wire) -> Self {
        Self {
            id,
            wire,
            input: BytesMut::new(),
            output: VecDeque::new(),
            queued: 0,
            flushing: false,
            ended: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Whether it takes more. What it does not take stays in the machine, where it can still be cancelled.
    pub(super) fn takes_more(&self) -> bool {
        self.queued < WRITE
    }

    pub(super) fn write(&mut self, chunk: Bytes) {
        self.queued += chunk.len();
        self.output.push_back(chunk);
    }

    /// Writes, and reads if it `may`, until there is something to be dealt with.
    pub(super) async fn turn(&mut self, may_read: bool) -> Turn {
        poll_fn(|context| self.poll(context, may_read)).await
    }

    fn poll(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Turn> {
        // Bytes that came before a failure to write may say why it failed.
        let written = self.poll_write(context);
        if may_read {
            match self.poll_read(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Turn::Lost(None)),
                Poll::Ready(Ok(_)) => return Poll::Ready(Turn::Read),
                Poll::Ready(Err(error)) => return Poll::Ready(self.lost(&error)),
                Poll::Pending => {}
            }
        }
        match written {
            Poll::Ready(Ok(true)) => Poll::Ready(Turn::Written),
            Poll::Ready(Err(error)) => Poll::Ready(self.lost(&error)),
            Poll::Ready(Ok(false)) | Poll::Pending => Poll::Pending,
        }
    }

    /// Whether anything was written, and all of it is.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while let Some(chunk) = self.output.front_mut() {
            match Pin::new(&mut self.wire).poll_write(context, chunk) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.flushing = true;
                    self.queued -= written;
                    self.bytes_out += written as u64;
                    chunk.advance(written);
                    if chunk.is_empty() {
                        self.output.pop_front();
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if !self.flushing {
            return Poll::Ready(Ok(false));
        }
        match Pin::new(&mut self.wire).poll_flush(context) {
            Poll::Ready(Ok(())) => {
                self.flushing = false;
                Poll::Ready(Ok(true))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// How much was read; 0 at the end.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(ended) = self.ended.take() {
            return Poll::Ready(ended);
        }
        let before = self.input.len();
        while self.ended.is_none() && self.input.len() < before + READ {
            // Little while nothing comes: a gateway may have a hundred connections that are silent.
            self.input.reserve(if self.input.len() == before { IDLE } else { READ / 4 });
            match pin!(self.wire.read_buf(&mut self.input)).poll(context) {
                Poll::Ready(Ok(0)) => self.ended = Some(Ok(0)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => self.ended = Some(Err(error)),
                Poll::Pending => break,
            }
        }
        let read = self.input.len() - before;
        self.bytes_in += read as u64;
        if read > 0 {
            return Poll::Ready(Ok(read));
        }
        self.ended.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn lost(&self, error: &io::Error) -> Turn {
        // TLS calls it an error if the server leaves without taking leave. MQTT servers do.
        let left = error.kind() == io::ErrorKind::UnexpectedEof;
        Turn::Lost((!left).then(|| self.wire.explain(error)))
    }

    /// Writes what is left and `farewell`, for a moment, and closes.
    pub(super) async fn shut(mut self, farewell: Option<Bytes>) {
        self.output.extend(farewell);
        let last = async {
            for chunk in std::mem::take(&mut self.output) {
                self.wire.write_all(&chunk).await?;
            }
            self.wire.shutdown().await
        };
        // Whether it arrives does not change anything here.
        let _ = tokio::time::timeout(FAREWELL, last).await;
    }
}
