//! Frames, byte by byte.

use std::io::{ErrorKind, IoSlice};

use refresh_session_core::Code;
use refresh_session_tls::Carrier;
use refresh_session_websocket::WebSocket;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};

use crate::support::{connected, upgrade};

const ROOM: usize = 256 * 1024;

/// A frame as a server sends it: not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![first];
    match length {
        0..126 => frame.push(length as u8),
        126..65536 => frame.extend([&[126][..], &(length as u16).to_be_bytes()].concat()),
        _ => frame.extend([&[127][..], &(length as u64).to_be_bytes()].concat()),
    }
    frame.extend_from_slice(payload);
    frame
}

/// What the client has sent: first byte and payload, unmasked, and the mask.
async fn sent(peer: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>, [u8; 4]) {
    let first = peer.read_u8().await.unwrap();
    let length = peer.read_u8().await.unwrap();
    assert_eq!(length & 0x80, 0x80, "every frame of a client is masked");
    let length = match length & 0x7f {
        126 => u64::from(peer.read_u16().await.unwrap()),
        127 => peer.read_u64().await.unwrap(),
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    peer.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    peer.read_exact(&mut payload).await.unwrap();
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (first, payload, mask)
}

async fn read<S: Carrier>(socket: &mut WebSocket<S>, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// The code and message of the next read, which fails.
async fn failure<S: Carrier>(socket: &mut WebSocket<S>) -> (Code, String) {
    let error = socket.read_u8().await.unwrap_err();
    let error = socket.explain(&error);
    (error.code(), error.message().to_owned())
}

#[tokio::test]
async fn packets_may_be_split_and_joined() {
    let (mut socket, mut peer) = connected(upgrade(), ROOM).await;
    for bytes in [
        frame(0x82, b"one "),
        frame(0x82, b""),
        frame(0x02, b"tw"),
        frame(0x00, b"o"),
        frame(0x89, b"are you there"),
        frame(0x00, b""),
        frame(0x80, b" three"),
        frame(0x8a, b"unasked"),
        frame(0x82, &[7; 126]),
        frame(0x82, &[8; 65536]),
    ] {
        peer.write_all(&bytes).await.unwrap();
    }
    assert_eq!(read(&mut socket, 7).await, b"one two");
    assert_eq!(read(&mut socket, 6).await, b" three");
    assert_eq!(read(&mut socket, 127).await, [&[7; 126][..], &[8]].concat());
    assert_eq!(read(&mut socket, 65535).await, [8; 65535]);
    let (first, payload, _) = sent(&mut peer).await;
    assert_eq!((first, payload.as_slice()), (0x8a, &b"are you there"[..]));
    // The end without a close is the end.
    drop(peer);
    assert_eq!(socket.read(&mut [0; 9]).await.unwrap(), 0);
}

#[tokio::test]
async fn frames_may_come_byte_by_byte() {
    let (mut socket, mut peer) = connected(upgrade(), 1).await;
    let bytes = [frame(0x02, &[1; 200]), frame(0x89, b"x"), frame(0x80, b"end")].concat();
    let (all, ()) = tokio::join!(
        async {
            let all = read(&mut socket, 203).await;
            socket.flush().await.unwrap();
            all
        },
        async {
            let (mut reading, mut writing) = tokio::io::split(&mut peer);
            tokio::join!(async { writing.write_all(&bytes).await.unwrap() }, async {
                assert_eq!(sent(&mut reading).await.0, 0x8a);
            });
        },
    );
    assert_eq!(all, [&[1; 200][..], b"end"].concat());
}

#[tokio::test]
async fn a_write_is_a_frame_and_every_frame_has_a_mask_of_its_own() {
    let (mut socket, mut peer) = connected(upgrade(), ROOM).await;
    let mut masks = Vec::new();
    for length in [1, 125, 126, 65535, 65536, 131_072] {
        let bytes: Vec<u8> = (0..length).map(|index| index as u8).collect();
        assert_eq!(socket.write(&bytes).await.unwrap(), bytes.len());
        socket.flush().await.unwrap();
        let (first, payload, mask) = sent(&mut peer).await;
        assert!(first == 0x82 && payload == bytes, "{length}");
        masks.push(mask);
    }
    masks.sort_unstable();
    masks.dedup();
    assert_eq!(masks.len(), 6);

    assert!(socket.is_write_vectored());
    let slices = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(b"payload")];
    assert_eq!(socket.write_vectored(&slices).await.unwrap(), 11);
    assert_eq!(socket.write(b"").await.unwrap(), 0);
    socket.flush().await.unwrap();
    assert_eq!(sent(&mut peer).await.1, b"headpayload");
}

#[tokio::test]
async fn who_takes_nothing_gets_no_more_than_a_little() {
    let (mut socket, mut peer) = connected(upgrade(), 1024).await;
    let mut taken = 0;
    let full = loop {
        tokio::select! {
            biased;
            written = socket.write(&[9; 1000]) => taken += written.unwrap(),
            () = std::future::ready(()) => break taken,
        }
        assert!(taken < 100_000);
    };
    assert!((8_000..12_000).contains(&full), "{full}");
    let (flushed, ()) = tokio::join!(socket.flush(), async {
        for _ in 0..full / 1000 {
            assert_eq!(sent(&mut peer).await.1, [9; 1000]);
        }
    });
    flushed.unwrap();
}

#[tokio::test]
async fn what_is_not_allowed_ends_it_with_a_reason_to_both() {
    let upgrade = || upgrade().with_max_message_bytes(1000);
    let over = |length: u64| [&[0x82, 127][..], &length.to_be_bytes()].concat();
    for (bytes, says, close) in [
        (frame(0x81, b"text"), "sent text", 1003_u16),
        (frame(0x82, &[0; 1001]), "more than 1000 bytes", 1009),
        ([frame(0x02, &[0; 600]), frame(0x80, &[0; 600])].concat(), "more than 1000 bytes", 1009),
        (over(u64::MAX), "more than 1000 bytes", 1009),
        (vec![0x82, 0x81, 1, 2, 3, 4, 5], "rules of WebSocket", 1002),
        (frame(0xc2, b"x"), "rules of WebSocket", 1002),
        (frame(0x83, b"x"), "rules of WebSocket", 1002),
        (frame(0x80, b"x"), "rules of WebSocket", 1002),
        ([frame(0x02, b"x"), frame(0x82, b"y")].concat(), "rules of WebSocket", 1002),
        (frame(0x09, b"x"), "rules of WebSocket", 1002),
        (vec![0x89, 126, 0, 126], "rules of WebSocket", 1002),
        (vec![0x82, 126, 0, 125], "rules of WebSocket", 1002),
        (frame(0x88, b"x"), "rules of WebSocket", 1002),
        (frame(0x88, &1005_u16.to_be_bytes()), "rules of WebSocket", 1002),
    ] {
        let (mut socket, mut peer) = connected(upgrade(), ROOM).await;
        peer.write_all(&bytes).await.unwrap();
        let (code, message) = failure(&mut socket).await;
        assert!(code == Code::MqttProtocol && message.contains(says), "{bytes:x?}: {code} {message}");
        let (first, payload, _) = sent(&mut peer).await;
        assert_eq!((first, u16::from_be_bytes([payload[0], payload[1]])), (0x88, close), "{message}");
        // It stays so, for whoever asks again.
        assert_eq!(failure(&mut socket).await, (code, message.clone()));
        let error = socket.write(b"more").await.unwrap_err();
        assert_eq!(socket.explain(&error).message(), message);
    }
}

#[tokio::test]
async fn a_close_is_an_error_with_its_reason() {
    let reason = format!("bye\r\n\u{1b}[1m {}", "x".repeat(100));
    for (payload, says) in [
        (vec![], "closed the WebSocket: 1005 without a reason".to_owned()),
        (1000_u16.to_be_bytes().to_vec(), "1000 normal".into()),
        (
            [&1008_u16.to_be_bytes()[..], b"no policy"].concat(),
            "1008 against its policy \"no policy\"".into(),
        ),
        ([&4001_u16.to_be_bytes()[..], reason.as_bytes()].concat(), {
            format!("4001 unnamed \"bye????1m {}\"", "x".repeat(50))
        }),
    ] {
        let (mut socket, mut peer) = connected(upgrade(), ROOM).await;
        peer.write_all(&[frame(0x82, b"last"), frame(0x88, &payload)].concat()).await.unwrap();
        assert_eq!(read(&mut socket, 4).await, b"last");
        let (code, message) = failure(&mut socket).await;
        assert!(code == Code::MqttDisconnected && message.ends_with(&says), "{message}");
        // It is answered with its own code.
        let (first, answer, _) = sent(&mut peer).await;
        assert_eq!((first, answer.as_slice()), (0x88, &payload[..payload.len().min(2)]));
    }
}

#[tokio::test]
async fn our_close_is_said_and_its_answer_is_the_end() {
    let (mut socket, mut peer) = connected(upgrade(), ROOM).await;
    socket.write_all(b"bye").await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(sent(&mut peer).await.1, b"bye");
    assert_eq!(sent(&mut peer).await.1, 1000_u16.to_be_bytes());
    assert_eq!(peer.read(&mut [0; 9]).await.unwrap(), 0);
    peer.write_all(&[frame(0x82, b"late"), frame(0x88, &1000_u16.to_be_bytes())].concat()).await.unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"late");
    assert_eq!(socket.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_frame_that_is_cut_is_no_end() {
    for bytes in [&b"\x82"[..], b"\x82\x05hell", b"\x82\x7e\x01"] {
        let (mut socket, mut peer) = connected(upgrade(), ROOM).await;
        peer.write_all(bytes).await.unwrap();
        drop(peer);
        let (code, message) = failure(&mut socket).await;
        assert_eq!(code, Code::ConnectionLost);
        assert!(message.starts_with("plain: UnexpectedEof"), "{message}");
    }
}

#[tokio::test]
async fn a_flood_of_pings_without_taking_the_answers_is_ended() {
    let (mut socket, mut peer) = connected(upgrade(), 4096).await;
    let pings = frame(0x89, &[0; 125]).repeat(3000);
    let (code, message) = tokio::select! {
        failed = failure(&mut socket) => failed,
        _ = peer.write_all(&pings) => panic!("all of them were taken"),
    };
    assert!(code == Code::MqttProtocol && message.contains("takes no answers"), "{message}");
}

#[tokio::test]
async fn pings_that_are_answered_are_no_flood() {
    let (mut socket, mut peer) = connected(upgrade(), 4096).await;
    let (mut reading, mut writing) = tokio::io::split(&mut peer);
    let (last, (), ()) = tokio::join!(
        async {
            let last = read(&mut socket, 1).await;
            socket.flush().await.unwrap();
            last
        },
        async {
            writing
                .write_all(&[frame(0x89, &[0; 125]).repeat(1000), frame(0x82, b"x")].concat())
                .await
                .unwrap();
        },
        async {
            for _ in 0..1000 {
                assert_eq!(sent(&mut reading).await.0, 0x8a);
            }
        },
    );
    assert_eq!(last, b"x");
}
