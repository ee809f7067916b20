//! Turns the proper answer into the one a fault asks for.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use super::{Fault, Field, RetryAfter, fields};
use crate::{
    clock,
    http::{
        answer::{Answer, Framing},
        plan::{End, Plan, Step},
    },
};

const HTML: &[u8] =
    b"<!DOCTYPE html><html><head><title>Gateway</title></head><body><h1>Sorry</h1></body></html>";
/// An SSH banner: what a client meets when it is pointed at the wrong port.
const NOT_HTTP: &[u8] = b"SSH-2.0-OpenSSH_9.2p1\r\n\x00\x01\x02\xff\xfe\r\n";

impl Fault {
    /// The plan that answers with this fault, the proper answer being `answer`, and the status it shows, if any.
    pub(crate) fn apply(&self, answer: Answer, now: OffsetDateTime, keep_alive: bool) -> (Option<u16>, Plan) {
        let end = if keep_alive { End::KeepAlive } else { End::Close };
        let plan = match self {
            Self::TruncatedBody {} => {
                let mut bytes = answer.bytes();
                bytes.truncate(bytes.len() - answer.body.len().div_ceil(2));
                Plan::write(bytes, End::Close)
            }
            Self::SlowHeaders { ms } => {
                let mut lines = answer.head_lines();
                lines.push(answer.body.clone());
                Plan::slow(lines, Duration::from_millis(*ms), end)
            }
            Self::SlowBody { ms } => {
                let body = answer.body.iter().map(|byte| vec![*byte]);
                let mut plan = Plan::slow(body, Duration::from_millis(*ms), end);
                plan.steps.insert(0, Step::Write(answer.head()));
                plan
            }
            Self::ResetAt { byte } => {
                let mut bytes = answer.bytes();
                bytes.truncate(*byte);
                Plan::write(bytes, End::Reset)
            }
            Self::CloseAfterTls { polite } => {
                return (None, Plan::silent(if *polite { End::Close } else { End::Drop }));
            }
            Self::HalfOpen {} => return (None, Plan::silent(End::Hold)),
            Self::NotHttp {} => return (None, Plan::write(NOT_HTTP.to_vec(), End::Close)),
            _ => {
                let answer = self.reshape(answer, now);
                return (Some(answer.status), answer.into_plan(keep_alive));
            }
        };
        (Some(answer.status), plan)
    }

    /// The faults that leave the answer well-formed HTTP.
    fn reshape(&self, mut answer: Answer, now: OffsetDateTime) -> Answer {
        match self {
            Self::Status { code, retry_after, message, error_type, body } => {
                answer.status = *code;
                let message = message.as_deref().unwrap_or("The testbed was told to say this");
                answer.body = match body {
                    Some(body) => body.clone().into_bytes(),
                    None => json!({"message": message}).to_string().into_bytes(),
                };
                answer = answer.without("x-amzn-ErrorType");
                if let Some(error_type) = error_type {
                    answer = answer.with("x-amzn-ErrorType", error_type);
                }
                match retry_after {
                    Some(RetryAfter::Seconds(seconds)) => answer.with("Retry-After", seconds.to_string()),
                    Some(RetryAfter::Text(text)) => answer.with("Retry-After", text),
                    None => answer,
                }
            }
            Self::HtmlBody { status } => {
                answer.status = *status;
                answer.body = HTML.to_vec();
                answer.with("Content-Type", "text/html; charset=utf-8")
            }
            Self::EmptyBody { status } => {
                answer.status = *status;
                answer.body.clear();
                answer
            }
            Self::DateSkew { seconds } => {
                answer.with("Date", clock::http(now + time::Duration::seconds(*seconds)))
            }
            Self::DateMissing {} => answer.without("Date"),
            Self::AgeHeader { seconds } => answer.with("Age", seconds.to_string()),
            Self::Redirect { location, status } => {
                answer.status = *status;
                answer.body.clear();
                answer.with("Location", location)
            }
            Self::Chunked {} => Answer { framing: Framing::Chunked(100), ..answer },
            Self::Http10 {} => Answer { framing: Framing::Http10, ..answer },
            _ if answer.status == 200 => self.rewrite(answer),
            _ => answer,
        }
    }

    /// The faults of the JSON or XML in a good answer.
    fn rewrite(&self, mut answer: Answer) -> Answer {
        match self {
            Self::TruncatedJson {} => answer.body.truncate(answer.body.len() / 2),
            Self::LargeBody { bytes } => fields::pad(&mut answer.body, *bytes),
            Self::BadExpiration { value } => {
                fields::set(&mut answer.body, Field::Expiration, Some(&json!(value)));
            }
            Self::MissingField { name } => fields::set(&mut answer.body, *name, None),
            Self::EmptyField { name } => fields::set(&mut answer.body, *name, Some(&json!(""))),
            Self::WrongTypeField { name } => fields::set(&mut answer.body, *name, Some(&json!(42))),
            Self::UnknownFields {} => fields::add_unknown(&mut answer.body),
            Self::DuplicateKeys {} => fields::duplicate_access_key_id(&mut answer.body),
            _ => {}
        }
        answer
    }
}
