//! The bytes of MQTT in binary frames.
//!
//! Where frames begin and end means nothing to MQTT (version 5, section 6.0): they may hold a part of a packet or many. So
//! what is read is a stream of bytes. What is written in one call becomes one frame, and goes out with the next flush.
//!
//! | What comes | Becomes |
//! |---|---|
//! | binary frames, whole or in fragments | bytes to read |
//! | ping | a pong |
//! | text | `ERR_MQTT_PROTOCOL`; MQTT 5, section 6.0 |
//! | a message larger than agreed, a masked frame, reserved bits, what else RFC 6455 forbids | `ERR_MQTT_PROTOCOL` |
//! | close | `ERR_MQTT_DISCONNECTED`, with its code and reason; the end of the stream if we have closed |
//! | the end of the connection without a close | the end of the stream |
//!
//! `shutdown` says close and ends the writing half of what is below; it does not wait for the answer.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream as _;
use futures_sink::Sink as _;
use refresh_session_core::{BootTime, Code, Error, Result, Timestamp};
use refresh_session_tls::Carrier;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{ClientBuilder, CloseCode, Config, Limits, Message, WebSocketStream};

use crate::answer;
use crate::rewound::Rewound;
use crate::upgrade::Upgrade;

/// How many pings may be unanswered because the other side does not take our answers: 200 KiB of memory at most.
const MAX_UNANSWERED: u32 = 1024;

/// A stream of bytes in WebSocket.
pub struct WebSocket<S> {
    frames: WebSocketStream<Rewound<S>>,
    /// What is left of the message being read.
    message: Bytes,
    unanswered: u32,
    /// We have said close.
    closing: bool,
    /// Why it is over.
    failure: Option<Error>,
}

impl<S: Carrier> WebSocket<S> {
    /// Asks for the upgrade and reads the answer. May be dropped at any time; the connection goes with it.
    ///
    /// # Errors
    /// `ERR_MQTT_CONNECT_REFUSED`: 401 or 403. `ERR_THROTTLED`, `ERR_SERVICE_UNAVAILABLE` and `ERR_UNEXPECTED_STATUS`:
    /// another status. `ERR_PROTOCOL`: what answers is no HTTP or no WebSocket for MQTT. Or what `stream` explains.
    pub async fn open(mut stream: S, upgrade: &Upgrade) -> Result<Self> {
        let ahead = answer::ask(&mut stream, upgrade).await?;
        let frames = ClientBuilder::new()
            .limits(Limits::default().max_payload_len(Some(upgrade.max_message_bytes)))
            // One write is one frame.
            .config(Config::default().frame_size(usize::MAX))
            .take_over(Rewound::new(ahead, stream));
        Ok(Self { frames, message: Bytes::new(), unanswered: 0, closing: false, failure: None })
    }

    /// What carries it.
    #[must_use]
    pub fn carrier(&self) -> &S {
        self.frames.get_ref().stream()
    }

    /// The next bytes of a message; `None` at the end of the stream.
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<()>>> {
        while self.message.is_empty() {
            if let Some(failure) = &self.failure {
                return Poll::Ready(Err(wrapped(failure)));
            }
            let Some(message) = ready!(Pin::new(&mut self.frames).poll_next(context)) else {
                return Poll::Ready(Ok(None));
            };
            let message = match message {
                Ok(message) => message,
                Err(error) => return Poll::Ready(Err(self.broken(error, context))),
            };
            if !self.frames.get_ref().stuck {
                self.unanswered = 0;
            }
            if message.is_binary() {
                self.message = message.into_payload().into();
            } else if message.is_text() {
                let text = protocol("sent text, where MQTT is binary");
                return Poll::Ready(Err(self.end(text, CloseCode::UNSUPPORTED_DATA, context)));
            } else if let Some((code, reason)) = message.as_close() {
                if self.closing {
                    return Poll::Ready(Ok(None));
                }
                let closed = closed(code, reason);
                return Poll::Ready(Err(self.over(closed, context)));
            } else if message.is_ping() {
                self.unanswered += 1;
                if self.unanswered > MAX_UNANSWERED {
                    let flood = protocol("sends pings and takes no answers");
                    return Poll::Ready(Err(self.end(flood, CloseCode::POLICY_VIOLATION, context)));
                }
            }
        }
        Poll::Ready(Ok(Some(())))
    }

    /// An error of the frames: the carrier's own, or something that RFC 6455 forbids.
    fn broken(&mut self, error: tokio_websockets::Error, context: &mut Context<'_>) -> io::Error {
        use tokio_websockets::Error as Frames;
        let (fault, code) = match error {
            // Whatever stands in a frame that never came whole, the link has cut it.
            Frames::Io(_) if self.frames.get_ref().ended => return io::ErrorKind::UnexpectedEof.into(),
            Frames::Io(error) => return error,
            Frames::PayloadTooLong { max_len, .. } => (
                protocol(&format!("sent a message of more than {max_len} bytes")),
                CloseCode::MESSAGE_TOO_BIG,
            ),
            error => (protocol(&format!("broke the rules of WebSocket: {error}")), CloseCode::PROTOCOL_ERROR),
        };
        self.end(fault, code, context)
    }

