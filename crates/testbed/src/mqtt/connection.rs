//! Serves one connection: reads, writes and watches the time, all at once, so that no side waits for the other.

use std::{future, sync::Arc, time::Duration};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time,
};

use super::{
    codec::frame,
    conversation::{Conversation, End, Step},
    origin::Origin,
    rules::Bucket,
    web_socket::WebSocket,
};
use crate::{http::plan, link::Toward, net::wire::Wire, sync::lock, world::World};

/// Whoever has been told goodbye may take so long to go.
const LINGER: Duration = Duration::from_secs(2);

/// How packets travel.
pub(crate) enum Framing {
    /// One after the other.
    Plain,
    /// In the frames of a WebSocket.
    WebSocket(WebSocket),
}

/// The bytes on their way.
struct Pipes {
    framing: Framing,
    /// As they came.
    raw: Vec<u8>,
    /// Of MQTT.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    unflushed: bool,
    /// Bytes of MQTT so far: those of packets that have been handed over, and those sent.
    handled: usize,
    written: usize,
    /// The bytes from the client have reached their limit.
    cut: bool,
}

/// Serves until either side ends it. What has been read already goes before what will be.
pub(crate) async fn serve<W: Wire>(
    wire: W,
    framing: Framing,
    raw: Vec<u8>,
    origin: Origin,
    world: Arc<World>,
) {
    let (orders, mut ordered) = mpsc::unbounded_channel();
    let mut moves = world.mqtt.clock.moves();
    let mut conversation = Conversation::new(Arc::clone(&world), origin, orders);
    let (mut reading, mut writing) = io::split(wire);
    let mut pipes = Pipes {
        framing,
        raw,
        incoming: Vec::new(),
        outgoing: Vec::new(),
        unflushed: false,
        handled: 0,
        written: 0,
        cut: false,
    };
    let mut end = None;
    let mut paused = Duration::ZERO;
    let mut rate = Bucket::default();
    loop {
        pipes.take_in(&mut conversation);
        if end.is_none() {
            end = pipes.put_out(&mut conversation);
        } else {
            // Whoever fell silent stays silent, whatever becomes due.
            conversation.forget_steps();
        }
        let written = pipes.outgoing.is_empty() && !pipes.unflushed;
        if written && matches!(end, Some(End::Close | End::Drop | End::Reset)) {
            break;
        }
        let stalled = end == Some(End::Stall);
        let patience = conversation.patience();
        tokio::select! {
            read = reading.read_buf(&mut pipes.raw), if !stalled && paused.is_zero() => {
                let Ok(read @ 1..) = read else { break };
                if end.is_some() {
                    pipes.raw.clear();
                } else if let Some(most) = lock(&world.mqtt.broker).rules.bytes_per_second {
                    let read = u32::try_from(read).unwrap_or(u32::MAX);
                    paused = rate.draw(read, most, world.mqtt.clock.now());
                }
            }
            // What was said before a stall still leaves.
            done = write(&mut writing, &pipes.outgoing), if pipes.unflushed || !pipes.outgoing.is_empty() => {
                let Ok(written) = done else { break };
                pipes.unflushed = written > 0;
                pipes.outgoing.drain(..written);
            }
            Some(order) = ordered.recv() => {
                conversation.obey(order);
                // Whatever else is there already leaves in the same piece.
                while let Ok(order) = ordered.try_recv() {
                    conversation.obey(order);
                }
            }
            () = sleep(Some(paused).filter(|paused| !paused.is_zero())) => paused = Duration::ZERO,
            () = sleep(patience) => conversation.look_at_the_clock(),
            _ = moves.changed() => conversation.look_at_the_clock(),
        }
    }
    conversation.gone();
    let mut wire = reading.unsplit(writing);
    match end {
        Some(End::Reset) => plan::reset(&wire),
        Some(End::Close) => {
            let _ = wire.shutdown().await;
            // Closing at once would be a reset if the client has more to say, and cost it the last packet.
            let mut ignored = vec![0; 4096];
            let gone = async { while matches!(wire.read(&mut ignored).await, Ok(1..)) {} };
            let _ = time::timeout(LINGER, gone).await;
        }
        _ => {}
    }
}

impl Pipes {
    /// Hands what has come over, packet by packet.
    fn take_in(&mut self, conversation: &mut Conversation) {
        match &mut self.framing {
            Framing::Plain => self.incoming.append(&mut self.raw),
            Framing::WebSocket(socket) => {
                if let Err(malformed) = socket.take_in(&mut self.raw, &mut self.incoming, &mut self.outgoing)
                {
                    return conversation.refuse(&malformed);
                }
            }
        }
        let mut at = 0;
        while !self.cut {
            let rest = &self.incoming[at..];
            match frame(rest, conversation.largest()) {
                Ok(Some(body)) => {
                    let end = body.end;
                    let too_far = |limit: Option<usize>| limit.is_some_and(|most| self.handled + end > most);
                    self.cut = too_far(conversation.reset_after(Toward::Server));
                    if !self.cut {
                        conversation.receive(rest[0], &rest[body]);
                        // It may have been the CONNECT, with which faults begin.
                        self.cut = too_far(conversation.reset_after(Toward::Server));
                        if self.cut {
                            conversation.forget_steps();
                        }
                    }
                    self.handled += end;
                    at += end;
                }
                Ok(None) => {
                    let so_far = self.handled + rest.len();
                    self.cut = conversation.reset_after(Toward::Server).is_some_and(|most| so_far >= most);
                    break;
                }
                Err(malformed) => {
                    conversation.refuse(&malformed);
                    at = self.incoming.len();
                    break;
                }
            }
        }
        self.incoming.drain(..at);
    }

    /// Takes the next steps, up to an end.
    fn put_out(&mut self, conversation: &mut Conversation) -> Option<End> {
        while let Some(step) = conversation.step() {
            match step {
                Step::End(end) => {
                    if let (End::Close, Framing::WebSocket(socket)) = (end, &self.framing) {
                        self.outgoing.extend(socket.farewell());
                    }
                    return Some(end);
                }
                Step::Write(mut packet) => {
                    let room = conversation
                        .reset_after(Toward::Client)
                        .map(|most| most.saturating_sub(self.written));
                    let cut = room.is_some_and(|room| packet.len() >= room);
                    packet.truncate(room.unwrap_or(packet.len()));
                    self.written += packet.len();
                    match &self.framing {
                        Framing::Plain => self.outgoing.append(&mut packet),
                        Framing::WebSocket(_) => {
                            self.outgoing.extend(WebSocket::frame(&packet, conversation.fragment()));
                        }
                    }
                    if cut {
                        return Some(End::Reset);
                    }
                }
            }
        }
        self.cut.then_some(End::Reset)
    }
}

/// Writes what it can, or sees to it that what has been written leaves.
async fn write<W: io::AsyncWrite + Unpin>(writing: &mut W, outgoing: &[u8]) -> io::Result<usize> {
    if outgoing.is_empty() {
        writing.flush().await?;
        return Ok(0);
    }
    match writing.write(outgoing).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => time::sleep(duration).await,
        None => future::pending().await,
    }
}
