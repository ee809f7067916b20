//! WebSockets: signatures in the query, as somebody else's library sends them, and what is wrong with each.

use futures_util::{SinkExt, StreamExt};
use ring::hmac;
use serde_json::json;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::{
    bed::{Bed, bounded},
    client::{Client, GOOD, Stream},
    keys::{Keys, hash, now},
    mqtt::talk::{connect, dial, port, publish, subscribe},
};

const NOBODY: Client = Client { device: None, ..GOOD };

/// What to sign, and how to get it wrong.
struct Url<'a> {
    keys: &'a Keys,
    date: &'a str,
    service: &'a str,
    sign_token: bool,
    send_token: bool,
}

impl Url<'_> {
    /// Written down step by step from the specification, on purpose not with the server's code.
    fn text(&self, bed: &Bed) -> String {
        let host = format!("localhost:{}", port(bed, "alpn"));
        let day = &self.date[..8];
        let scope = format!("{day}/eu-west-1/{}/aws4_request", self.service);
        let credential = format!("{}/{scope}", self.keys.id).replace('/', "%2F");
        let token = self.keys.token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let mut query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires=60",
            self.date
        );
        if self.sign_token {
            query = format!("{query}&X-Amz-Security-Token={token}");
        }
        query.push_str("&X-Amz-SignedHeaders=host");
        let canonical = format!("GET\n/mqtt\n{query}\nhost:{host}\n\nhost\n{}", hash(""));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", self.date, hash(&canonical));
        let mut key = format!("AWS4{}", self.keys.secret).into_bytes();
        for part in [day, "eu-west-1", self.service, "aws4_request", &text] {
            key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let signature = key.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let behind = if self.send_token && !self.sign_token {
            format!("&X-Amz-Security-Token={token}")
        } else {
            String::new()
        };
        format!("wss://{host}/mqtt?{query}&X-Amz-Signature={signature}{behind}")
    }
}

async fn open(
    bed: &Bed,
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<Stream>, Error> {
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let stream = dial(bed, &NOBODY, "alpn", &[]).await.map_err(Error::Io)?;
    client_async(request, stream).await.map(|(socket, _)| socket)
}

const MQTT: &[(&str, &str)] = &[("sec-websocket-protocol", "mqtt")];

fn status(result: Result<WebSocketStream<Stream>, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => 101,
    }
}

async fn binary(socket: &mut WebSocketStream<Stream>) -> Vec<u8> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

async fn send(socket: &mut WebSocketStream<Stream>, bytes: Vec<u8>) {
    socket.send(Message::Binary(bytes.into())).await.unwrap();
}

#[tokio::test]
async fn a_good_signature_opens_a_web_socket_that_lasts_a_day() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let date = now(&bed).await;
        let url = Url {
            keys: &keys,
            date: &date,
            service: "iotdevicegateway",
            sign_token: false,
            send_token: true,
        };
        let mut socket = open(&bed, &url.text(&bed), MQTT).await.unwrap();
        // A packet may come in pieces, and two in one.
        let packets = [connect(5, "gw", 2, 60, &[]), subscribe(5, 1, &[("a", 0)], &[])].concat();
        let (one, two) = packets.split_at(5);
        send(&mut socket, one.to_vec()).await;
        send(&mut socket, two.to_vec()).await;
        let connack = binary(&mut socket).await;
        assert_eq!((connack[0], &connack[2..4]), (0x20, &[0, 0][..]));
        assert_eq!(binary(&mut socket).await[0], 0x90);
        socket.send(Message::Ping(b"?".to_vec().into())).await.unwrap();
        assert!(matches!(socket.next().await, Some(Ok(Message::Pong(_)))));
        let large = vec![b'x'; 70_000];
        send(&mut socket, publish(5, "a", 0, 0, &[], &large)).await;
        assert!(binary(&mut socket).await.ends_with(&large));
        // In frames of 14 bytes, with pings between them.
        bed.control("POST", "/mqtt/clients/gw/fault", json!({"mode": "fragment", "bytes": 14})).await;
        send(&mut socket, publish(5, "a", 0, 0, &[], b"in pieces")).await;
        assert!(matches!(socket.next().await, Some(Ok(Message::Ping(_)))));
        assert!(binary(&mut socket).await.ends_with(b"in pieces"));
        // Keys are looked at once, when the socket is opened.
        bed.control("POST", "/keys/revoke", json!({})).await;
        send(&mut socket, publish(5, "a", 0, 0, &[], b"still")).await;
        assert!(binary(&mut socket).await.ends_with(b"still"));

        bed.control("POST", "/mqtt/advance", json!({"seconds": 86_399})).await;
        send(&mut socket, vec![0xc0, 0]).await;
        assert_eq!(binary(&mut socket).await, [0xd0, 0]);
        bed.control("POST", "/mqtt/advance", json!({"seconds": 1})).await;
        assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
        let event = &bed.events("mqtt.connect", 1).await[0];
        assert_eq!((&event["transport"], &event["accessKeyId"]), (&json!("websocket"), &json!(keys.id)));
    })
    .await;
}

