//! Clients of others: rumqttc for both versions, and mosquitto's commands where they are installed.

use std::{process::Stdio, sync::Arc, time::Duration};

use rustls_pki_types::ServerName;
use serde_json::json;
use tokio::{
    io,
    net::{TcpListener, TcpStream},
    process::Command,
};
use tokio_rustls::TlsConnector;

use crate::{
    bed::{Bed, bounded},
    client::GOOD,
    mqtt::talk::{port, rules},
};

/// A port that leads into the broker, TLS being done on the way: rumqttc's own would need another TLS library.
async fn tunnel(bed: &Bed) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    let (config, there) = (GOOD.config(bed), port(bed, "tls"));
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                let tcp = TcpStream::connect(("127.0.0.1", there)).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut far = TlsConnector::from(config).connect(name, tcp).await.unwrap();
                let _ = io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    here
}

#[tokio::test]
async fn rumqttc_speaks_3_1_1_with_it() {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"publishesPerSecond": null})).await;
        let mut options = MqttOptions::new("gw", "127.0.0.1", tunnel(&bed).await);
        options.set_keep_alive(Duration::from_mins(1)).set_max_packet_size(200_000, 200_000);
        let (client, mut events) = AsyncClient::new(options, 500);
        client.subscribe("a/#", QoS::AtLeastOnce).await.unwrap();
        for number in 0..300 {
            let payload = vec![u8::try_from(number % 256).unwrap(); number * 10];
            client.publish(format!("a/{number}"), QoS::AtLeastOnce, false, payload).await.unwrap();
        }
        let (mut acknowledged, mut received) = (0, 0);
        while acknowledged < 300 || received < 300 {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::PubAck(_)) => acknowledged += 1,
                Event::Incoming(Packet::Publish(message)) => {
                    assert_eq!(
                        (message.topic, message.payload.len()),
                        (format!("a/{received}"), received * 10)
                    );
                    received += 1;
                }
                _ => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn rumqttc_speaks_5_with_it() {
    use rumqttc::v5::{
        AsyncClient, Event, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{Packet, PublishProperties},
        },
    };

    let bed = Bed::start(&[]);
    bounded(async {
        rules(&bed, json!({"publishesPerSecond": null})).await;
        let mut options = MqttOptions::new("gw", "127.0.0.1", tunnel(&bed).await);
        options.set_keep_alive(Duration::from_mins(1));
        let (client, mut events) = AsyncClient::new(options, 500);
        client.subscribe("a/#", QoS::AtLeastOnce).await.unwrap();
        let properties = PublishProperties {
            response_topic: Some("answers".to_owned()),
            correlation_data: Some(b"7".to_vec().into()),
            user_properties: vec![("a".to_owned(), "b".to_owned()), ("a".to_owned(), "c".to_owned())],
            message_expiry_interval: Some(60),
            ..PublishProperties::default()
        };
        for number in 0..300 {
            let (topic, payload) = (format!("a/{number}"), number.to_string());
            let publish =
                client.publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties.clone());
            publish.await.unwrap();
        }
        let (mut acknowledged, mut received) = (0, 0);
        while acknowledged < 300 || received < 300 {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::ConnAck(connack)) => {
                    let terms = connack.properties.unwrap();
                    assert_eq!((terms.receive_max, terms.server_keep_alive), (Some(100), Some(60)));
                    assert_eq!(terms.subscription_identifiers_available, Some(0));
                }
                Event::Incoming(Packet::PubAck(_)) => acknowledged += 1,
                Event::Incoming(Packet::Publish(message)) => {
                    assert_eq!(message.payload, received.to_string());
                    let theirs = message.properties.unwrap();
                    assert_eq!(theirs.user_properties, properties.user_properties);
                    assert_eq!(theirs.response_topic, properties.response_topic);
                    received += 1;
                }
                _ => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn mosquitto_speaks_both_with_it() {
    let bed = Bed::start(&[]);
    bounded(async {
        let path = |name: &str| bed.device_file("ec256", name).to_str().unwrap().to_owned();
        let common = |version: &str, client_id: &str| {
            let port = port(&bed, "tls").to_string();
            let authority = bed.ready["pki"]["serverCa"].as_str().unwrap();
            let (certificate, key) = (path("certificate"), path("privateKey"));
            let fixed =
                ["-h", "localhost", "-p", &port, "-V", version, "-i", client_id, "--cafile", authority];
            let own = ["--cert", &certificate, "--key", &key, "-q", "1"];
            fixed.into_iter().chain(own).map(str::to_owned).collect::<Vec<_>>()
        };
        for version in ["5", "311"] {
            let subscribed = Command::new("mosquitto_sub")
                .args(common(version, &format!("sub-{version}")))
                .args(["-t", "a/+", "-C", "2", "-v"])
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn();
            let Ok(subscribed) = subscribed else {
                eprintln!("mosquitto_sub is not installed (Debian: mosquitto-clients): skipped");
                return;
            };
            let seen = if version == "5" { 1 } else { 2 };
            bed.events("mqtt.subscribe", seen).await;
            for name in ["one", "two"] {
                let done = Command::new("mosquitto_pub")
                    .args(common(version, &format!("pub-{version}-{name}")))
                    .args(["-t", &format!("a/{name}"), "-m", name])
                    .status()
                    .await
                    .unwrap();
                assert!(done.success());
            }
            let output = subscribed.wait_with_output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "a/one one\na/two two\n");
        }
    })
    .await;
}
