//! Asks a proxy for a tunnel: `CONNECT host:port`.

use std::io;

use refresh_session_core::authority::with_port;
use refresh_session_core::{Code, Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::reply::{Fault, Reader, Reply};
use super::{Credentials, Proxy};
use crate::http::Target;

/// Of a reason phrase, in a message.
const MAX_REASON: usize = 60;

/// Afterwards `stream` leads to the target. A proxy that is silent is the caller's affair: it limits the whole.
pub(crate) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    target: &Target,
) -> Result<()> {
    let request = request(proxy, target);
    stream.write_all(&request).await.map_err(|error| lost(proxy, &error))?;
    stream.flush().await.map_err(|error| lost(proxy, &error))?;
    let mut reader = Reader::default();
    let mut buffer = [0; 1024];
    let reply = loop {
        let read = stream.read(&mut buffer).await.map_err(|error| lost(proxy, &error))?;
        if read == 0 {
            return Err(unusable(proxy, reader.ended()));
        }
        if let Some(reply) = reader.push(&buffer[..read]).map_err(|fault| unusable(proxy, fault))? {
            break reply;
        }
    };
    match reply.status {
        200..300 => Ok(()),
        407 => Err(wants_credentials(proxy, &reply)),
        _ => Err(refused(proxy, target, &reply)),
    }
}

