//! The proxy's answer to `CONNECT`, read strictly (RFC 9112). Pure: bytes in, a status out.
//!
//! Whatever listens there may be no proxy at all. So the head is limited, every line must be one of HTTP/1, and not a
//! byte may follow it: in TLS the client speaks first, so bytes that are already there would be somebody else's.

/// More than any genuine head.
pub(super) const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The final answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The reason phrase, of harmless characters only, at whatever length. Nothing says that it is true.
    pub(super) reason: String,
    /// The schemes of `Proxy-Authenticate`, such as `Basic`, `Negotiate`.
    pub(super) schemes: Vec<String>,
}

/// What is wrong with the answer; completes "the proxy's answer …".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    NotHttp,
    TooLarge,
    Ended { begun: bool },
    TooMuch,
}

impl Fault {
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::NotHttp => "is no HTTP",
            Self::TooLarge => "has a head of more than 8 KiB",
            Self::Ended { begun: false } => "never came: it closed the connection",
            Self::Ended { begun: true } => "broke off in the middle",
            Self::TooMuch => "goes on where TLS should begin",
        }
    }
}

/// Collects the head.
#[derive(Debug, Default)]
pub(super) struct Reader {
    head: Vec<u8>,
    /// Bytes of interim answers that have been passed over.
    interim: usize,
}

impl Reader {
    /// Takes what has been read; `Some` once the final answer is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<Reply>, Fault> {
        self.head.extend_from_slice(bytes);
        loop {
            let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else {
                // Whatever does not begin like HTTP will not become it.
                let begins = self.head.len().min(b"HTTP/1.".len());
                if self.head[..begins] != b"HTTP/1."[..begins] {
                    return Err(Fault::NotHttp);
                }
                return if self.interim + self.head.len() > MAX_HEAD_BYTES {
                    Err(Fault::TooLarge)
                } else {
                    Ok(None)
                };
            };
            if self.interim + end > MAX_HEAD_BYTES {
                return Err(Fault::TooLarge);
            }
            let reply = parse(&self.head[..end]).ok_or(Fault::NotHttp)?;
            self.head.drain(..end + 4);
            // RFC 9110, section 15.2: interim answers may come before the final one.
            if (100..200).contains(&reply.status) {
                self.interim += end + 4;
                continue;
            }
            let tunnel = (200..300).contains(&reply.status);
            return if tunnel && !self.head.is_empty() { Err(Fault::TooMuch) } else { Ok(Some(reply)) };
        }
    }

    /// The connection has ended.
    pub(super) fn ended(&self) -> Fault {
        Fault::Ended { begun: !self.head.is_empty() }
    }
}

fn parse(head: &[u8]) -> Option<Reply> {
    if head.contains(&0) {
        return None;
    }
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let (status, reason) = status_line(lines.next()?)?;
    let mut schemes = Vec::new();
    for line in lines {
        // RFC 9112, section 5: no space before the colon, no folded lines.
        let (name, value) = line.split_once(':')?;
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n']) {
            return None;
        }
        if name.eq_ignore_ascii_case("proxy-authenticate") {
            let scheme = value.trim_start().split([' ', ',']).next().unwrap_or_default();
            if (1..=20).contains(&scheme.len()) && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                schemes.push(scheme.to_owned());
            }
        }
    }
    schemes.truncate(5);
    Some(Reply { status, reason, schemes })
}

fn status_line(line: &str) -> Option<(u16, String)> {
    let rest = line.strip_prefix("HTTP/1.0 ").or_else(|| line.strip_prefix("HTTP/1.1 "))?;
    let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    if status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) || reason.contains(['\r', '\n'])
    {
        return None;
    }
    let status = status.parse().ok().filter(|status| (100..600).contains(status))?;
    Some((status, sanitised(reason)))
}

/// Ends up in logs: letters, digits, spaces and a few marks.
fn sanitised(reason: &str) -> String {
    let plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.' | ',' | '\'')
    };
    reason.trim().chars().map(|character| if plain(character) { character } else { '?' }).collect()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Reply>, Fault> {
        Reader::default().push(text.as_bytes())
    }

    #[test]
    fn an_answer_is_complete_at_its_empty_line_and_not_before() {
        let text = "HTTP/1.1 200 Connection established\r\nVia: 1.1 squid\r\n\r\n";
        let mut reader = Reader::default();
        for byte in &text.as_bytes()[..text.len() - 1] {
            assert_eq!(reader.push(&[*byte]), Ok(None));
        }
        let reply = reader.push(b"\n").unwrap().unwrap();
        assert_eq!((reply.status, reply.reason.as_str()), (200, "Connection established"));
        assert_eq!(read(text), Ok(Some(reply)));
        assert_eq!(read("HTTP/1.0 200\r\n\r\n").unwrap().unwrap().reason, "");
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let reply = read("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(read("HTTP/1.1 100 Continue\r\n\r\n"), Ok(None));
        let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_HEAD_BYTES / 25 + 1);
        assert_eq!(read(&endless), Err(Fault::TooLarge));
    }

    #[test]
    fn a_refusal_may_have_a_body_and_says_what_it_wants() {
        let text = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n\
                    proxy-authenticate:Basic realm=\"x\"\r\nProxy-Authenticate: <script>\r\n\r\n<html>";
        let reply = read(text).unwrap().unwrap();
        assert_eq!((reply.status, reply.schemes), (407, vec!["Negotiate".into(), "Basic".into()]));
    }

    #[test]
    fn a_reason_cannot_forge_a_log_line() {
        let reason = format!("\u{1b}[1m<b>{}", "x".repeat(500));
        let reply = read(&format!("HTTP/1.1 403 {reason}\r\n\r\n")).unwrap().unwrap();
        assert!(reply.reason.starts_with("??1m?b?x"), "{}", reply.reason);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "SSH-2.0-OpenSSH\r\n",
            "\x16\x03\x01",
            "http/1.1 200 OK\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 +20 OK\r\n\r\n",
            "HTTP/1.1 000 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        ] {
            assert_eq!(read(text), Err(Fault::NotHttp), "{text:?}");
        }
        let long = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(MAX_HEAD_BYTES));
        assert_eq!(read(&long), Err(Fault::TooLarge));
        assert_eq!(read(&format!("{long}\r\n\r\n")), Err(Fault::TooLarge));
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\n\x16\x03"), Err(Fault::TooMuch));
        assert_eq!(Reader::default().ended(), Fault::Ended { begun: false });
    }
}
