//! HTTPS on the port `alpn`: the way to a WebSocket.
//!
//! `GET /mqtt` with the sub-protocol `mqtt`, and with one of two proofs: a signature in the query
//! ([`crate::aws::sigv4`]) for `iotdevicegateway`, made with keys the testbed has issued, or token and signature of a
//! custom authorizer ([`super::authorizer`]) as headers or parameters. Whatever is wrong is answered 403 (400 for what
//! is no WebSocket, 404 for other paths) and written down, with the reason, as event `mqtt.upgrade`.
//!
//! `PUT /mqtt/upgrades` scripts what happens instead ([`crate::script`]):
//!
//! | Mode           | Parameters                     | The client sees                            |
//! |----------------|--------------------------------|--------------------------------------------|
//! | `none`         |                                | nothing wrong                              |
//! | `status`       | `code`, `retryAfter`?          | that status                                |
//! | `silence`      |                                | no answer                                  |
//! | `close`        |                                | the end                                    |
//! | `wrong-accept` |                                | 101 with the accept value of another key   |
//! | `no-protocol`  |                                | 101 without a sub-protocol                 |
//! | `garbage`      |                                | bytes that are not HTTP                    |

use std::sync::Arc;

use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    authorizer::Claim,
    connection::{Framing, serve as converse},
    origin::{Origin, Proof},
    web_socket::WebSocket,
};
use crate::{
    aws::sigv4::Presigned,
    clock, encoding,
    http::{
        answer::Answer,
        plan::{End, Plan},
        request::{Incoming, Reader, Request, header_line},
    },
    net::wire::Wire,
    sync::lock,
    world::World,
};

/// The service of the signature.
const SERVICE: &str = "iotdevicegateway";
/// RFC 6455, section 1.3.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// One of the modes in the table above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "mode",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    expecting = "a fault with a `mode`"
)]
pub(crate) enum Fault {
    None {},
    Status {
        code: u16,
        #[serde(default)]
        retry_after: Option<u64>,
    },
    Silence {},
    Close {},
    WrongAccept {},
    NoProtocol {},
    Garbage {},
}

impl Default for Fault {
    fn default() -> Self {
        Self::None {}
    }
}

/// Who asks, once that is clear.
struct Caller {
    access_key_id: Option<String>,
    proof: Proof,
}

/// Why nobody gets a WebSocket.
struct Refusal(u16, String);

