//! S3, as little of it as tests need: path style, signed with Signature Version 4 for the service `s3` in any region.
//!
//! | Request                     | Action                                                                     |
//! |-----------------------------|----------------------------------------------------------------------------|
//! | `GET /`                     | `ListBuckets`; the bucket `testbed` is always there                        |
//! | `PUT /{bucket}`             | `CreateBucket`                                                             |
//! | `PUT /{bucket}/{key}`       | `PutObject`, up to a megabyte, in one piece (no streaming signature)       |
//! | `GET`, `HEAD`, `DELETE` `/{bucket}/{key}` | `GetObject`, `HeadObject`, `DeleteObject`                    |
//!
//! | Refused because                               | Status | `Code`                         |
//! |-----------------------------------------------|--------|--------------------------------|
//! | it is not signed                              | 403    | `AccessDenied`                 |
//! | the `Authorization` cannot be read            | 400    | `AuthorizationHeaderMalformed` |
//! | nobody issued the key                         | 403    | `InvalidAccessKeyId`           |
//! | the token is not its own                      | 400    | `InvalidToken`                 |
//! | its time is too far off                       | 403    | `RequestTimeTooSkewed`         |
//! | the body does not have the hash declared      | 400    | `XAmzContentSHA256Mismatch`    |
//! | the signature or its scope is wrong           | 403    | `SignatureDoesNotMatch`        |
//! | the keys have expired or been revoked         | 400    | `ExpiredToken`                 |
//! | the request is none of the above              | 405    | `MethodNotAllowed`             |
//! | there is no such bucket or object             | 404    | `NoSuchBucket`, `NoSuchKey`    |
//!
//! They are looked at in this order. As with the real one, an answer to `HEAD` has no body, errors included.

use std::{collections::BTreeMap, sync::Mutex};

use time::OffsetDateTime;

use super::{
    buckets::{Buckets, Object},
    signed::{Api, Denial, Refusal},
    sigv4::{Problem, Scheme},
    vault::Issued,
    xml::escape,
};
use crate::{
    clock,
    fault::Schedule,
    http::{answer::Answer, request::Request},
    sync::lock,
    world::World,
};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// S3.
pub(crate) struct S3;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    ListBuckets,
    CreateBucket { bucket: String },
    PutObject(Place),
    GetObject(Place),
    HeadObject(Place),
    DeleteObject(Place),
}

/// Where an object is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    bucket: String,
    key: String,
}

impl Action {
    fn of(request: &Request) -> Option<Self> {
        let mut segments = request.segments()?;
        let bucket = segments.remove(0);
        let key = segments.join("/");
        Some(match (request.method.as_str(), bucket.as_str(), key.as_str()) {
            ("GET", "", "") => Self::ListBuckets,
            (_, "", _) => return None,
            ("PUT", _, "") => Self::CreateBucket { bucket },
            (_, _, "") => return None,
            ("PUT", ..) => Self::PutObject(Place { bucket, key }),
            ("GET", ..) => Self::GetObject(Place { bucket, key }),
            ("HEAD", ..) => Self::HeadObject(Place { bucket, key }),
            ("DELETE", ..) => Self::DeleteObject(Place { bucket, key }),
            _ => return None,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::ListBuckets => "ListBuckets",
            Self::CreateBucket { .. } => "CreateBucket",
            Self::PutObject(_) => "PutObject",
            Self::GetObject(_) => "GetObject",
            Self::HeadObject(_) => "HeadObject",
            Self::DeleteObject(_) => "DeleteObject",
        }
    }
}

impl Api for S3 {
    const SCHEME: Scheme = Scheme { service: "s3", encodes_path_again: false, declares_payload: true };

    fn faults(world: &World) -> &Mutex<Schedule> {
        &world.s3_faults
    }

    fn action(request: &Request) -> Option<String> {
        Action::of(request).map(|action| action.name().to_owned())
    }

    fn admit(_request: &Request) -> Result<(), Refusal> {
        Ok(())
    }

    fn refusal(denial: Denial) -> Refusal {
        let (code, message) = match denial {
            Denial::Expired => ("ExpiredToken", "The provided token has expired.".to_owned()),
            Denial::UnknownKey => (
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.".to_owned(),
            ),
            Denial::WrongToken => {
                ("InvalidToken", "The provided token is malformed or otherwise invalid.".to_owned())
            }
            Denial::Signature(mismatch) => {
                let code = match mismatch.problem {
                    Problem::Missing => "AccessDenied",
                    Problem::Incomplete => "AuthorizationHeaderMalformed",
                    Problem::Wrong => "SignatureDoesNotMatch",
                    Problem::Time => "RequestTimeTooSkewed",
                    Problem::Payload => "XAmzContentSHA256Mismatch",
                };
                (code, mismatch.message)
            }
        };
        Refusal::new(Self::status(code), code, message)
    }

    fn status(code: &str) -> u16 {
        match code {
            "AccessDenied" | "InvalidAccessKeyId" | "RequestTimeTooSkewed" | "SignatureDoesNotMatch" => 403,
            "NoSuchBucket" | "NoSuchKey" => 404,
            "MethodNotAllowed" => 405,
            "InternalError" => 500,
            "ServiceUnavailable" | "SlowDown" => 503,
            _ => 400,
        }
    }

