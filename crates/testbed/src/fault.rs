//! Faults: what `PUT /faults` can make the credentials endpoint do instead of answering properly, and what
//! `PUT /faults/{service}` can make the others do: `sts`, `s3`, `container`, `imds`, `sso`, `sso-oidc`.
//!
//! A fault is a JSON object with a `mode`, the parameters of that mode, and a `count`: how many requests it is
//! for, or `null` (the default) for every request until it is cleared. A list of such objects is a script: each
//! serves its count, then the next one. `{"mode": "none", "count": 2}` lets two requests pass.
//!
//! | Mode               | Parameters (defaults)                                      | The client sees                        |
//! |--------------------|------------------------------------------------------------|----------------------------------------|
//! | `none`             |                                                            | the proper answer                      |
//! | `status`           | `code`, `retryAfter`?, `message`?, `errorType`?, `body`?   | that status                            |
//! | `html-body`        | `status` (200)                                             | a page of HTML                         |
//! | `empty-body`       | `status` (200)                                             | no body                                |
//! | `truncated-json`   |                                                            | half the JSON or XML, with the right length |
//! | `truncated-body`   |                                                            | half the body, then the end            |
//! | `large-body`       | `bytes`                                                    | a valid answer, padded by so much      |
//! | `slow-headers`     | `ms`                                                       | a pause before each line of the head   |
//! | `slow-body`        | `ms`                                                       | a pause before each byte of the body   |
//! | `reset-at`         | `byte`                                                     | so many bytes, then a TCP reset        |
//! | `close-after-tls`  | `polite`                                                   | the end, with or without close_notify  |
//! | `half-open`        |                                                            | nothing, ever                          |
//! | `date-skew`        | `seconds`                                                  | a `Date` that is off                   |
//! | `date-missing`     |                                                            | no `Date`                              |
//! | `age-header`       | `seconds`                                                  | an `Age`, as from a cache              |
//! | `expired`          | `secondsAgo` (60)                                          | keys that have expired                 |
//! | `bad-expiration`   | `value`                                                    | that `expiration`                      |
//! | `missing-field`    | `name`                                                     | an answer without the field            |
//! | `empty-field`      | `name`                                                     | `""` in the field                      |
//! | `wrong-type-field` | `name`                                                     | a number in the field                  |
//! | `unknown-fields`   |                                                            | fields nobody has heard of             |
//! | `duplicate-keys`   |                                                            | `accessKeyId` twice, the second wrong  |
//! | `redirect`         | `location`, `status` (302)                                 | a redirect                             |
//! | `not-http`         |                                                            | bytes that are not HTTP                |
//! | `chunked`          |                                                            | a valid answer in chunks               |
//! | `http10`           |                                                            | a valid answer of HTTP/1.0, then the end |
//! | `error`            | `code`, `status`?, `message`?                              | that error of STS or S3, in its format |
//!
//! Fields are named `credentials`, `accessKeyId`, `secretAccessKey`, `sessionToken` or `expiration`, however the server
//! spells them. Faults of the
//! fields leave answers other than 200 alone. `close-after-tls` and `half-open` read the request
//! first. `reset-at` beyond the end of the answer sends all of it, then resets.
//!
//! An `error` is given whatever the keys are like. Without `status` it has the one that belongs to the code, as
//! `ExpiredToken`, `AccessDenied` or `ServiceUnavailable` have, and 400 if the service does not know the code. Only STS
//! and S3 have it. S3 has no keys to give and so lacks the faults of fields; STS has them, in XML, but for
//! `expired` and `duplicate-keys`: the `lifeSeconds` setting makes its keys end early.

mod apply;
mod fields;
mod schedule;

use serde::{Deserialize, Serialize};

pub(crate) use self::schedule::Schedule;

/// One of the modes in the table above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "mode",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    expecting = "a fault with a `mode`"
)]
pub(crate) enum Fault {
    None {},
    Status {
        code: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<RetryAfter>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_type: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    HtmlBody {
        #[serde(default = "ok")]
        status: u16,
    },
    EmptyBody {
        #[serde(default = "ok")]
        status: u16,
    },
    TruncatedJson {},
    TruncatedBody {},
    LargeBody {
        bytes: usize,
    },
    SlowHeaders {
        ms: u64,
    },
    SlowBody {
        ms: u64,
    },
    ResetAt {
        byte: usize,
    },
    CloseAfterTls {
        polite: bool,
    },
    HalfOpen {},
    DateSkew {
        seconds: i64,
    },
    DateMissing {},
    AgeHeader {
        seconds: u64,
    },
    Expired {
        #[serde(default = "a_minute")]
        seconds_ago: i64,
    },
    BadExpiration {
        value: String,
    },
    MissingField {
        name: Field,
    },
    EmptyField {
        name: Field,
    },
    WrongTypeField {
        name: Field,
    },
    UnknownFields {},
    DuplicateKeys {},
    Redirect {
        location: String,
        #[serde(default = "found")]
        status: u16,
    },
    NotHttp {},
    Chunked {},
    Http10 {},
    Error {
        code: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

/// Who can have a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The credentials endpoint, and every other source of keys in JSON.
    Endpoint,
    /// STS.
    Sts,
    /// S3.
    S3,
}

/// The value of `Retry-After`: seconds, or a date as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`retryAfter` must be a number of seconds or a text")]
pub(crate) enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// Whatever the test wants there.
    Text(String),
}

/// A field of an answer with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Field {
    Credentials,
    AccessKeyId,
    SecretAccessKey,
    SessionToken,
    Expiration,
}

impl Fault {
    /// Its `mode`, for the log.
    pub(crate) fn mode(&self) -> String {
        match serde_json::to_value(self) {
            Ok(value) => value["mode"].as_str().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Whether this victim can have it.
    fn strikes(&self, victim: Victim) -> bool {
        match self {
            Self::Error { .. } => matches!(victim, Victim::Sts | Victim::S3),
            Self::Expired { .. } | Self::DuplicateKeys {} => victim == Victim::Endpoint,
            Self::TruncatedJson {}
            | Self::LargeBody { .. }
            | Self::BadExpiration { .. }
            | Self::MissingField { .. }
            | Self::EmptyField { .. }
            | Self::WrongTypeField { .. }
            | Self::UnknownFields {} => victim != Victim::S3,
            _ => true,
        }
    }

    /// What is wrong with the parameters.
    fn check(&self) -> Result<(), String> {
        let status = |code: u16| match code {
            200..=599 => Ok(()),
            _ => Err("a status must lie between 200 and 599".to_owned()),
        };
        let seconds = |seconds: i64| match seconds.unsigned_abs() {
            0..=3_155_760_000 => Ok(()),
            _ => Err("seconds must stay within a hundred years".to_owned()),
        };
        match self {
            Self::Status { code, .. }
            | Self::HtmlBody { status: code }
            | Self::EmptyBody { status: code }
            | Self::Redirect { status: code, .. }
            | Self::Error { status: Some(code), .. } => status(*code),
            Self::DateSkew { seconds: skew } => seconds(*skew),
            Self::Expired { seconds_ago } => seconds(*seconds_ago),
            Self::SlowHeaders { ms } | Self::SlowBody { ms } if *ms > 3_600_000 => {
                Err("`ms` must stay within an hour".to_owned())
            }
            Self::LargeBody { bytes } if *bytes > 64 << 20 => {
                Err("`bytes` must stay within 64 MiB".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn ok() -> u16 {
    200
}

fn found() -> u16 {
    302
}

fn a_minute() -> i64 {
    60
}
