//! An answer as long as it is still one: status, headers, body and framing. [`Answer::into_plan`] makes it bytes.

use serde_json::Value;

use super::{
    plan::{End, Plan},
    request::header_line,
};

/// How the end of the body is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By `Content-Length`.
    Length,
    /// By chunks of this many bytes.
    Chunked(usize),
    /// By the end of the connection, with a status line of HTTP/1.0.
    Http10,
    /// By the request: an answer to `HEAD` says how long the body would be, and has none.
    Head,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers, without those that [`Framing`] adds.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// How its end is marked.
    pub(crate) framing: Framing,
}

impl Answer {
    /// An answer with a body of this type.
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body,
            framing: Framing::Length,
        }
    }

    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string().into_bytes())
    }

    /// The same with a header more, or another value for it.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    /// The same as an answer to `HEAD`.
    pub(crate) fn of_head(self) -> Self {
        Self { framing: Framing::Head, ..self }
    }

    /// The lines of the head, each with its line break, the empty line included.
    pub(crate) fn head_lines(&self) -> Vec<Vec<u8>> {
        let version = if self.framing == Framing::Http10 { "HTTP/1.0" } else { "HTTP/1.1" };
        let mut lines = vec![format!("{version} {} {}\r\n", self.status, reason(self.status)).into_bytes()];
        let length = self.body.len().to_string();
        let framing = match self.framing {
            Framing::Length | Framing::Head => Some(("Content-Length", length.as_str())),
            Framing::Chunked(_) => Some(("Transfer-Encoding", "chunked")),
            Framing::Http10 => None,
        };
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str())).chain(framing);
        lines.extend(headers.map(|(name, value)| header_line(name, value).into_bytes()));
        lines.push(b"\r\n".to_vec());
        lines
    }

    /// The head as one piece.
    pub(crate) fn head(&self) -> Vec<u8> {
        self.head_lines().concat()
    }

    /// Everything as one piece.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        if let Framing::Chunked(size) = self.framing {
            for chunk in self.body.chunks(size.max(1)) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else if self.framing != Framing::Head {
            bytes.extend(&self.body);
        }
        bytes
    }

    /// The plan that sends it as it is.
    pub(crate) fn into_plan(self, keep_alive: bool) -> Plan {
        let end = if keep_alive && self.framing != Framing::Http10 { End::KeepAlive } else { End::Close };
        let answer = if end == End::Close { self.with("Connection", "close") } else { self };
        Plan::write(answer.bytes(), end)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: Answer, keep_alive: bool) -> String {
        let plan = answer.into_plan(keep_alive);
        let [super::super::plan::Step::Write(bytes)] = plan.steps.as_slice() else {
            panic!("{plan:?}");
        };
        String::from_utf8(bytes.clone()).unwrap()
    }

    #[test]
    fn frames_by_length_chunks_or_end() {
        let answer = Answer::new(200, "text/plain", b"hello".to_vec()).with("Date", "d\r\nEvil: x");
        assert_eq!(
            text(answer.clone(), true),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: d  Evil: x\r\nContent-Length: 5\r\n\r\nhello"
        );
        let chunked = Answer { framing: Framing::Chunked(3), ..answer.clone() };
        assert!(text(chunked, true).ends_with("chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"));
        let head = text(answer.clone().of_head(), true);
        assert!(head.contains("Content-Length: 5\r\n") && head.ends_with("\r\n\r\n"));
        let old = text(Answer { framing: Framing::Http10, ..answer }, true);
        assert!(
            old.starts_with("HTTP/1.0 200") && old.contains("Connection: close") && !old.contains("Length")
        );
    }
}
