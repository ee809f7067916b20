//! Against mosquitto, where there is one that takes WebSocket.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use refresh_session_websocket::WebSocket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Learnt, Plain, upgrade};

const PROGRAM: &str = "/usr/sbin/mosquitto";

/// A broker; ends with the test.
struct Broker {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Broker {
    /// `None`: there is none here, or it is built without WebSocket.
    fn start() -> Option<Self> {
        if !PathBuf::from(PROGRAM).exists() {
            return None;
        }
        let folder = std::env::temp_dir().join(format!("refresh-session-broker-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // For WebSocket it cannot be told to choose a port. So one is chosen here, below those that the system gives
        // away, and the broker says itself whether it has got it.
        (0..50).find_map(|attempt| {
            let port = 20_000 + u16::try_from((std::process::id() + attempt * 211) % 12_000).unwrap();
            let file = folder.join("mosquitto.conf");
            // This version does not start with listeners for WebSocket only.
            let socket = folder.join("socket");
            let settings = format!(
                "allow_anonymous true\nuser root\nlistener 0 {}\nlistener {port}\nprotocol websockets\n",
                socket.display()
            );
            fs::write(&file, settings).unwrap();
            let mut process = Command::new(PROGRAM)
                .args(["-v", "-c"])
                .arg(&file)
                .stderr(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
            if lines.any(|line| line.ends_with(" running")) {
                // It must not be held up by a log that nobody reads.
                std::thread::spawn(move || lines.for_each(drop));
                return Some(Self { process, folder: folder.clone(), port });
            }
            process.wait().unwrap();
            None
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A packet of MQTT whose body is shorter than 128 bytes.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(body.len()).unwrap()][..], body].concat()
}

#[tokio::test]
async fn a_message_goes_through_a_broker_and_comes_back() {
    let Some(broker) = Broker::start() else {
        eprintln!("skipped: no mosquitto with WebSocket");
        return;
    };
    let stream = TcpStream::connect(("127.0.0.1", broker.port)).await.unwrap();
    let mut socket = WebSocket::open(Plain(stream, Learnt::default()), &upgrade()).await.unwrap();
    // CONNECT, MQTT 5, clean start, client identifier "gw".
    let connect = packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02gw");
    socket.write_all(&connect).await.unwrap();
    socket.flush().await.unwrap();
    let first = socket.read_u8().await.unwrap();
    let mut body = vec![0; usize::from(socket.read_u8().await.unwrap())];
    socket.read_exact(&mut body).await.unwrap();
    assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]), "CONNACK, no session, success");

    // SUBSCRIBE t, and its PUBLISH in the same frame, 100,000 bytes of it in the next ones.
    let payload = [0x55; 100_000];
    let length = 2 + 1 + 1 + payload.len();
    let mut publish = vec![0x30];
    publish.extend([(length % 128) as u8 | 0x80, (length / 128 % 128) as u8 | 0x80, (length / 16_384) as u8]);
    publish.extend(b"\x00\x01t\x00");
    let together = [packet(0x82, b"\x00\x01\x00\x00\x01t\x00"), publish.clone()].concat();
    socket.write_all(&together).await.unwrap();
    for part in payload.chunks(33_000) {
        socket.write_all(part).await.unwrap();
    }
    socket.flush().await.unwrap();
    let mut suback = [0; 6];
    socket.read_exact(&mut suback).await.unwrap();
    assert_eq!(suback, [0x90, 4, 0, 1, 0, 0]);
    let mut back = vec![0; publish.len() + payload.len()];
    socket.read_exact(&mut back).await.unwrap();
    assert!(back[..publish.len()] == publish && back[publish.len()..] == payload);

    // DISCONNECT, and close.
    socket.write_all(&[0xe0, 0]).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:x?}");
}
