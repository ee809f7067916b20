//! A testbed process for one test, in a folder of its own; gone when the test is over, however it ends.

use std::{
    env, fs,
    future::Future,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::{net::TcpStream, time};

use crate::client::{Reply, exchange};

/// No test takes longer; one that does has hung.
const LIMIT: Duration = Duration::from_mins(1);

/// A running testbed.
pub(crate) struct Bed {
    child: Child,
    folder: PathBuf,
    /// The ready line.
    pub(crate) ready: Value,
}

/// A folder nobody else uses.
pub(crate) fn fresh_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("testbed-{}-{number}", std::process::id()))
}

/// The program, about to be started with these arguments.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.args(arguments);
    command
}

/// Runs a test, but not for ever.
pub(crate) fn bounded<T>(test: impl Future<Output = T>) -> impl Future<Output = T> {
    // Tests hold several TLS connections each: too much to be moved around.
    let test = Box::pin(test);
    async { time::timeout(LIMIT, test).await.expect("the test has hung") }
}

impl Bed {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = fresh_folder();
        let mut child = command(&["serve", "--stop-with-stdin", "--dir"])
            .arg(&folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, folder, ready }
    }

    /// The process, for tests of how it ends.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The port of the endpoint.
    pub(crate) fn port(&self) -> u16 {
        self.ready["iot"]["port"].as_u64().unwrap().try_into().unwrap()
    }

    /// A file of a device: `certificate`, `privateKey` and so on.
    pub(crate) fn device_file(&self, device: &str, file: &str) -> PathBuf {
        let path = self.ready["pki"]["devices"][device][file].as_str();
        PathBuf::from(path.unwrap_or_else(|| panic!("no {file} of {device}")))
    }

    /// Asks the control port and returns whatever it answers.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let address = self.ready["control"].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
        exchange(&mut stream, &request).await.unwrap()
    }

    /// Asks the control port for something it must not refuse.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.ask(method, path, &body.to_string()).await;
        assert_eq!(reply.status, 200, "{method} {path} {body}: {}", reply.text());
        reply.json()
    }

    /// The events of this kind, once there are so many.
    pub(crate) async fn events(&self, kind: &str, at_least: usize) -> Vec<Value> {
        let path = format!("/log?event={kind}&atLeast={at_least}&waitMs=30000");
        let Value::Array(events) = self.control("GET", &path, Value::Null).await else {
            panic!("not a list")
        };
        assert!(events.len() >= at_least, "only {events:?}");
        events
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