    /// Ends it on our part, with a close frame.
    fn end(&mut self, failure: Error, code: CloseCode, context: &mut Context<'_>) -> io::Error {
        // Where the frames have queued a close already, they refuse this one.
        let _ = Pin::new(&mut self.frames).start_send(Message::close(Some(code), ""));
        self.over(failure, context)
    }

    /// It is over; what is queued goes out if it can do so at once.
    fn over(&mut self, failure: Error, context: &mut Context<'_>) -> io::Error {
        let _ = Pin::new(&mut self.frames).poll_flush(context);
        let error = wrapped(&failure);
        self.failure = Some(failure);
        error
    }
}

impl<S: Carrier> Carrier for WebSocket<S> {
    /// `ERR_MQTT_DISCONNECTED` or `ERR_MQTT_PROTOCOL`; otherwise what the carrier below explains.
    fn explain(&self, error: &io::Error) -> Error {
        let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        ours.cloned().unwrap_or_else(|| self.carrier().explain(error))
    }

    fn learn(&self, date: Timestamp, at: BootTime, round_trip: Duration) {
        self.carrier().learn(date, at, round_trip);
    }
}

impl<S: Carrier> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if ready!(self.poll_message(context))?.is_some() {
            let some = self.message.len().min(buffer.remaining());
            buffer.put_slice(&self.message[..some]);
            self.message.advance(some);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Carrier> WebSocket<S> {
    /// One frame of these bytes.
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
        gather: impl FnOnce() -> BytesMut,
    ) -> Poll<io::Result<usize>> {
        if let Some(failure) = &self.failure {
            return Poll::Ready(Err(wrapped(failure)));
        }
        // Waits as long as the other side takes too little of what is queued.
        ready!(Pin::new(&mut self.frames).poll_ready(context)).map_err(below)?;
        let bytes = gather();
        let length = bytes.len();
        if length > 0 {
            Pin::new(&mut self.frames).start_send(Message::binary(bytes)).map_err(below)?;
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: Carrier> AsyncWrite for WebSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // The one copy there is: the mask is laid over it.
        self.poll_frame(context, || BytesMut::from(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_frame(context, || {
            let mut bytes = BytesMut::with_capacity(slices.iter().map(|slice| slice.len()).sum());
            for slice in slices {
                bytes.extend_from_slice(slice);
            }
            bytes
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.frames).poll_flush(context).map_err(below)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            // What the other side has closed needs no close of ours.
            let _ =
                Pin::new(&mut self.frames).start_send(Message::close(Some(CloseCode::NORMAL_CLOSURE), ""));
        }
        ready!(self.as_mut().poll_flush(context))?;
        Pin::new(self.frames.get_mut()).poll_shutdown(context)
    }
}

impl<S: fmt::Debug> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("closing", &self.closing)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// The carrier's error of a write.
fn below(error: tokio_websockets::Error) -> io::Error {
    match error {
        tokio_websockets::Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::BrokenPipe, error),
    }
}

/// Travels through an `io::Error` to [`Carrier::explain`].
fn wrapped(failure: &Error) -> io::Error {
    io::Error::other(failure.clone())
}

fn protocol(found: &str) -> Error {
    Error::new(Code::MqttProtocol, format!("the server {found}")).with_hint(
        "Check that an MQTT server answers at `endpoint`, and that nothing on the way changes what it sends.",
    )
}

fn closed(code: CloseCode, reason: &str) -> Error {
    let code = u16::from(code);
    let said = match shown(reason) {
        reason if reason.is_empty() => String::new(),
        reason => format!(" \"{reason}\""),
    };
    Error::new(
        Code::MqttDisconnected,
        format!("the server closed the WebSocket: {code} {}{said}", meaning(code)),
    )
}

/// RFC 6455, section 7.4.1, and the registry that it set up.
fn meaning(code: u16) -> &'static str {
    match code {
        1000 => "normal",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "data of a kind it does not take",
        1005 => "without a reason",
        1007 => "inconsistent data",
        1008 => "against its policy",
        1009 => "message too big",
        1011 => "an error of its own",
        1012 => "restarting",
        1013 => "overloaded",
        _ => "unnamed",
    }
}

/// Ends up in logs: short, letters, digits, spaces and a few marks.
fn shown(reason: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() || " -_.,:'".contains(character) { character } else { '?' }
    };
    reason.trim().chars().take(60).map(plain).collect()
}
