//! A client: TLS by rustls, HTTP by hand, so that tests see the bytes as they come.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::bed::Bed;

pub(crate) type Stream = TlsStream<TcpStream>;

/// The request most tests make.
pub(crate) const GET: &str = "GET /role-aliases/gateway-role/credentials HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(": ")?;
            other.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// How to connect.
pub(crate) struct Client {
    pub(crate) device: Option<&'static str>,
    pub(crate) server_name: &'static str,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
}

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];
pub(crate) const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
pub(crate) const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];

/// The device that everything works for.
pub(crate) const GOOD: Client = Client { device: Some("ec256"), server_name: "localhost", versions: BOTH };

impl Client {
    /// The same with another device.
    pub(crate) fn of(device: &'static str) -> Self {
        Self { device: Some(device), ..GOOD }
    }

    /// What rustls needs.
    pub(crate) fn config(&self, bed: &Bed) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(bed.ready["pki"]["serverCa"].as_str().unwrap()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match self.device {
            None => builder.with_no_client_auth(),
            Some(device) => {
                let certificate =
                    CertificateDer::from_pem_file(bed.device_file(device, "certificate")).unwrap();
                let key = PrivateKeyDer::from_pem_file(bed.device_file(device, "privateKey")).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        })
    }

    /// Connects to the endpoint.
    pub(crate) async fn connect(&self, bed: &Bed) -> io::Result<Stream> {
        self.connect_with(bed, self.config(bed)).await
    }

    /// Connects with a configuration that may remember earlier sessions.
    pub(crate) async fn connect_with(&self, bed: &Bed, config: Arc<ClientConfig>) -> io::Result<Stream> {
        let tcp = TcpStream::connect(("127.0.0.1", bed.port())).await?;
        TlsConnector::from(config).connect(ServerName::try_from(self.server_name).unwrap(), tcp).await
    }

    /// Connects and makes one request. Over TLS 1.3 a refused client certificate shows only here.
    pub(crate) async fn request(&self, bed: &Bed, request: &str) -> io::Result<Reply> {
        exchange(&mut self.connect(bed).await?, request).await
    }
}

/// Makes a request and reads one answer.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &str,
) -> io::Result<Reply> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    read_reply(stream).await
}

/// Reads one answer: by its length, by its chunks, or up to the end.
async fn read_reply<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Reply> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("not HTTP: {head:?}")))?;
    let mut reply = Reply { head, status, body: Vec::new() };
    if let Some(length) = reply.header("content-length") {
        reply.body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut reply.body).await?;
    } else if reply.header("transfer-encoding") == Some("chunked") {
        while read_chunk(stream, &mut reply.body).await? > 0 {}
    } else {
        stream.read_to_end(&mut reply.body).await?;
    }
    Ok(reply)
}

async fn read_chunk<S: AsyncRead + Unpin>(stream: &mut S, body: &mut Vec<u8>) -> io::Result<usize> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await?);
    }
    let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
    let mut chunk = vec![0; size + 2];
    stream.read_exact(&mut chunk).await?;
    body.extend(&chunk[..size]);
    Ok(size)
}

/// Makes a request and reads everything up to the end or an error.
pub(crate) async fn drain(stream: &mut Stream, request: &str) -> (Vec<u8>, io::Result<()>) {
    if let Err(error) = stream.write_all(request.as_bytes()).await {
        return (Vec::new(), Err(error));
    }
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(drop);
    (bytes, end)
}
