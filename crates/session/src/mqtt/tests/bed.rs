//! A connection in virtual time, to a server that a test plays byte by byte.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use refresh_session_core::{Calendar, Code, Error, Result, Warning};
use refresh_session_mqtt::{Limits, Publish, QoS, Settings};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

use crate::Surroundings;
use crate::alarm::virtual_time::VirtualTime;
use crate::mqtt::connection::MqttConnection;
use crate::mqtt::options::MqttQueueOptions;
use crate::mqtt::wire::{Dial, Wire};
use crate::mqtt::words::{Command, Delivery};
use crate::network::Network;
use crate::source::Fetching;
use refresh_session_tls::dial::Carrier;

/// In one pipe: small, so that writing has to wait.
const PIPE: usize = 32 * 1024;

/// The connection's end of a pipe.
struct End(DuplexStream);

impl Carrier for End {
    fn explain(&self, error: &io::Error) -> Error {
        Error::new(Code::ConnectionLost, error.to_string())
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for End {
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

/// Gives one end of a pipe to the connection and the other to the test.
#[derive(Debug)]
struct Pipes {
    ends: mpsc::UnboundedSender<DuplexStream>,
    refusals: Mutex<Vec<Error>>,
}

impl Dial for Pipes {
    fn dial(&self) -> Fetching<'_, Result<Wire>> {
        let refusal = self.refusals.lock().unwrap().pop();
        Box::pin(async move {
            if let Some(error) = refusal {
                return Err(error);
            }
            let (ours, theirs) = duplex(PIPE);
            self.ends.send(theirs).map_err(|_| Error::new(Code::Connect, "the test is over"))?;
            Ok(Box::new(End(ours)) as Wire)
        })
    }

    fn take_warnings(&self) -> Vec<Warning> {
        Vec::new()
    }
}

/// A network that comes when the test says so.
#[derive(Debug, Default)]
pub(super) struct Notices {
    came: Notify,
}

impl Notices {
    pub(super) fn come(&self) {
        self.came.notify_one();
    }
}

impl Network for Notices {
    fn came(&self) -> Fetching<'_, ()> {
        Box::pin(self.came.notified())
    }
}

pub(super) struct Bed {
    pub(super) time: VirtualTime,
    pub(super) network: Arc<Notices>,
    pub(super) connection: MqttConnection,
    pub(super) warnings: Vec<Warning>,
    pub(super) wakes: Arc<AtomicUsize>,
    pipes: Arc<Pipes>,
    ends: mpsc::UnboundedReceiver<DuplexStream>,
    numbers: u32,
}

impl Bed {
    pub(super) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with(None, change)
    }

    pub(super) fn with(queue: Option<&MqttQueueOptions>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::open(queue, change).unwrap()
    }

    pub(super) fn open(queue: Option<&MqttQueueOptions>, change: impl FnOnce(&mut Settings)) -> Result<Self> {
        let time = VirtualTime::new();
        let mut settings = Settings::new("gw");
        settings.limits = Limits::NONE;
        change(&mut settings);
        let (sender, ends) = mpsc::unbounded_channel();
        let pipes = Arc::new(Pipes { ends: sender, refusals: Mutex::default() });
        let network = Arc::new(Notices::default());
        let around = Surroundings {
            clock: Arc::new(time.clone()),
            calendar: Calendar::new(),
            alarm: Arc::new(time.clone()),
            network: network.clone(),
            runtime: Handle::current(),
        };
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = wakes.clone();
        let wake = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let (connection, warnings) =
            MqttConnection::start(settings, queue, "gw".into(), pipes.clone(), around, wake)?;
        Ok(Self { time, network, connection, warnings, wakes, pipes, ends, numbers: 0 })
    }

    pub(super) fn refuse(&self, errors: Vec<Error>) {
        *self.pipes.refusals.lock().unwrap() = errors.into_iter().rev().collect();
    }

