//! The credentials endpoint when nothing is wrong.

use serde_json::json;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GET, GOOD, ONLY_12, ONLY_13, exchange},
};

#[tokio::test]
async fn issues_keys_to_every_good_device_over_both_versions() {
    let bed = Bed::start(&[]);
    bounded(async {
        for device in ["ec256", "ec384", "rsa2048", "ed25519", "ec256-unattached"] {
            for versions in [ONLY_12, ONLY_13] {
                let client = Client { device: Some(device), versions, ..GOOD };
                let reply = client.request(&bed, GET).await.unwrap();
                assert_eq!(reply.status, 200, "{device}");
                let credentials = &reply.json()["credentials"];
                let field = |name: &str| credentials[name].as_str().unwrap().to_owned();
                assert!(field("accessKeyId").starts_with("ASIA"));
                assert!(field("secretAccessKey").starts_with("canarySECRET"));
                assert_eq!(field("secretAccessKey").len(), 40);
                assert!(field("sessionToken").starts_with("canaryTOKEN"));
                assert_eq!(field("sessionToken").len(), 900);
                assert_eq!(field("expiration").len(), "2018-01-18T09:18:06Z".len());
                assert_eq!(reply.header("x-amzn-requestid").unwrap().len(), 36);
                assert!(reply.header("date").unwrap().ends_with(" GMT"));
            }
        }
        let connections = bed.events("connection", 10).await;
        let seen: Vec<_> = connections.iter().map(|event| event["clientKey"].as_str().unwrap()).collect();
        assert_eq!(
            seen[..8],
            ["ec-p256", "ec-p256", "ec-p384", "ec-p384", "rsa-2048", "rsa-2048", "ed25519", "ed25519"]
        );
        let versions: Vec<_> =
            connections.iter().map(|event| event["tlsVersion"].as_str().unwrap()).collect();
        assert_eq!(versions[..2], ["1.2", "1.3"]);
    })
    .await;
}

#[tokio::test]
async fn knows_things_and_aliases() {
    let bed = Bed::start(&[]);
    bounded(async {
        let ask = async |path: &str, headers: &str| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
            GOOD.request(&bed, &request).await.unwrap()
        };
        let path = "/role-aliases/gateway-role/credentials";
        assert_eq!(ask(path, "x-amzn-iot-thingname: gw-0042\r\n").await.status, 200);

        // The names of aliases may contain what has to be encoded in a path.
        bed.control("PUT", "/aliases/a@b", json!({"durationSeconds": 900})).await;
        assert_eq!(ask("/role-aliases/a%40b/credentials", "").await.status, 200);
        bed.control("DELETE", "/aliases/a@b", json!({})).await;
        assert_eq!(ask("/role-aliases/a%40b/credentials", "").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn listens_to_the_duration_header_only_if_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        let lifetime = async |wanted: &str| {
            let request =
                format!("{}x-amzn-iot-credential-duration-seconds: {wanted}\r\n\r\n", &GET[..GET.len() - 2]);
            let reply = GOOD.request(&bed, &request).await.unwrap();
            let expiration = reply.json()["credentials"]["expiration"].as_str().map(str::to_owned);
            (reply.status, expiration)
        };
        let (_, ignored) = lifetime("43200").await;
        bed.control("PUT", "/config", json!({"honourDuration": true})).await;
        let (_, honoured) = lifetime("43200").await;
        // Times in this format sort as text; eleven hours apart, they cannot be equal by accident.
        assert!(honoured > ignored, "{honoured:?} {ignored:?}");
        assert_eq!(lifetime("899").await.0, 400);
        assert_eq!(lifetime("soon").await.0, 400);
    })
    .await;
}

#[tokio::test]
async fn keeps_the_connection_and_logs_what_happened_on_it() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut stream = GOOD.connect(&bed).await.unwrap();
        for _ in 0..3 {
            assert_eq!(exchange(&mut stream, GET).await.unwrap().status, 200);
        }
        let connections = bed.events("connection", 1).await;
        assert_eq!(connections.len(), 1);
        for (name, value) in [
            ("connection", json!(1)),
            ("service", json!("iot")),
            ("sni", json!("localhost")),
            ("tlsVersion", json!("1.3")),
            ("cipher", json!("TLS13_AES_256_GCM_SHA384")),
            ("handshake", json!("full")),
            ("clientCertificate", json!("ec256")),
            ("clientKey", json!("ec-p256")),
            ("signatureScheme", json!("ECDSA_NISTP256_SHA256")),
        ] {
            assert_eq!(connections[0][name], value, "{name}");
        }
        let requests = bed.events("request", 3).await;
        let numbers: Vec<_> = requests.iter().map(|event| event["number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(requests[0]["path"], "/role-aliases/gateway-role/credentials");
        assert_eq!(requests[0]["headers"], json!({"host": "localhost"}));
        assert_eq!(requests[0]["status"], 200);

        // `Connection: close` is honoured: the next request finds nobody.
        let close = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(exchange(&mut stream, &close).await.unwrap().header("connection"), Some("close"));
        assert!(exchange(&mut stream, GET).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn answers_nonsense_with_400_and_lives_on() {
    let bed = Bed::start(&[]);
    bounded(async {
        for nonsense in ["\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"] {
            assert_eq!(GOOD.request(&bed, nonsense).await.unwrap().status, 400, "{nonsense:?}");
        }
        assert_eq!(GOOD.request(&bed, GET).await.unwrap().status, 200);
    })
    .await;
}
