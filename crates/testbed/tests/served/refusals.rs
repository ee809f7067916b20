//! Every way in which the credentials endpoint says no.

use rustls::{AlertDescription, Error as TlsError};
use serde_json::json;

use crate::{
    bed::{Bed, bounded},
    client::{Client, GET, GOOD, ONLY_12, ONLY_13, exchange},
};

fn alert(error: &std::io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<TlsError>()? {
        TlsError::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[tokio::test]
async fn each_row_of_the_table() {
    let bed = Bed::start(&[]);
    bounded(async {
        let good = "/role-aliases/gateway-role/credentials";
        let long = format!("/role-aliases/{}/credentials", "x".repeat(129));
        let too_long =
            "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role";
        let thing = "x-amzn-iot-thingname: other\r\n";
        for (method, path, header, status, error_type, message) in [
            ("POST", good, "", 405, "MethodNotAllowedException", "Method not allowed"),
            ("DELETE", good, "", 405, "MethodNotAllowedException", "Method not allowed"),
            ("GET", "/", "", 404, "ResourceNotFoundException", "Not found"),
            ("GET", "/role-aliases/gateway-role", "", 404, "ResourceNotFoundException", "Not found"),
            (
                "GET",
                "/role-aliases/a.b/credentials",
                "",
                400,
                "InvalidRequestException",
                "Invalid role alias",
            ),
            ("GET", &long, "", 400, "InvalidRequestException", "Invalid role alias"),
            ("GET", good, thing, 403, "AccessDeniedException", "Invalid thing name passed"),
            (
                "GET",
                "/role-aliases/denied-role/credentials",
                thing,
                403,
                "AccessDeniedException",
                "Invalid thing name passed",
            ),
            (
                "GET",
                "/role-aliases/none/credentials",
                "",
                404,
                "ResourceNotFoundException",
                "Role alias does not exist",
            ),
            (
                "GET",
                "/role-aliases/denied-role/credentials",
                "",
                403,
                "AccessDeniedException",
                "Access Denied",
            ),
            (
                "GET",
                "/role-aliases/broken-role/credentials",
                "",
                400,
                "InvalidRequestException",
                "Unable to assume the role, or the role to assume does not exist",
            ),
            ("GET", "/role-aliases/too-long-role/credentials", "", 400, "InvalidRequestException", too_long),
        ] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
            let reply = GOOD.request(&bed, &request).await.unwrap();
            assert_eq!(reply.status, status, "{request}");
            assert_eq!(reply.header("x-amzn-errortype"), Some(error_type), "{request}");
            assert_eq!(reply.header("x-amzn-requestid").map(str::len), Some(36), "{request}");
            assert_eq!(reply.json(), json!({"message": message}), "{request}");
        }
        let unattached = GET.replace("\r\n\r\n", "\r\nx-amzn-iot-thingname: gw-0042\r\n\r\n");
        assert_eq!(Client::of("ec256-unattached").request(&bed, &unattached).await.unwrap().status, 403);
    })
    .await;
}

#[tokio::test]
async fn bad_certificates_are_refused_in_the_handshake() {
    let bed = Bed::start(&[]);
    bounded(async {
        bed.control("PUT", "/certificates/ec384", json!({"status": "revoked"})).await;
        bed.control("PUT", "/certificates/rsa2048", json!({"status": "unknown"})).await;
        let rows = [
            (Some("ec256-expired"), AlertDescription::CertificateExpired),
            (Some("ec256-unknown"), AlertDescription::UnknownCA),
            (Some("ec384"), AlertDescription::CertificateRevoked),
            (Some("rsa2048"), AlertDescription::CertificateUnknown),
            (None, AlertDescription::CertificateRequired),
        ];
        for versions in [ONLY_12, ONLY_13] {
            for (device, expected) in rows {
                let error = Client { device, versions, ..GOOD }.request(&bed, GET).await.unwrap_err();
                assert_eq!(alert(&error), Some(expected), "{device:?}: {error}");
            }
        }
        let failures = bed.events("handshake-failed", 2 * rows.len()).await;
        assert!(failures.iter().all(|event| event["sni"] == "localhost"));
        assert!(failures[0]["error"].as_str().unwrap().contains("expired"));
        assert!(bed.events("request", 0).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn bad_certificates_are_refused_by_http_if_told_to() {
    let bed = Bed::start(&[]);
    bounded(async {
        bed.control("PUT", "/config", json!({"refuse": "http"})).await;
        bed.control("PUT", "/certificates/ec384", json!({"status": "revoked"})).await;
        for device in ["ec256-expired", "ec256-unknown", "ec384"] {
            let reply = Client::of(device).request(&bed, GET).await.unwrap();
            assert_eq!(reply.status, 403, "{device}");
            assert_eq!(reply.header("x-amzn-errortype"), Some("AccessDeniedException"));
            assert_eq!(reply.json(), json!({"message": "Certificate is invalid on this endpoint"}));
        }
        let none = Client { device: None, ..GOOD }.request(&bed, GET).await.unwrap_err();
        assert_eq!(alert(&none), Some(AlertDescription::CertificateRequired));
        assert_eq!(GOOD.request(&bed, GET).await.unwrap().status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_revocation_counts_on_open_connections() {
    let bed = Bed::start(&[]);
    bounded(async {
        let mut stream = GOOD.connect(&bed).await.unwrap();
        assert_eq!(exchange(&mut stream, GET).await.unwrap().status, 200);
        bed.control("PUT", "/certificates/ec256", json!({"status": "revoked"})).await;
        assert_eq!(exchange(&mut stream, GET).await.unwrap().status, 403);
        bed.control("PUT", "/certificates/ec256", json!({"status": "active"})).await;
        assert_eq!(exchange(&mut stream, GET).await.unwrap().status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_certificate_can_be_registered_without_its_ca() {
    let bed = Bed::start(&[]);
    bounded(async {
        let client = Client::of("ec256-unknown");
        assert!(client.request(&bed, GET).await.is_err());
        let shown = bed
            .control("PUT", "/certificates/ec256-unknown", json!({"status": "active", "things": ["gw-7"]}))
            .await;
        assert_eq!(shown, json!({"status": "active", "things": ["gw-7"]}));
        let request = GET.replace("\r\n\r\n", "\r\nx-amzn-iot-thingname: gw-7\r\n\r\n");
        assert_eq!(client.request(&bed, &request).await.unwrap().status, 200);

        // The same certificate under a name of the test's own.
        bed.control("POST", "/reset", json!({})).await;
        assert!(client.request(&bed, GET).await.is_err());
        let pem = std::fs::read_to_string(bed.device_file("ec256-unknown", "certificate")).unwrap();
        bed.control("PUT", "/certificates/mine", json!({"pem": pem})).await;
        assert_eq!(client.request(&bed, GET).await.unwrap().status, 200);
        assert_eq!(bed.events("connection", 1).await[0]["clientCertificate"], "mine");
    })
    .await;
}