/// Holds the password in a form that anybody can read: wiped when it has been sent.
fn request(proxy: &Proxy, target: &Target) -> Zeroizing<Vec<u8>> {
    let authority = with_port(&target.host, target.port);
    let authorization = proxy.authorization().map_or(&[][..], |value| value.expose());
    let mut request = Zeroizing::new(Vec::with_capacity(2 * authority.len() + authorization.len() + 128));
    request.extend_from_slice(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").as_bytes());
    if !authorization.is_empty() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

fn wants_credentials(proxy: &Proxy, reply: &Reply) -> Error {
    let asks = if reply.schemes.is_empty() {
        String::new()
    } else {
        format!("; it takes {}", reply.schemes.join(", "))
    };
    let basic =
        reply.schemes.is_empty() || reply.schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic"));
    let (found, hint) = match (basic, &proxy.credentials) {
        (false, _) => (
            "asks for an authentication that is not Basic",
            "Only Basic authentication is supported: have the proxy accept it, or this device without any.",
        ),
        (true, None) => (
            "asks for a user name and password, and none were given",
            "Give them in `proxy` or HTTPS_PROXY: http://user:password@host:port, special characters percent-encoded.",
        ),
        (true, Some(_)) => (
            "refused the user name and password",
            "Check them in `proxy` or HTTPS_PROXY; special characters must be percent-encoded.",
        ),
    };
    Error::new(Code::ProxyAuth, format!("{proxy} {found} (HTTP 407){asks}")).with_hint(hint)
}

fn refused(proxy: &Proxy, target: &Target, reply: &Reply) -> Error {
    let authority = with_port(&target.host, target.port);
    let said = match &*reply.reason {
        reason if reason.is_empty() || repeats_secret(proxy, reason) => String::new(),
        reason => format!(" \"{}\"", reason.chars().take(MAX_REASON).collect::<String>()),
    };
    let hint = match reply.status {
        500.. => {
            "The proxy could not reach the endpoint: check its own link and DNS, and the spelling of `endpoint`."
        }
        300..400 => "A redirect is never followed: something other than a proxy may be listening there.",
        _ => "Have the proxy allow CONNECT to the endpoint, name and port.",
    };
    Error::new(Code::Proxy, format!("{proxy} did not connect to {authority}: HTTP {}{said}", reply.status))
        .with_hint(hint)
        // A refusal stays one until somebody changes the proxy.
        .with_retryable(reply.status >= 500)
}

fn unusable(proxy: &Proxy, fault: Fault) -> Error {
    Error::new(Code::Proxy, format!("the answer of {proxy} {}", fault.described()))
        .with_hint("Check that an HTTP proxy which allows CONNECT listens there.")
}

fn lost(proxy: &Proxy, error: &io::Error) -> Error {
    Error::new(Code::Proxy, format!("the connection to {proxy} broke: {error}"))
        .with_hint("Check that an HTTP proxy which allows CONNECT listens there.")
}

/// Whether the proxy gives back in its reason phrase what it must not know from anybody but us.
fn repeats_secret(proxy: &Proxy, reason: &str) -> bool {
    let Some(Credentials { password, authorization }) = &proxy.credentials else { return false };
    let encoded = authorization.expose_str().and_then(|value| value.split(' ').nth(1)).unwrap_or_default();
    // A phrase has lost its odd characters: compare what is left of the secrets, piece by piece.
    let pieces = |text: &str| -> Vec<String> {
        let pieces = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| piece.len() > 2);
        pieces.map(str::to_owned).collect()
    };
    let password = String::from_utf8_lossy(password.expose());
    let mut secrets = [pieces(&password), pieces(encoded)].concat();
    let found = secrets.iter().any(|secret| reason.contains(secret.as_str()));
    secrets.iter_mut().for_each(zeroize::Zeroize::zeroize);
    found
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const PROXY: &str = "http://user:canary-1@proxy.lan:3128";

    /// What is asked of a proxy that answers like this, and what comes of it.
    async fn asked(url: &str, host: &str, answer: &str) -> (String, Result<()>) {
        let (mut ours, mut theirs) = duplex(64 * 1024);
        theirs.write_all(answer.as_bytes()).await.unwrap();
        theirs.shutdown().await.unwrap();
        let target = Target::new(host.into(), 8443, None).unwrap();
        let outcome = open(&mut ours, &Proxy::parse(url).unwrap(), &target).await;
        drop(ours);
        let mut request = String::new();
        theirs.read_to_string(&mut request).await.unwrap();
        (request, outcome)
    }

    async fn failure(url: &str, answer: &str) -> Error {
        let error = asked(url, "iot.example", answer).await.1.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("xcan") && !shown.contains("canary") && !shown.contains("dXNlcjpjYW5hcnktMQ"),
            "{shown}"
        );
        error
    }

    #[tokio::test]
    async fn the_request_names_the_endpoint_and_the_user() {
        const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
        let (request, outcome) = asked(PROXY, "iot.example", OK).await;
        assert!(outcome.is_ok());
        assert_eq!(
            request,
            "CONNECT iot.example:8443 HTTP/1.1\r\nHost: iot.example:8443\r\n\
             Proxy-Authorization: Basic dXNlcjpjYW5hcnktMQ==\r\n\r\n"
        );
        let (request, _) = asked("http://proxy.lan", "2001:db8::1", OK).await;
        assert_eq!(request, "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n");
    }

    #[tokio::test]
    async fn each_refusal_has_its_code_and_its_words() {
        // Cut off in the middle it would still be a secret.
        let cut = format!("HTTP/1.1 403 {}canary-1\r\n\r\n", "x".repeat(56));
        for (answer, code, retryable, says) in [
            (cut.as_str(), Code::Proxy, false, "HTTP 403"),
            ("HTTP/1.1 407 Auth\r\n\r\n", Code::ProxyAuth, false, "refused the user name"),
            (
                "HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\n\r\n",
                Code::ProxyAuth,
                false,
                "not Basic (HTTP 407); it takes NTLM",
            ),
            (
                "HTTP/1.1 403 Forbidden\r\n\r\n",
                Code::Proxy,
                false,
                "iot.example:8443: HTTP 403 \"Forbidden\"",
            ),
            ("HTTP/1.1 403 not canary-1\r\n\r\n", Code::Proxy, false, "HTTP 403"),
            ("HTTP/1.1 403 dXNlcjpjYW5hcnktMQ==\r\n\r\n", Code::Proxy, false, "HTTP 403"),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Code::Proxy, true, "HTTP 502 \"Bad Gateway\""),
            ("HTTP/1.1 302 Found\r\n\r\n", Code::Proxy, false, "HTTP 302"),
            ("SSH-2.0-x\r\n", Code::Proxy, true, "is no HTTP"),
            ("", Code::Proxy, true, "closed the connection"),
            ("HTTP/1.1 200", Code::Proxy, true, "broke off"),
        ] {
            let error = failure(PROXY, answer).await;
            assert_eq!((error.code(), error.retryable()), (code, retryable), "{answer:?}: {error}");
            assert!(error.message().contains(says), "{answer:?}: {error}");
            assert!(
                error.message().contains("the proxy proxy.lan:3128") && error.hint().is_some(),
                "{error}"
            );
        }
        let error = failure("http://proxy.lan", "HTTP/1.1 407 x\r\n\r\n").await;
        assert!(error.message().contains("none were given"), "{error}");
    }
}
