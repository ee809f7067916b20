//! Against the testbed, over TLS and without: it checks signatures by code of its own, and the keys it takes are those that its
//! credentials endpoint has issued.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use refresh_session_core::{Basis, Calendar, Code, Identity};
use refresh_session_sts::StsClient;
use refresh_session_tls::identity::certificate_chain;
use refresh_session_tls::{ClientIdentity, HttpClient, HttpRequest, Material, Target, TlsConfig, Trust};
use serde_json::Value;

use crate::support::{TestClock, client, endpoint};

/// A testbed, gone when the test is over.
struct Bed {
    child: Child,
    folder: PathBuf,
    ready: Value,
}

impl Bed {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sts-{}-{name}", std::process::id()));
        let mut child = Command::new(program())
            .args(["serve", "--stop-with-stdin", "--dir"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, folder, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, pointer: &str) -> String {
        let found = self.ready.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no {pointer} in {}", self.ready)).to_owned()
    }

    fn trust(&self) -> Trust {
        Trust::bundle(&Material::from_text(self.text("/pki/serverCa"))).unwrap()
    }

    /// Keys of the credentials endpoint, for the device's certificate.
    async fn keys(&self, calendar: &Calendar, clock: &Arc<TestClock>) -> Identity {
        let device = |file: &str| Material::from_text(self.text(&format!("/pki/devices/ec256/{file}")));
        let chain = certificate_chain(&device("certificate")).unwrap();
        let identity = ClientIdentity::from_key(&chain, &device("privateKey"), None).unwrap();
        let tls = TlsConfig::new(Some(&identity), &self.trust(), true, calendar, clock.clone()).unwrap();
        let port = self.ready["iot"]["port"].as_u64().unwrap().try_into().unwrap();
        let http =
            HttpClient::new(Target::new("localhost".into(), port, None).unwrap(), tls, None, clock.clone());
        let request = HttpRequest::get("/role-aliases/gateway-role/credentials");
        let reply: Value = serde_json::from_slice(&http.send(&request).await.unwrap().body).unwrap();
        let text = |name: &str| reply["credentials"][name].as_str().unwrap().to_owned();
        Identity::new(
            text("accessKeyId"),
            text("secretAccessKey").into(),
            Some(text("sessionToken").into()),
            None,
        )
    }

    /// STS over TLS, without a client certificate.
    fn sts(&self, calendar: &Calendar, clock: &Arc<TestClock>) -> StsClient {
        let endpoint = endpoint(&self.text("/sts/https"));
        let tls = TlsConfig::new(None, &self.trust(), true, calendar, clock.clone()).unwrap();
        let http = HttpClient::new(endpoint.target().clone(), tls, None, clock.clone());
        StsClient::new(endpoint, http, calendar.clone(), clock.clone())
    }

    async fn control(&self, path: &str, body: &str) {
        let control = self.text("/control");
        let address: SocketAddr = control.strip_prefix("http://").unwrap().parse().unwrap();
        let target = Target::new(address.ip().to_string(), address.port(), None).unwrap();
        let http = HttpClient::plain(target, None, Arc::<TestClock>::default());
        let request = HttpRequest::post(path, body.to_owned().into());
        let request = HttpRequest { method: http::Method::PUT, ..request };
        let reply = http.send(&request).await.unwrap();
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The testbed's program, built if it is not up to date: `cargo test` of one room builds no other room's.
fn program() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "-p", "refresh-session-testbed", "--message-format=json"]);
    // What Cargo tells this test about itself would have build scripts run anew, here and then again outside.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" && name != "CARGO_TARGET_DIR" {
            cargo.env_remove(name);
        }
    }
    let built = cargo.current_dir(root).stderr(Stdio::inherit()).output().unwrap();
    let messages = String::from_utf8(built.stdout).unwrap();
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).unwrap();
        message["executable"].as_str().map(PathBuf::from)
    });
    executable.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_1970_gets_from_its_certificate_to_a_signed_call() {
    let bed = Bed::start("1970");
    let clock = Arc::<TestClock>::default();
    let calendar = Calendar::new();
    assert_eq!(calendar.reading(&*clock).basis, Basis::Floor);
    let keys = bed.keys(&calendar, &clock).await;
    assert_eq!(calendar.reading(&*clock).basis, Basis::Server);
    for sts in [bed.sts(&calendar, &clock), client(&bed.text("/sts/http"), &clock)] {
        // The first signs with what the endpoint has told; the second knows nothing, is refused, and learns.
        let caller = sts.caller_identity(&keys).await.unwrap();
        assert_eq!(caller.account, "123456789012");
        assert!(caller.arn.starts_with("arn:aws:sts::123456789012:assumed-role/GatewayRole/"), "{caller:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_an_hour_ahead_is_followed() {
    let bed = Bed::start("ahead");
    bed.control("/config", r#"{"clockOffsetSeconds": 3600}"#).await;
    let clock = Arc::<TestClock>::default();
    let keys = bed.keys(&Calendar::new(), &clock).await;
    client(&bed.text("/sts/http"), &clock).caller_identity(&keys).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_refused_by_name() {
    let bed = Bed::start("wrong");
    let (clock, calendar) = (Arc::<TestClock>::default(), Calendar::new());
    let keys = bed.keys(&calendar, &clock).await;
    let sts = bed.sts(&calendar, &clock);
    let mut wrong = keys.clone();
    wrong.secret_access_key = "canary".into();
    let error = sts.caller_identity(&wrong).await.unwrap_err();
    assert_eq!(
        (error.code(), error.aws_error_type()),
        (Code::SourceCredentialsRefused, Some("SignatureDoesNotMatch"))
    );
    assert!(!format!("{error:?}").contains("canary"));
    let mut unknown = keys;
    unknown.access_key_id = "ASIANOBODY".into();
    let error = sts.caller_identity(&unknown).await.unwrap_err();
    assert_eq!(
        (error.code(), error.aws_error_type()),
        (Code::SourceCredentialsRefused, Some("InvalidClientTokenId"))
    );
}
