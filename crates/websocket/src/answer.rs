//! What comes back, read strictly (RFC 6455, section 4.1; RFC 9112).
//!
//! Only the head is read, and only so much of it: what a server that refuses says in its body is nobody's business.

use std::io;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use refresh_session_core::{Code, Error, Result};
use refresh_session_tls::Carrier;
use refresh_session_tls::http::headers::server_date;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::key::Key;
use crate::refusal;
use crate::upgrade::Upgrade;

/// More than any genuine head.
const MAX_HEAD_BYTES: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Its length, with the empty line.
    length: usize,
}

/// Sends the request and reads the answer; gives what came behind it.
pub(crate) async fn ask<S: Carrier>(stream: &mut S, upgrade: &Upgrade) -> Result<Bytes> {
    let key = Key::random()?;
    let request = upgrade.request(&key);
    let sent = upgrade.clock.boot();
    stream.write_all(&request).await.map_err(|error| stream.explain(&error))?;
    stream.flush().await.map_err(|error| stream.explain(&error))?;
    let mut read = BytesMut::with_capacity(2048);
    let mut passed = 0;
    let head = loop {
        let some = stream.read_buf(&mut read).await.map_err(|error| stream.explain(&error))?;
        if some == 0 {
            return Err(stream.explain(&io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some(head) = final_head(&mut read, &mut passed).map_err(|fault| fault.of(upgrade.host()))? {
            break head;
        }
    };
    let received = upgrade.clock.boot();
    if let Some(date) = server_date(&head.headers) {
        stream.learn(date, sent.midpoint(received), received.since(sent));
    }
    if head.status != 101 {
        return Err(refusal::error(upgrade.host(), &head));
    }
    check(&head, &key).map_err(|fault| fault.of(upgrade.host()))?;
    let _ = read.split_to(head.length);
    Ok(read.freeze())
}

/// What is wrong with an answer; completes "the answer of … ".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fault(&'static str);

impl Fault {
    fn of(self, host: &str) -> Error {
        Error::new(Code::Protocol, format!("the answer of {host} {}", self.0)).with_hint(
            "Check `endpoint` and its port: an MQTT server has to take WebSocket at /mqtt there. Something else may be \
             listening, such as a portal's login page, or stand on the way, such as a proxy that ends TLS.",
        )
    }
}

const NOT_HTTP: Fault = Fault("is no HTTP/1.1");

/// The head of the final answer, once it is complete. Interim answers (RFC 9110, section 15.2) are passed over; `passed`
/// counts their bytes.
fn final_head(read: &mut BytesMut, passed: &mut usize) -> Result<Option<Head>, Fault> {
    const TOO_LARGE: Fault = Fault("has a head of more than 8 KiB");
    loop {
        // Whatever does not begin like HTTP will not become it.
        let begins = read.len().min(b"HTTP/1.1 ".len());
        if read[..begins] != b"HTTP/1.1 "[..begins] {
            return Err(NOT_HTTP);
        }
        let end = read.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4);
        if *passed + end.unwrap_or(read.len()) > MAX_HEAD_BYTES {
            return Err(TOO_LARGE);
        }
        let Some(end) = end else { return Ok(None) };
        let head = parse(&read[..end])?;
        if head.status == 101 || !(100..200).contains(&head.status) {
            return Ok(Some(head));
        }
        *passed += end;
        let _ = read.split_to(end);
    }
}

fn parse(bytes: &[u8]) -> Result<Head, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    let (Ok(httparse::Status::Complete(length)), Some(status)) = (response.parse(bytes), response.code)
    else {
        return Err(NOT_HTTP);
    };
    // A line that ends without a carriage return can hide another from whoever reads on the way.
    if length != bytes.len()
        || bytes.iter().zip(&bytes[1..]).any(|(one, next)| *next == b'\n' && *one != b'\r')
    {
        return Err(NOT_HTTP);
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| NOT_HTTP)?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| NOT_HTTP)?);
    }
    Ok(Head { status, headers, length })
}

/// Whether a 101 is an answer to this key, and for MQTT.
fn check(head: &Head, key: &Key) -> Result<(), Fault> {
    let only = |name: HeaderName| {
        let mut values = head.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let upgrades = only(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let mut options = head.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let connects =
        options.any(|value| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("upgrade")));
    if !upgrades || !connects {
        return Err(Fault("agrees to another protocol than WebSocket"));
    }
    if only(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != key.accept()) {
        return Err(Fault("is not to this request: its Sec-WebSocket-Accept does not fit"));
    }
    if head.headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(Fault("has WebSocket extensions that were not asked for"));
    }
    match only(SEC_WEBSOCKET_PROTOCOL).map(HeaderValue::as_bytes) {
        Some(b"mqtt") => Ok(()),
        Some(_) => Err(Fault("agrees to another sub-protocol than mqtt")),
        None => Err(Fault("does not say that it speaks MQTT: it has no Sec-WebSocket-Protocol")),
    }
}
