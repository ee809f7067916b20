//! Who gets in: TLS versions, certificates, ALPN, custom authorizers.

use serde_json::json;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GOOD, ONLY_12, ONLY_13, exchange},
    mqtt::talk::{Talk, connect, connect_with, dial, text},
};

#[tokio::test]
async fn the_versions_of_tls_and_mqtt_are_written_down() {
    let bed = Bed::start(&[]);
    bounded(async {
        for (versions, tls) in [(ONLY_12, "1.2"), (ONLY_13, "1.3")] {
            bed.control("PUT", "/config", json!({"versions": [tls]})).await;
            for (version, mqtt) in [(4, "3.1.1"), (5, "5")] {
                let client_id = format!("gw-{tls}-{mqtt}");
                let stream = dial(&bed, &Client { versions, ..GOOD }, "tls", &[]).await.unwrap();
                let mut talk = Talk::over(stream, version);
                let login = [text("gateway?secret=canary"), text("canary")].concat();
                talk.send(&connect_with(version, &client_id, 0xc2, 60, &[], &login)).await;
                assert_eq!(talk.packet().await.unwrap().1[1], 0);
                let event = bed.events("mqtt.connect", 1).await.pop().unwrap();
                assert_eq!(
                    [&event["clientId"], &event["tlsVersion"], &event["protocolVersion"]],
                    [&json!(client_id), &json!(tls), &json!(mqtt)]
                );
                assert_eq!((&event["keepAlive"], &event["clientCertificate"]), (&json!(60), &json!("ec256")));
                assert!(!event.to_string().contains("canary"), "{event}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn bad_certificates_are_refused_in_the_handshake_or_at_connect() {
    let bed = Bed::start(&[]);
    bounded(async {
        // Over TLS 1.3 the client learns of it with the first byte it waits for.
        for device in ["ec256-unknown", "ec256-expired"] {
            let stream = dial(&bed, &Client::of(device), "tls", &[]).await;
            if let Ok(stream) = stream {
                assert_eq!(Talk::over(stream, 5).packet().await, None, "{device}");
            }
        }
        bed.control("PUT", "/config", json!({"refuse": "http"})).await;
        for (version, code) in [(4, 5), (5, 0x87)] {
            let stream = dial(&bed, &Client::of("ec256-unknown"), "tls", &[]).await.unwrap();
            let mut talk = Talk::over(stream, version);
            talk.send(&connect(version, &format!("gw-{version}"), 2, 60, &[])).await;
            assert_eq!(talk.packet().await.unwrap().1[1], code);
            assert_eq!(talk.packet().await, None);
        }
        bed.control("PUT", "/certificates/ec256", json!({"status": "revoked"})).await;
        let mut talk = Talk::open(&bed, 5).await;
        talk.send(&connect(5, "revoked", 2, 60, &[])).await;
        assert_eq!(talk.packet().await.unwrap().1[1], 0x87);
        assert_eq!(bed.events("mqtt.connect", 3).await[2]["error"], "invalid peer certificate: Revoked");
    })
    .await;
}

#[tokio::test]
async fn alpn_decides_where_a_connection_leads() {
    let bed = Bed::start(&[]);
    bounded(async {
        let nobody = Client { device: None, ..GOOD };
        let stream = dial(&bed, &GOOD, "alpn", &["x-amzn-mqtt-ca"]).await.unwrap();
        let mut talk = Talk::over(stream, 5);
        talk.send(&connect(5, "by-certificate", 2, 60, &[])).await;
        assert_eq!(talk.packet().await.unwrap().1[1], 0);

        let stream = dial(&bed, &nobody, "alpn", &["x-amzn-mqtt-ca"]).await;
        if let Ok(stream) = stream {
            assert_eq!(Talk::over(stream, 5).packet().await, None);
        }
        assert!(dial(&bed, &GOOD, "alpn", &["h3", "mqtts"]).await.is_err());
        for alpn in [&[][..], &["http/1.1"]] {
            let mut stream = dial(&bed, &nobody, "alpn", alpn).await.unwrap();
            let reply = exchange(&mut stream, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            assert_eq!(reply.status, 404);
        }
        let event = &bed.events("mqtt.connect", 1).await[0];
        assert_eq!((&event["alpn"], &event["port"]), (&json!("x-amzn-mqtt-ca"), &json!("alpn")));
    })
    .await;
}

#[tokio::test]
async fn an_authorizer_lets_in_who_has_everything_right() {
    let bed = Bed::start(&[]);
    bounded(async {
        let authorizer = &bed.ready["mqtt"]["authorizer"];
        let field = |name: &str| authorizer[name].as_str().unwrap().to_owned();
        let signature = field("signature").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let good = format!(
            "{}?x-amz-customauthorizer-name={}&{}={}&x-amz-customauthorizer-signature={signature}",
            field("user"),
            field("name"),
            field("tokenKey"),
            field("token"),
        );
        let nobody = Client { device: None, ..GOOD };
        let ask = async |client_id: &str, version, user: &str, password: &str| {
            let stream = dial(&bed, &nobody, "alpn", &["mqtt"]).await.unwrap();
            let mut talk = Talk::over(stream, version);
            let login = [text(user), text(password)].concat();
            talk.send(&connect_with(version, client_id, 0xc2, 60, &[], &login)).await;
            talk.packet().await.unwrap().1[1]
        };
        assert_eq!(ask("a", 5, &good, &field("password")).await, 0);
        assert_eq!(ask("b", 4, &good, &field("password")).await, 0);
        assert_eq!(ask("c", 5, &good, "wrong").await, 0x87);
        assert_eq!(ask("d", 4, &good.replace(&signature, "x"), &field("password")).await, 5);
        let free = json!({"user": null, "password": null});
        bed.control("PUT", "/mqtt/authorizers/free", free).await;
        assert_eq!(ask("e", 5, "x?x-amz-customauthorizer-name=free", "y").await, 0);
        let events = bed.events("mqtt.connect", 5).await;
        assert_eq!(
            (&events[0]["authorizer"], &events[4]["authorizer"]),
            (&json!(field("name")), &json!("free"))
        );
        assert!(!json!(events).to_string().contains("canary"));
    })
    .await;
}
