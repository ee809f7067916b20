//! An HTTP proxy that takes `CONNECT` and knows every name as this machine.
//!
//! Its URL is `proxy.url` in the ready line. With the setting `proxyAuth` it asks for `proxy.user` and
//! `proxy.password` (Basic). What it does with a connection is scripted by `PUT /proxy` ([`crate::script`]):
//!
//! | Mode            | Parameters                           | The client sees                             |
//! |-----------------|--------------------------------------|---------------------------------------------|
//! | `none`          |                                      | a tunnel, or 407                            |
//! | `status`        | `code`, `reason`?, `authenticate`?   | that answer; the last is its                |
//! |                 |                                      | `Proxy-Authenticate`                        |
//! | `garbage`       |                                      | bytes that are not HTTP                     |
//! | `silence`       |                                      | nothing, ever                               |
//! | `slow`          | `ms`                                 | a tunnel, a pause before each byte of the   |
//! |                 |                                      | answer                                      |
//! | `huge-head`     | `bytes`                              | a head of more than so many bytes           |
//! | `close`         |                                      | the end instead of an answer                |
//! | `cut-head`      |                                      | half an answer, then the end                |
//! | `early-bytes`   |                                      | bytes behind the answer                     |
//! | `dead-tunnel`   |                                      | 200, then the end                           |
//! | `silent-tunnel` |                                      | 200, then nothing                           |
//!
//! Every request is recorded as event `proxy`: `connection`, `target`, `host` (the header), `authorization` (`none`,
//! `good` or `bad`: never what was sent), `status` (`null` if none was given) and `fault`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};

use crate::{
    failure::{During, Failure},
    sync::lock,
    world::World,
};

/// Whom `proxyAuth` lets pass.
pub(crate) const USER: &str = "gateway";
/// A canary, with characters that a URL must encode.
pub(crate) const PASSWORD: &str = "canary-passphrase-p:@/% 9";
/// The two in base64.
const BASIC: &str = "Basic Z2F0ZXdheTpjYW5hcnktcGFzc3BocmFzZS1wOkAvJSA5";

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
const LARGEST_REQUEST: usize = 16 * 1024;

/// One of the modes in the table above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields, expecting = "a fault with a `mode`")]
pub(crate) enum Fault {
    None {},
    Status {
        code: u16,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        authenticate: Option<String>,
    },
    Garbage {},
    Silence {},
    Slow {
        ms: u64,
    },
    HugeHead {
        bytes: usize,
    },
    Close {},
    CutHead {},
    EarlyBytes {},
    DeadTunnel {},
    SilentTunnel {},
}

impl Default for Fault {
    fn default() -> Self {
        Self::None {}
    }
}

/// Starts it and returns where it listens.
pub(crate) async fn listen(world: &Arc<World>) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.during("listening on 127.0.0.1")?;
    let address = listener.local_addr().during("listening on 127.0.0.1")?;
    let world = Arc::clone(world);
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((tcp, _)) => drop(tokio::spawn(connection(tcp, Arc::clone(&world)))),
                // Out of file descriptors: wait for some to be closed.
                Err(_) => time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    Ok(address)
}

async fn connection(client: TcpStream, world: Arc<World>) {
    let mut connection = world.connect();
    let id = connection.id;
    let work = async {
        // A client that goes away has what it wanted.
        let _ = serve(client, id, &world).await;
    };
    connection.unless_dropped(work).await;
}

/// What was asked for.
struct Request {
    target: String,
    host: Option<String>,
    authorization: &'static str,
}

async fn serve(mut client: TcpStream, id: u64, world: &World) -> io::Result<()> {
    let _ = client.set_nodelay(true);
    let Some(request) = read_request(&mut client).await? else {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    };
    let fault = lock(&world.proxy_faults).take();
    let barred = world.settings().proxy_auth && request.authorization != "good";
    let (status, answer) = match &fault {
        Fault::Status { code, reason, authenticate } => {
            (Some(*code), refusal(*code, reason.as_deref().unwrap_or("Told So"), authenticate.as_deref()))
        }
        Fault::Garbage {} => (None, b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\x01\r\n\r\n".to_vec()),
        Fault::Silence {} | Fault::Close {} => (None, Vec::new()),
        Fault::CutHead {} => (None, ESTABLISHED[..20].to_vec()),
        Fault::HugeHead { bytes } => {
            (None, format!("HTTP/1.1 200 OK\r\nX-Padding: {}\r\n\r\n", "x".repeat(*bytes)).into_bytes())
        }
        _ if barred => {
            (Some(407), refusal(407, "Proxy Authentication Required", Some("Basic realm=\"testbed\"")))
        }
        Fault::EarlyBytes {} => (Some(200), [ESTABLISHED, b"too early"].concat()),
        _ => (Some(200), ESTABLISHED.to_vec()),
    };
    world.log.record(
        "proxy",
        json!({
            "connection": id,
            "service": "proxy",
            "target": request.target,
            "host": request.host,
            "authorization": request.authorization,
            "status": status,
            "fault": fault,
        }),
    );
    // The other end first, so that the first byte through the tunnel finds somebody.
    let port = request.target.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    match fault {
        Fault::Slow { ms } => {
            for byte in answer {
                time::sleep(Duration::from_millis(ms)).await;
                client.write_all(&[byte]).await?;
            }
        }
        _ => client.write_all(&answer).await?,
    }
    match (fault, status) {
        (Fault::Silence {} | Fault::SilentTunnel {}, _) => std::future::pending().await,
        (Fault::None {} | Fault::Slow { .. } | Fault::EarlyBytes {}, Some(200)) => {
            let mut server = server?;
            let _ = server.set_nodelay(true);
            io::copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
        // A client that has more to say is not cut off from the answer by a reset.
        _ => client.shutdown().await,
    }
}

fn refusal(code: u16, reason: &str, authenticate: Option<&str>) -> Vec<u8> {
    let authenticate =
        authenticate.map(|value| format!("Proxy-Authenticate: {value}\r\n")).unwrap_or_default();
    format!("HTTP/1.1 {code} {reason}\r\n{authenticate}Content-Length: 9\r\n\r\nno tunnel").into_bytes()
}

/// `None` if it is not a `CONNECT`.
async fn read_request(client: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > LARGEST_REQUEST {
            return Ok(None);
        }
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head);
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("CONNECT"), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let header = |name: &str| {
        let mut fields = text.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let authorization = match header("proxy-authorization").as_deref() {
        None => "none",
        Some(BASIC) => "good",
        Some(_) => "bad",
    };
    Ok(Some(Request { target: target.to_owned(), host: header("host"), authorization }))
}