    /// The server's end of the next link.
    pub(super) async fn accepted(&mut self) -> Server {
        loop {
            self.time.settle().await;
            if let Ok(end) = self.ends.try_recv() {
                return Server { end };
            }
            self.time.pass(Duration::from_secs(1)).await;
        }
    }

    /// A link that is greeted.
    pub(super) async fn connected(&mut self) -> Server {
        self.connection.submit(vec![Command::Connect]);
        self.greeted(false).await
    }

    pub(super) async fn greeted(&mut self, session_present: bool) -> Server {
        let mut server = self.accepted().await;
        let connect = server.packet().await;
        assert_eq!(connect[0], 0x10);
        server.say(&[0x20, 3, u8::from(session_present), 0, 0]).await;
        self.time.settle().await;
        server
    }

    pub(super) fn publish(&mut self, payload: &str) -> u32 {
        self.publish_until(payload, false)
    }

    pub(super) fn publish_until(&mut self, payload: &str, until_stored: bool) -> u32 {
        self.numbers += 1;
        let operation = self.numbers;
        let message = message(payload);
        self.connection.submit(vec![Command::Publish { operation, message, limit: None, until_stored }]);
        operation
    }

    /// All that has come up.
    pub(super) async fn deliveries(&self) -> Vec<Delivery> {
        self.time.settle().await;
        let mut all = Vec::new();
        loop {
            let (some, more) = self.connection.collect(1024);
            all.extend(some);
            if !more {
                return all;
            }
        }
    }

    /// Waits for the disk's thread, which lives in real time.
    pub(super) async fn until(&self, mut is_it: impl FnMut(&Delivery) -> bool) -> Vec<Delivery> {
        let mut all: Vec<Delivery> = Vec::new();
        while !all.iter().any(&mut is_it) {
            all.extend(self.deliveries().await);
            tokio::task::yield_now().await;
        }
        all
    }
}

pub(super) struct Server {
    pub(super) end: DuplexStream,
}

impl Server {
    pub(super) async fn say(&mut self, bytes: &[u8]) {
        self.end.write_all(bytes).await.unwrap();
    }

    /// One packet: its first byte and what stands behind its length.
    pub(super) async fn packet(&mut self) -> Vec<u8> {
        let first = self.end.read_u8().await.unwrap();
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let byte = usize::from(self.end.read_u8().await.unwrap());
            length |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let mut packet = vec![0; length + 1];
        packet[0] = first;
        self.end.read_exact(&mut packet[1..]).await.unwrap();
        packet
    }

    /// The payload of the next message; it is acknowledged.
    pub(super) async fn takes(&mut self) -> String {
        let packet = self.packet().await;
        assert_eq!(packet[0] >> 4, 3, "a PUBLISH");
        let topic = usize::from(u16::from_be_bytes([packet[1], packet[2]]));
        let id = [packet[3 + topic], packet[4 + topic]];
        let properties = usize::from(packet[5 + topic]);
        self.say(&[0x40, 2, id[0], id[1]]).await;
        String::from_utf8(packet[6 + topic + properties..].to_vec()).unwrap()
    }

    /// A message of QoS 0.
    pub(super) async fn tells(&mut self, payload: &[u8]) {
        let mut bytes = vec![0x30];
        let mut length = payload.len() + 4;
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend([0, 1, b't', 0]);
        bytes.extend(payload);
        self.say(&bytes).await;
    }

    /// Whether the other end has closed.
    pub(super) async fn is_left(&mut self) -> bool {
        let mut rest = Vec::new();
        self.end.read_to_end(&mut rest).await.is_ok()
    }
}

pub(super) fn message(payload: &str) -> Publish {
    Publish {
        topic: "t".into(),
        payload: bytes::Bytes::copy_from_slice(payload.as_bytes()),
        qos: QoS::AtLeastOnce,
        ..Publish::default()
    }
}