/// Serves requests until one becomes a WebSocket.
pub(crate) async fn serve<W: Wire>(mut wire: W, mut origin: Origin, world: &Arc<World>) {
    let mut reader = Reader::default();
    loop {
        let request = match reader.next(&mut wire).await {
            Ok(Incoming::Request(request)) => request,
            Ok(Incoming::Bad(reason)) => {
                let answer = Answer::json(400, &json!({"message": reason}));
                return drop(dated(answer, world).into_plan(false).run(wire).await);
            }
            _ => return,
        };
        let fault = lock(&world.mqtt.broker).upgrades.take();
        let judged = judge(&request, world);
        let status = match (&fault, &judged) {
            (Fault::Status { code, .. }, _) => Some(*code),
            (Fault::Silence {} | Fault::Close {} | Fault::Garbage {}, _) => None,
            (_, Ok(_)) => Some(101),
            (_, Err(Refusal(status, _))) => Some(*status),
        };
        world.log.record(
            "mqtt.upgrade",
            json!({
                "connection": origin.connection,
                "service": "mqtt",
                "path": request.path,
                "headers": request.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                "accessKeyId": Presigned::of(&request).ok().map(|presigned| presigned.access_key_id),
                "status": status,
                "error": judged.as_ref().err().map(|Refusal(_, error)| error),
                "fault": Some(&fault).filter(|fault| **fault != Fault::None {}),
            }),
        );
        let plan = match (&fault, judged) {
            (Fault::Status { code, retry_after }, _) => {
                let answer = Answer::json(*code, &json!({"message": "The testbed was told to say this"}));
                let answer = match retry_after {
                    Some(seconds) => answer.with("Retry-After", seconds.to_string()),
                    None => answer,
                };
                dated(answer, world).into_plan(request.keep_alive)
            }
            (Fault::Silence {}, _) => Plan::silent(End::Hold),
            (Fault::Close {}, _) => Plan::silent(End::Close),
            (Fault::Garbage {}, _) => {
                Plan::write(b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\x01\r\n\r\n".to_vec(), End::Close)
            }
            (fault, Ok(caller)) => {
                let Some(wire) =
                    Plan::write(switching(&request, fault, world), End::KeepAlive).run(wire).await
                else {
                    return;
                };
                origin.web_socket = true;
                origin.access_key_id = caller.access_key_id;
                origin.proof = caller.proof;
                let framing = Framing::WebSocket(WebSocket::default());
                return converse(wire, framing, reader.into_rest(), origin, Arc::clone(world)).await;
            }
            (_, Err(Refusal(status, error))) => {
                // AWS says as little.
                let shown = if status == 403 { "Forbidden" } else { &error };
                dated(Answer::json(status, &json!({"message": shown})), world).into_plan(request.keep_alive)
            }
        };
        match plan.run(wire).await {
            Some(open) => wire = open,
            None => return,
        }
    }
}

fn judge(request: &Request, world: &World) -> Result<Caller, Refusal> {
    if request.path != "/mqtt" {
        return Err(Refusal(404, format!("there is nothing at {}", request.path)));
    }
    let is = |name: &str, wanted: &str| {
        let values = request.header(name).unwrap_or_default().split(',');
        values.map(str::trim).any(|value| value.eq_ignore_ascii_case(wanted))
    };
    if request.method != "GET" || !is("upgrade", "websocket") || !is("connection", "upgrade") {
        return Err(Refusal(400, "this is no request for a WebSocket".to_owned()));
    }
    let key = request.header("sec-websocket-key").unwrap_or_default();
    if !is("sec-websocket-version", "13") || key.len() != 24 || !key.ends_with("==") {
        return Err(Refusal(400, "the request for a WebSocket is not a proper one".to_owned()));
    }
    if !is("sec-websocket-protocol", "mqtt") {
        return Err(Refusal(400, "the sub-protocol mqtt is not offered".to_owned()));
    }
    if Presigned::is_in(request) {
        return signed(request, world).map_err(|error| Refusal(403, error));
    }
    let claim = Claim::of_request(&request.headers, &request.query_parameters());
    if !claim.names_authorizer() {
        return Err(Refusal(403, "neither a signature nor an authorizer".to_owned()));
    }
    lock(&world.mqtt.broker).authorizers.judge(&claim).map_err(|error| Refusal(403, error))?;
    Ok(Caller { access_key_id: None, proof: Proof::Claim(claim) })
}

fn signed(request: &Request, world: &World) -> Result<Caller, String> {
    let presigned = Presigned::of(request).map_err(|mismatch| mismatch.message)?;
    let issued = world.keys(&presigned.access_key_id).ok_or("nobody issued the key")?;
    if !issued.has_token(presigned.token.as_deref()) {
        let missing = presigned.token.is_none();
        return Err(if missing {
            "the session token is missing"
        } else {
            "the session token is not the right one"
        }
        .to_owned());
    }
    let now = world.now();
    presigned
        .verify(request, &issued.secret_access_key, SERVICE, now)
        .map_err(|mismatch| mismatch.message)?;
    if !issued.is_good(now) {
        return Err("the keys have expired".to_owned());
    }
    Ok(Caller { access_key_id: Some(presigned.access_key_id), proof: Proof::Signature })
}

/// With the servers' time, which a client with a wrong clock learns from it.
fn dated(answer: Answer, world: &World) -> Answer {
    answer.with("Date", clock::http(world.now()))
}

/// The answer that makes it a WebSocket.
fn switching(request: &Request, fault: &Fault, world: &World) -> Vec<u8> {
    let key = match fault {
        Fault::WrongAccept {} => "AAAAAAAAAAAAAAAAAAAAAA==",
        _ => request.header("sec-websocket-key").unwrap_or_default(),
    };
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{MAGIC}").as_bytes());
    let mut head =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".to_owned();
    head.push_str(&header_line("Date", &clock::http(world.now())));
    head.push_str(&header_line("Sec-WebSocket-Accept", &encoding::base64(hash.as_ref())));
    if *fault != (Fault::NoProtocol {}) {
        head.push_str(&header_line("Sec-WebSocket-Protocol", "mqtt"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}
