//! A server that says what it is told to, and what it takes to ask it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refresh_session_core::{BootTime, Calendar, Clock, Identity, Timestamp};
use refresh_session_sts::{AssumeRole, AssumeRoleFields, StsClient, StsEndpoint, StsSettings};
use refresh_session_tls::HttpClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/Gateway";

/// Boot time that stands; the wall clock is that of 1970 unless set.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    pub(crate) wall: Mutex<i64>,
}

impl TestClock {
    pub(crate) fn at(date: &str) -> Arc<Self> {
        let wall = Timestamp::parse_rfc3339(date).unwrap().unix_millis();
        Arc::new(Self { wall: Mutex::new(wall) })
    }
}

impl Clock for TestClock {
    fn boot(&self) -> BootTime {
        BootTime::from_duration(Duration::from_secs(100))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(*self.wall.lock().unwrap())
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) connection: usize,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// A parameter of the form, as it is encoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Plain HTTP: the replies in their order, the last one again and again.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) async fn start(replies: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<Vec<Asked>>>::default();
        let logged = log.clone();
        tokio::spawn(async move {
            for connection in 1.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (log, replies) = (logged.clone(), replies.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                        let text = String::from_utf8(request.clone()).unwrap();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let asked = Asked { connection, head: head.to_owned(), body: body.to_owned() };
                        if body.len() < asked.header("content-length").unwrap().parse().unwrap() {
                            continue;
                        }
                        let reply = {
                            let mut log = log.lock().unwrap();
                            log.push(asked);
                            replies[(log.len() - 1).min(replies.len() - 1)].clone()
                        };
                        stream.write_all(reply.as_bytes()).await.unwrap();
                        request.clear();
                    }
                });
            }
        });
        Self { address, log }
    }

    pub(crate) fn client(&self, clock: &Arc<TestClock>) -> StsClient {
        client(&format!("http://{}", self.address), clock)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

pub(crate) fn endpoint(url: &str) -> StsEndpoint {
    let endpoint = Some(url.to_owned());
    StsEndpoint::new(StsSettings { region: "eu-west-1".into(), endpoint, ..Default::default() }).unwrap()
}

pub(crate) fn client(url: &str, clock: &Arc<TestClock>) -> StsClient {
    let endpoint = endpoint(url);
    let http = HttpClient::plain(endpoint.target().clone(), None, clock.clone());
    StsClient::new(endpoint, http, Calendar::new(), clock.clone())
}

/// A reply of this status and body; `date` as in the header, or none.
pub(crate) fn reply(status: u16, date: &str, body: &str) -> String {
    let date = if date.is_empty() { String::new() } else { format!("date: {date}\r\n") };
    format!(
        "HTTP/1.1 {status} X\r\n{date}x-amzn-requestid: id-1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn error(status: u16, date: &str, code: &str, message: &str) -> String {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>id-1</RequestId></ErrorResponse>"
    );
    reply(status, date, &body)
}

/// What `action` answers when it issues keys that end in 2031.
pub(crate) fn issued(action: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><AssumedRoleUser>\
         <AssumedRoleId>AROAEXAMPLE:gw</AssumedRoleId>\
         <Arn>arn:aws:sts::123456789012:assumed-role/Gateway/gw</Arn></AssumedRoleUser><Credentials>\
         <AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>canary/secret</SecretAccessKey>\
         <SessionToken>canary-token==</SessionToken><Expiration>2031-07-04T11:00:00Z</Expiration></Credentials>\
         </{action}Result></{action}Response>"
    )
}

pub(crate) fn base() -> Identity {
    Identity::new("AKIAEXAMPLE".into(), "canary-base".into(), Some("canary-base-token".into()), None)
}

pub(crate) fn role() -> AssumeRole {
    AssumeRole::new(AssumeRoleFields { role_arn: ROLE.into(), ..Default::default() }).unwrap()
}
