//! The TLS switches and what happens to TCP connections.

use std::io::ErrorKind;

use rustls::{CertificateError, Error as TlsError, HandshakeKind};
use serde_json::json;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GET, GOOD, ONLY_12, ONLY_13, exchange},
};

#[tokio::test]
async fn speaks_only_the_versions_it_is_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (version, works, fails) in [("1.2", ONLY_12, ONLY_13), ("1.3", ONLY_13, ONLY_12)] {
            bed.control("PUT", "/config", json!({"versions": [version]})).await;
            let client = |versions| Client { versions, ..GOOD };
            assert_eq!(client(works).request(&bed, GET).await.unwrap().status, 200, "{version}");
            assert!(client(fails).request(&bed, GET).await.is_err(), "{version}");
        }
    })
    .await;
}

#[tokio::test]
async fn insists_on_its_name() {
    let bed = Bed::start(&[]);
    bounded(async {
        let named = |server_name| Client { server_name, ..GOOD };
        let alt_name = named("testbed.credentials.iot.eu-west-1.amazonaws.com");
        assert_eq!(alt_name.request(&bed, GET).await.unwrap().status, 200);
        let data_name = named("testbed-ats.iot.eu-west-1.amazonaws.com");
        assert_eq!(data_name.request(&bed, GET).await.unwrap().status, 200);
        // An IP address is never sent as a server name.
        for name in ["sts.eu-west-1.amazonaws.com", "127.0.0.1"] {
            assert!(named(name).request(&bed, GET).await.is_err(), "{name}");
        }
        let failures = bed.events("handshake-failed", 2).await;
        // Each is written down by its own connection: in either order.
        for sni in [json!("sts.eu-west-1.amazonaws.com"), json!(null)] {
            assert!(failures.iter().any(|failure| failure["sni"] == sni), "{sni}: {failures:?}");
        }

        bed.control("PUT", "/config", json!({"requireSni": false})).await;
        let reply = named("sts.eu-west-1.amazonaws.com").request(&bed, GET).await.unwrap();
        assert_eq!(reply.status, 200);
    })
    .await;
}

#[tokio::test]
async fn shows_the_certificate_it_is_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        type Check = fn(&CertificateError) -> bool;
        let rows: [(&str, Check); 5] = [
            ("expired", |error| matches!(error, CertificateError::ExpiredContext { .. })),
            ("notYetValid", |error| matches!(error, CertificateError::NotValidYetContext { .. })),
            ("wrongName", |error| matches!(error, CertificateError::NotValidForNameContext { .. })),
            ("unknownCa", |error| matches!(error, CertificateError::UnknownIssuer)),
            ("selfSigned", |error| matches!(error, CertificateError::Other(_))),
        ];
        for (name, check) in rows {
            bed.control("PUT", "/config", json!({"serverCertificate": name})).await;
            let error = GOOD.request(&bed, GET).await.unwrap_err();
            let reason = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
            let Some(TlsError::InvalidCertificate(reason)) = reason else { panic!("{name}: {error}") };
            assert!(check(reason), "{name}: {reason:?}");
        }
        bed.control("PUT", "/config", json!({"serverCertificate": "good"})).await;
        assert_eq!(GOOD.request(&bed, GET).await.unwrap().status, 200);
    })
    .await;
}

#[tokio::test]
async fn asks_for_the_signature_schemes_it_is_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (schemes, works) in [("rsa-only", "rsa2048"), ("ecdsa-p384-only", "ec384")] {
            bed.control("PUT", "/config", json!({"clientSchemes": schemes})).await;
            for device in ["ec256", "ec384", "rsa2048"] {
                for versions in [ONLY_12, ONLY_13] {
                    let done = Client { device: Some(device), versions, ..GOOD }.request(&bed, GET).await;
                    assert_eq!(done.is_ok(), device == works, "{schemes}, {device}: {done:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn resumes_sessions_only_if_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        for versions in [ONLY_12, ONLY_13] {
            let client = Client { versions, ..GOOD };
            let config = client.config(&bed);
            let kind = async || {
                let mut stream = client.connect_with(&bed, config.clone()).await.unwrap();
                let status = exchange(&mut stream, GET).await.unwrap().status;
                (stream.get_ref().1.handshake_kind().unwrap(), status)
            };
            bed.control("PUT", "/config", json!({"tickets": false})).await;
            assert_eq!(kind().await, (HandshakeKind::Full, 200));
            assert_eq!(kind().await, (HandshakeKind::Full, 200));
            bed.control("PUT", "/config", json!({"tickets": true})).await;
            assert_eq!(kind().await, (HandshakeKind::Full, 200));
            assert_eq!(kind().await, (HandshakeKind::Resumed, 200));
            let last = bed.events("connection", 1).await.pop().unwrap();
            assert_eq!(last["handshake"], "resumed");
            assert_eq!(last["clientCertificate"], "ec256");

            // A resumed session does not show its certificate again, but is judged by it.
            bed.control("PUT", "/certificates/ec256", json!({"status": "revoked"})).await;
            assert_eq!(kind().await, (HandshakeKind::Resumed, 403));
            bed.control("POST", "/reset", json!({})).await;
        }
    })
    .await;
}

#[tokio::test]
async fn can_refuse_or_ignore_connections() {
    let bed = Bed::start(&[]);
    bounded(async {
        bed.control("PUT", "/config", json!({"accept": "refuse-connection"})).await;
        let error = GOOD.connect(&bed).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");

        bed.control("DELETE", "/log", json!({})).await;
        bed.control("PUT", "/config", json!({"accept": "black-hole"})).await;
        let ended = async {
            // Once the log says so, nothing more will come but the end.
            bed.events("handshake-failed", 1).await;
            assert_eq!(bed.control("GET", "/state", json!({})).await["openConnections"], 1);
            bed.control("POST", "/connections/drop", json!({})).await;
        };
        let (connected, ()) = tokio::join!(GOOD.connect(&bed), ended);
        assert!(connected.is_err());

        bed.control("PUT", "/config", json!({"accept": "normal"})).await;
        assert_eq!(GOOD.request(&bed, GET).await.unwrap().status, 200);
    })
    .await;
}