#[tokio::test]
async fn whatever_is_wrong_is_refused_and_the_reason_written_down() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let other = Keys::fetch(&bed, "gateway-role").await;
        let date = now(&bed).await;
        let good = Url {
            keys: &keys,
            date: &date,
            service: "iotdevicegateway",
            sign_token: false,
            send_token: true,
        };
        let stranger = Keys { id: "ASIAAAAAAAAAAAAAAAAA".to_owned(), ..keys.clone() };
        let mixed = Keys { token: other.token.clone(), ..keys.clone() };
        let text = good.text(&bed);
        let rows = [
            (Url { service: "iotdata", ..good }.text(&bed), "iotdata"),
            (Url { sign_token: true, ..good }.text(&bed), "no part of it"),
            (Url { send_token: false, ..good }.text(&bed), "token is missing"),
            (Url { keys: &mixed, ..good }.text(&bed), "token is not"),
            (Url { keys: &stranger, ..good }.text(&bed), "nobody issued"),
            (Url { date: "20200101T000000Z", ..good }.text(&bed), "too long ago"),
            (Url { date: "20990101T000000Z", ..good }.text(&bed), "future"),
            (text.replace("X-Amz-Expires=60", "X-Amz-Expires=61"), "no part of it"),
            (text.split('?').next().unwrap().to_owned(), "neither"),
        ];
        let count = rows.len();
        for (number, (url, said)) in rows.into_iter().enumerate() {
            assert_eq!(status(open(&bed, &url, MQTT).await), 403, "{url}");
            let event = bed.events("mqtt.upgrade", number + 1).await.pop().unwrap();
            assert!(event["error"].as_str().unwrap().contains(said), "{event}");
        }
        assert_eq!(status(open(&bed, &text, &[]).await), 400);
        assert_eq!(status(open(&bed, &text, &[("sec-websocket-protocol", "mqttv3.1")]).await), 400);
        assert_eq!(status(open(&bed, &text.replace("/mqtt?", "/other?"), MQTT).await), 404);
        bed.control("POST", "/keys/revoke", json!({})).await;
        assert_eq!(status(open(&bed, &text, MQTT).await), 403);
        let events = bed.events("mqtt.upgrade", count + 4).await;
        assert_eq!(events.last().unwrap()["error"], "the keys have expired");
        let shown = json!(events).to_string();
        assert!(!shown.contains("canary") && !shown.contains(&keys.token));
    })
    .await;
}

#[tokio::test]
async fn an_authorizer_is_asked_if_there_is_no_signature() {
    let bed = Bed::start(&[]);
    bounded(async {
        let authorizer = &bed.ready["mqtt"]["authorizer"];
        let field = |name: &str| authorizer[name].as_str().unwrap();
        let url = format!("wss://localhost:{}/mqtt", port(&bed, "alpn"));
        let headers = |signature| {
            [
                ("sec-websocket-protocol", "mqtt"),
                ("x-amz-customauthorizer-name", field("name")),
                ("x-amz-customauthorizer-signature", signature),
                ("testbed-token", field("token")),
            ]
        };
        assert_eq!(field("tokenKey"), "testbed-token");
        let mut socket = open(&bed, &url, &headers(field("signature"))).await.unwrap();
        send(&mut socket, connect(5, "gw", 2, 60, &[])).await;
        assert_eq!(binary(&mut socket).await[3], 0);
        assert_eq!(status(open(&bed, &url, &headers("x")).await), 403);
        assert_eq!(bed.events("mqtt.connect", 1).await[0]["authorizer"], field("name"));
    })
    .await;
}

#[tokio::test]
async fn the_way_there_can_have_faults() {
    let bed = Bed::start(&[]);
    bounded(async {
        let keys = Keys::fetch(&bed, "gateway-role").await;
        let date = now(&bed).await;
        let url = Url {
            keys: &keys,
            date: &date,
            service: "iotdevicegateway",
            sign_token: false,
            send_token: true,
        };
        let text = url.text(&bed);
        let script = json!([
            {"mode": "status", "code": 503, "retryAfter": 3, "count": 1},
            {"mode": "wrong-accept", "count": 1},
            {"mode": "no-protocol", "count": 1},
            {"mode": "garbage", "count": 1},
            {"mode": "close", "count": 1},
        ]);
        bed.control("PUT", "/mqtt/upgrades", script).await;
        let Err(Error::Http(reply)) = open(&bed, &text, MQTT).await else { panic!() };
        assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].as_bytes()), (503, &b"3"[..]));
        for _ in 0..4 {
            let refused = open(&bed, &text, MQTT).await;
            assert!(
                matches!(refused, Err(Error::Protocol(_) | Error::Http(_) | Error::HttpFormat(_))),
                "{refused:?}"
            );
        }
        assert!(open(&bed, &text, MQTT).await.is_ok());
    })
    .await;
}
