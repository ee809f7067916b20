//! Reads requests: enough of HTTP/1.1 for well-behaved clients, bounded against the others.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST_BODY: usize = 1024 * 1024;

/// A request as it came.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// `GET` and the like.
    pub(crate) method: String,
    /// The path as sent, without the query.
    pub(crate) path: String,
    /// The query as sent, without `?`; empty if there is none.
    pub(crate) query: String,
    /// Names as sent, values trimmed.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Whether the client wants to go on afterwards.
    pub(crate) keep_alive: bool,
}

/// What came over a connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request.
    Request(Request),
    /// The head of a request whose client waits to be told to go on before it sends the body.
    Expectation,
    /// The end, between two requests or in the middle of one.
    End,
    /// Something that is not HTTP or too large, and why.
    Bad(&'static str),
}

impl Request {
    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The decoded segments of the path; `None` if it is not well encoded.
    pub(crate) fn segments(&self) -> Option<Vec<String>> {
        self.path.strip_prefix('/')?.split('/').map(|segment| percent_decode(segment, false)).collect()
    }

    /// The decoded parameters of the query.
    pub(crate) fn query_parameters(&self) -> Vec<(String, String)> {
        form(&self.query)
    }

    fn parse(head: &str) -> Result<Self, &'static str> {
        let mut lines = head.split("\r\n");
        let mut start = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (start.next(), start.next(), start.next(), start.next())
        else {
            return Err("the request line is not METHOD TARGET VERSION");
        };
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err("the method is not a word in capitals");
        }
        if !target.starts_with('/') {
            return Err("the target does not begin with a slash");
        }
        if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
            return Err("the version is not HTTP/1.1");
        }
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("a header line has no colon")?;
            if name.is_empty() || name.contains(|character: char| character.is_ascii_whitespace()) {
                return Err("a header name is empty or contains a space");
            }
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            ..Self::default()
        };
        let close = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        request.keep_alive = version == "HTTP/1.1" && !close;
        Ok(request)
    }

    fn body_length(&self) -> Result<usize, &'static str> {
        if self.header("transfer-encoding").is_some() {
            return Err("chunked request bodies are not supported here");
        }
        let Some(length) = self.header("content-length") else {
            return Ok(0);
        };
        let length = length.parse().map_err(|_| "Content-Length is not a number")?;
        if length > LONGEST_BODY { Err("the body is too long") } else { Ok(length) }
    }
}

/// Reads requests off a stream and keeps what it has read too far.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// Whether the client has been told to go on.
    encouraged: bool,
}

impl Reader {
    /// What has been read beyond the last request.
    pub(crate) fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    /// The next thing to come.
    pub(crate) async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Incoming> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > LONGEST_HEAD {
                return Ok(Incoming::Bad("the request head is too long"));
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(Incoming::End);
            }
        };
        let parsed = Request::parse(&String::from_utf8_lossy(&self.buffer[..end]));
        let request = parsed.and_then(|request| request.body_length().map(|length| (request, length)));
        let (mut request, length) = match request {
            Ok(request) => request,
            Err(reason) => return Ok(Incoming::Bad(reason)),
        };
        let total = end + 4 + length;
        let expects =
            request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        if expects && self.buffer.len() < total && !self.encouraged {
            self.encouraged = true;
            return Ok(Incoming::Expectation);
        }
        self.encouraged = false;
        while self.buffer.len() < total {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(Incoming::End);
            }
        }
        let rest = self.buffer.split_off(total);
        request.body = self.buffer.split_off(end + 4);
        self.buffer = rest;
        Ok(Incoming::Request(request))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The pairs of an `application/x-www-form-urlencoded` text. What is not well encoded is left out.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(name, true)?, percent_decode(value, true)?))
        })
        .collect()
}

fn percent_decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// `name` and `value` as `name: value`, for the heads of answers.
pub(crate) fn header_line(name: &str, value: &str) -> String {
    // A line break in a value would end the header; a fault's parameters come from outside.
    format!("{name}: {}\r\n", value.replace(['\r', '\n'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut bytes: &[u8]) -> Vec<Incoming> {
        let mut reader = Reader::default();
        let mut all = Vec::new();
        loop {
            let incoming = reader.next(&mut bytes).await.unwrap();
            let last = !matches!(incoming, Incoming::Request(_) | Incoming::Expectation);
            all.push(incoming);
            if last {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn reads_pipelined_requests() {
        let all = read_all(
            b"GET /a%40b?x=1 HTTP/1.1\r\nHost: h\r\nX: \t y \r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc",
        )
        .await;
        let [Incoming::Request(get), Incoming::Request(post), Incoming::End] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!((get.method.as_str(), get.path.as_str(), get.query.as_str()), ("GET", "/a%40b", "x=1"));
        assert_eq!(get.segments(), Some(vec!["a@b".to_owned()]));
        assert_eq!(get.header("x"), Some("y"));
        assert!(get.keep_alive && !post.keep_alive);
        assert_eq!(post.body, b"abc");
    }

    #[tokio::test]
    async fn a_client_that_waits_is_noticed_once() {
        let head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
        let mut reader = Reader::default();
        assert!(matches!(reader.next(&mut &head[..]).await.unwrap(), Incoming::Expectation));
        let Incoming::Request(request) = reader.next(&mut &b"abc"[..]).await.unwrap() else {
            panic!("no request");
        };
        assert_eq!(request.body, b"abc");
        assert!(matches!(reader.next(&mut &head[..]).await.unwrap(), Incoming::Expectation));
        let whole = [&head[..], b"abc"].concat();
        assert!(matches!(read_all(&whole).await[0], Incoming::Request(_)));
    }

    #[tokio::test]
    async fn says_what_is_wrong() {
        for (bytes, reason) in [
            (&b"GET /\r\n\r\n"[..], "request line"),
            (b"get / HTTP/1.1\r\n\r\n", "capitals"),
            (b"GET http://x/ HTTP/1.1\r\n\r\n", "slash"),
            (b"GET / HTTP/2\r\n\r\n", "HTTP/1.1"),
            (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", "colon"),
            (b"GET / HTTP/1.1\r\na b: c\r\n\r\n", "space"),
            (b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "number"),
            (b"GET / HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n", "too long"),
            (b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "chunked"),
            (&vec![b'x'; LONGEST_HEAD + 10], "too long"),
        ] {
            let all = read_all(bytes).await;
            let [Incoming::Bad(said)] = all.as_slice() else {
                panic!("{all:?}");
            };
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn decodes_forms() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(form("A=b+c&D=%2Fx&E&%zz=1"), [pair("A", "b c"), pair("D", "/x"), pair("E", "")]);
    }
}
