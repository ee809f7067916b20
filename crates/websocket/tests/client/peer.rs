//! Against a server of another hand: tungstenite.

use futures_util::{SinkExt as _, StreamExt as _};
use refresh_session_core::Code;
use refresh_session_tls::Carrier;
use refresh_session_websocket::WebSocket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::support::{Learnt, Plain, upgrade};

/// What a server says to an upgrade.
#[expect(clippy::result_large_err, clippy::unnecessary_wraps, reason = "the shape that tungstenite wants")]
fn speak_mqtt(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    assert_eq!(request.headers()["sec-websocket-protocol"], "mqtt");
    response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    Ok(response)
}

async fn connected() -> (WebSocket<Plain<TcpStream>>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let accepted = listener.accept().await.unwrap().0;
    let upgrade = upgrade();
    let (socket, server) = tokio::join!(
        WebSocket::open(Plain(stream, Learnt::default()), &upgrade),
        accept_hdr_async(accepted, speak_mqtt),
    );
    (socket.unwrap(), server.unwrap())
}

#[tokio::test]
async fn bytes_go_both_ways_and_pings_are_answered() {
    let (mut socket, mut server) = connected().await;
    let ours = async {
        for length in [1, 1000, 70_000, 131_072] {
            let bytes = vec![length as u8; length];
            socket.write_all(&bytes).await.unwrap();
            socket.flush().await.unwrap();
            let mut back = vec![0; length];
            socket.read_exact(&mut back).await.unwrap();
            assert_eq!(back, bytes);
        }
        socket
    };
    let theirs = async {
        let (mut pongs, mut messages) = (0, 0);
        while messages < 4 {
            match server.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => {
                    messages += 1;
                    server.send(Message::Ping(vec![messages].into())).await.unwrap();
                    server.send(Message::Binary(bytes)).await.unwrap();
                }
                Message::Pong(_) => pongs += 1,
                other => panic!("{other:?}"),
            }
        }
        (server, pongs)
    };
    let (mut socket, (mut server, pongs)) = tokio::join!(ours, theirs);
    assert_eq!(pongs, 3, "each ping but the last, which was read after the last message");
    let (_, closed) = tokio::join!(socket.shutdown(), async {
        let mut closed = false;
        // To the end, or its own close does not go out.
        while let Some(Ok(message)) = server.next().await {
            closed |= matches!(message, Message::Close(_));
        }
        closed
    });
    assert!(closed);
    assert_eq!(socket.read(&mut [0; 9]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_it_refuses_and_how_it_ends() {
    let (mut socket, mut server) = connected().await;
    server.send(Message::Text("no".into())).await.unwrap();
    let error = socket.read_u8().await.unwrap_err();
    assert_eq!(socket.explain(&error).code(), Code::MqttProtocol);

    let (mut socket, mut server) = connected().await;
    server.close(None).await.unwrap();
    let error = socket.read_u8().await.unwrap_err();
    assert_eq!(socket.explain(&error).code(), Code::MqttDisconnected);
}
