//! A carrier without TLS, a clock, and the server's half of the upgrade.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use refresh_session_core::crypto::digest::sha1;
use refresh_session_core::encoding::base64;
use refresh_session_core::{BootTime, Clock, Code, Error, Secret, Timestamp};
use refresh_session_tls::Carrier;
use refresh_session_websocket::{Upgrade, WebSocket};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};

pub(crate) type Learnt = Arc<Mutex<Vec<(Timestamp, BootTime, Duration)>>>;

/// Bytes as they are; says so of its errors.
#[derive(Debug)]
pub(crate) struct Plain<S>(pub(crate) S, pub(crate) Learnt);

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Carrier for Plain<S> {
    fn explain(&self, error: &io::Error) -> Error {
        Error::new(Code::ConnectionLost, format!("plain: {:?}: {error}", error.kind()))
    }

    fn learn(&self, date: Timestamp, at: BootTime, round_trip: Duration) {
        self.1.lock().unwrap().push((date, at, round_trip));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Every look at it takes two seconds.
#[derive(Debug, Default)]
pub(crate) struct Ticking(Mutex<u64>);

impl Clock for Ticking {
    fn boot(&self) -> BootTime {
        let mut seconds = self.0.lock().unwrap();
        *seconds += 2;
        BootTime::from_duration(Duration::from_secs(*seconds))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}

pub(crate) fn upgrade() -> Upgrade {
    let path = Secret::from("/mqtt?X-Amz-Signature=canary-signature");
    Upgrade::new("iot.example".into(), path, Arc::<Ticking>::default())
}

/// Reads the head of a request.
pub(crate) async fn request(peer: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The `Sec-WebSocket-Accept` that a request wants.
pub(crate) fn accept(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let mut accept = Vec::new();
    base64(&sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()), &mut accept);
    String::from_utf8(accept).unwrap()
}

/// Answers a request as a server does that speaks MQTT.
pub(crate) async fn agree(peer: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let accept = accept(&request(peer).await);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n\
         sec-websocket-protocol: mqtt\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    peer.write_all(answer.as_bytes()).await.unwrap();
}

/// A connection, and the other side's bytes.
pub(crate) async fn connected(
    upgrade: Upgrade,
    room: usize,
) -> (WebSocket<Plain<DuplexStream>>, DuplexStream) {
    let (ours, mut theirs) = duplex(room);
    let (socket, ()) = tokio::join!(
        async { WebSocket::open(Plain(ours, Learnt::default()), &upgrade).await.unwrap() },
        agree(&mut theirs),
    );
    (socket, theirs)
}