    fn perform(
        world: &World,
        _caller: &Issued,
        request: &Request,
        _request_id: &str,
    ) -> Result<Answer, Refusal> {
        let action = Action::of(request).ok_or_else(|| {
            error("MethodNotAllowed", "The specified method is not allowed against this resource.")
        })?;
        let now = world.now();
        let mut buckets = lock(&world.buckets);
        let missing = || error("NoSuchKey", "The specified key does not exist.");
        Ok(match action {
            Action::ListBuckets => list_buckets(&buckets.names(), now),
            Action::CreateBucket { bucket } => {
                buckets.create(&bucket);
                empty(200).with("Location", format!("/{bucket}"))
            }
            Action::PutObject(Place { bucket, key }) => {
                let content_type = request.header("content-type").unwrap_or("application/octet-stream");
                let object = Object {
                    body: request.body.clone(),
                    content_type: content_type.to_owned(),
                    modified: now,
                };
                let etag = object.etag();
                objects(&mut buckets, &bucket)?.insert(key, object);
                empty(200).with("ETag", etag)
            }
            Action::GetObject(Place { bucket, key }) => {
                objects(&mut buckets, &bucket)?.get(&key).map(object_answer).ok_or_else(missing)?
            }
            Action::HeadObject(Place { bucket, key }) => {
                objects(&mut buckets, &bucket)?.get(&key).map(object_answer).ok_or_else(missing)?.of_head()
            }
            Action::DeleteObject(Place { bucket, key }) => {
                objects(&mut buckets, &bucket)?.remove(&key);
                empty(204)
            }
        })
    }

    fn refuse(request: &Request, refusal: &Refusal, request_id: &str) -> Answer {
        let Refusal { status, code, message } = refusal;
        let body = format!(
            "{PROLOGUE}<Error><Code>{}</Code><Message>{}</Message><RequestId>{request_id}</RequestId>\
             <HostId>testbed</HostId></Error>",
            escape(code),
            escape(message)
        );
        let answer = Answer::new(*status, "application/xml", body.into_bytes());
        if request.method == "HEAD" { answer.of_head() } else { answer }
    }

    fn stamp(answer: Answer, request_id: &str) -> Answer {
        answer.with("x-amz-request-id", request_id).with("x-amz-id-2", "testbed")
    }
}

fn error(code: &str, message: &str) -> Refusal {
    Refusal::new(S3::status(code), code, message)
}

fn objects<'a>(buckets: &'a mut Buckets, bucket: &str) -> Result<&'a mut BTreeMap<String, Object>, Refusal> {
    buckets.objects(bucket).ok_or_else(|| error("NoSuchBucket", "The specified bucket does not exist"))
}

fn empty(status: u16) -> Answer {
    Answer::new(status, "application/xml", Vec::new())
}

fn object_answer(object: &Object) -> Answer {
    Answer::new(200, &object.content_type, object.body.clone())
        .with("ETag", object.etag())
        .with("Last-Modified", clock::http(object.modified))
}

fn list_buckets(names: &[String], created: OffsetDateTime) -> Answer {
    let created = clock::iso_millis(created);
    let bucket = |name: &String| {
        let name = escape(name);
        format!("<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate></Bucket>")
    };
    let buckets = names.iter().map(bucket).collect::<Vec<_>>().concat();
    let body = format!(
        "{PROLOGUE}<ListAllMyBucketsResult xmlns=\"{NAMESPACE}\"><Owner><ID>testbed</ID></Owner>\
         <Buckets>{buckets}</Buckets></ListAllMyBucketsResult>"
    );
    Answer::new(200, "application/xml", body.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(method: &str, path: &str) -> Option<Action> {
        Action::of(&Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() })
    }

    #[test]
    fn actions_are_told_by_method_and_path() {
        assert_eq!(action("GET", "/"), Some(Action::ListBuckets));
        assert_eq!(action("PUT", "/b"), Some(Action::CreateBucket { bucket: "b".to_owned() }));
        let place = || Place { bucket: "b".to_owned(), key: "a b/c".to_owned() };
        assert_eq!(action("PUT", "/b/a%20b/c"), Some(Action::PutObject(place())));
        assert_eq!(action("GET", "/b/a%20b/c"), Some(Action::GetObject(place())));
        for (method, path) in [("PUT", "/"), ("GET", "/b"), ("POST", "/b/c"), ("GET", "/b/%zz")] {
            assert_eq!(action(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_refusal_of_a_head_has_no_body() {
        let refusal = error("NoSuchKey", "a<b");
        let request = |method: &str| Request { method: method.to_owned(), ..Request::default() };
        let text = |method| {
            let answer = S3::refuse(&request(method), &refusal, "id");
            String::from_utf8(answer.bytes()).unwrap()
        };
        assert!(text("GET").ends_with("</Error>") && text("GET").contains("<Message>a&lt;b</Message>"));
        assert!(text("HEAD").starts_with("HTTP/1.1 404 ") && text("HEAD").ends_with("\r\n\r\n"));
    }
}
