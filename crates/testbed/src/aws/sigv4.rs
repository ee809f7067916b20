//! Signature Version 4, from the server's side: takes a signed request apart and checks the signature.
//!
//! Only the `Authorization` header is understood, not signatures in the query string.

use ring::{digest, hmac};
use time::{Duration, OffsetDateTime};

use crate::{clock, http::request::Request, random};

/// How far the time of a signature may be off.
const WINDOW: Duration = Duration::minutes(15);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Declared in place of a hash, it leaves the body out of the signature.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// Whose key signed.
    pub(crate) access_key_id: String,
    scope: Scope,
    signed_headers: Vec<String>,
    signature: String,
}

/// What a signature is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    date: String,
    region: String,
    service: String,
}

/// How a service wants its requests signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// The service in the scope.
    pub(crate) service: &'static str,
    /// Whether the path, encoded for sending, is encoded once more for signing.
    pub(crate) encodes_path_again: bool,
    /// Whether `x-amz-content-sha256` must be there, and may be `UNSIGNED-PAYLOAD`.
    pub(crate) declares_payload: bool,
}

/// What is wrong with a signature; every service has codes of its own for these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// There is none.
    Missing,
    /// The `Authorization`, or a header it needs, cannot be read.
    Incomplete,
    /// It was made with other keys, for another service or for another request.
    Wrong,
    /// It was made too long ago, or is of the future.
    Time,
    /// The body is not the one whose hash was declared.
    Payload,
}

/// Why a signature is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// What is wrong.
    pub(crate) problem: Problem,
    /// The same as a sentence, in the words of AWS.
    pub(crate) message: String,
}

impl Mismatch {
    fn new(problem: Problem, message: impl Into<String>) -> Self {
        Self { problem, message: message.into() }
    }

    fn incomplete(message: impl Into<String>) -> Self {
        Self::new(Problem::Incomplete, message)
    }

    /// A signature that does not belong to its request.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::new(Problem::Wrong, message)
    }
}

impl Authorization {
    /// Reads the header.
    pub(crate) fn of(request: &Request) -> Result<Self, Mismatch> {
        let header = request
            .header("authorization")
            .ok_or_else(|| Mismatch::new(Problem::Missing, "Request is missing Authentication Token"))?;
        let fields =
            header.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(|| {
                Mismatch::incomplete(format!("Authorization does not begin with '{ALGORITHM}'"))
            })?;
        let field = |name: &str| {
            let found =
                fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| {
                Mismatch::incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let credential: Vec<&str> = field("Credential")?.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = credential.as_slice() else {
            return Err(Mismatch::incomplete("Credential must have exactly 5 slash-delimited elements"));
        };
        Ok(Self {
            access_key_id: (*access_key_id).to_owned(),
            scope: Scope {
                date: (*date).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
            },
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
        })
    }

    /// Whether a header is among the signed ones.
    pub(crate) fn signs(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == header)
    }

    /// Checks everything but whether the keys are still good.
    pub(crate) fn verify(
        &self,
        request: &Request,
        secret: &str,
        scheme: &Scheme,
        now: OffsetDateTime,
    ) -> Result<(), Mismatch> {
        if self.scope.service != scheme.service {
            return Err(Mismatch::wrong(format!(
                "Credential should be scoped to correct service: '{}'.",
                scheme.service
            )));
        }
        let timestamp = request.header("x-amz-date").ok_or_else(|| {
            Mismatch::incomplete("Authorization header requires existence of a 'X-Amz-Date' header.")
        })?;
        self.check_time(timestamp, now)?;
        let declared = scheme.declares_payload.then_some("x-amz-content-sha256");
        for header in ["host", "x-amz-date"].into_iter().chain(declared) {
            if !self.signs(header) {
                return Err(Mismatch::wrong(format!(
                    "'{header}' must be a 'SignedHeader' in the AWS Authorization."
                )));
            }
        }
        let lowercase = |name: &String| name.bytes().all(|byte| !byte.is_ascii_uppercase());
        if !self.signed_headers.is_sorted() || !self.signed_headers.iter().all(lowercase) {
            return Err(Mismatch::wrong("'SignedHeaders' must be in lowercase and in alphabetical order."));
        }
        let payload = payload(request, scheme)?;
        let path =
            if scheme.encodes_path_again { uri_encode(&request.path, true) } else { request.path.clone() };
        let canonical = self.canonical_request(request, &path, &payload);
        let text = string_to_sign(timestamp, &self.scope, &canonical);
        let signature = random::unhex(&self.signature).unwrap_or_default();
        // `hmac::verify` compares in constant time.
        hmac::verify(&signing_key(secret, &self.scope), text.as_bytes(), &signature).map_err(|_| {
            Mismatch::wrong(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details.",
            )
        })
    }

    fn check_time(&self, timestamp: &str, now: OffsetDateTime) -> Result<(), Mismatch> {
        let signed_at = clock::parse_amz(timestamp)
            .ok_or_else(|| Mismatch::incomplete("Date must be in ISO-8601 'basic format'."))?;
        if !timestamp.starts_with(&self.scope.date) || self.scope.date.len() != 8 {
            return Err(Mismatch::wrong(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{}', from '{timestamp}'.",
                self.scope.date,
                &timestamp[..8]
            )));
        }
        let shown = clock::amz(now);
        if signed_at < now - WINDOW {
            let earliest = clock::amz(now - WINDOW);
            return Err(Mismatch::new(
                Problem::Time,
                format!("Signature expired: {timestamp} is now earlier than {earliest} ({shown} - 15 min.)"),
            ));
        }
        if signed_at > now + WINDOW {
            let latest = clock::amz(now + WINDOW);
            return Err(Mismatch::new(
                Problem::Time,
                format!(
                    "Signature not yet current: {timestamp} is still later than {latest} ({shown} + 15 min.)"
                ),
            ));
        }
        Ok(())
    }

    fn canonical_request(&self, request: &Request, path: &str, payload: &str) -> String {
        let mut query: Vec<(String, String)> = request
            .query_parameters()
            .iter()
            .map(|(name, value)| (uri_encode(name, false), uri_encode(value, false)))
            .collect();
        query.sort();
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = String::new();
        for name in &self.signed_headers {
            let named = request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let values: Vec<String> =
                named.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
            headers.extend([name, ":", &values.join(","), "\n"]);
        }
        format!(
            "{}\n{path}\n{}\n{headers}\n{}\n{payload}",
            request.method,
            query.join("&"),
            self.signed_headers.join(";"),
        )
    }
}

/// What stands for the body in the canonical request.
fn payload(request: &Request, scheme: &Scheme) -> Result<String, Mismatch> {
    let hash = random::hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    match request.header("x-amz-content-sha256") {
        None if scheme.declares_payload => {
            Err(Mismatch::incomplete("Missing required header for this request: x-amz-content-sha256"))
        }
        Some(UNSIGNED) if scheme.declares_payload => Ok(UNSIGNED.to_owned()),
        Some(declared) if declared != hash => Err(Mismatch::new(
            Problem::Payload,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )),
        _ => Ok(hash),
    }
}

fn string_to_sign(timestamp: &str, scope: &Scope, canonical_request: &str) -> String {
    let hash = random::hex(digest::digest(&digest::SHA256, canonical_request.as_bytes()).as_ref());
    format!(
        "{ALGORITHM}\n{timestamp}\n{}/{}/{}/aws4_request\n{hash}",
        scope.date, scope.region, scope.service
    )
}

fn signing_key(secret: &str, scope: &Scope) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [&scope.date, &scope.region, &scope.service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}

fn uri_encode(text: &str, keep_slash: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slash => encoded.push('/'),
            byte => {
                encoded.push('%');
                encoded.push_str(&random::hex(&[byte]).to_ascii_uppercase());
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn ordinary(service: &'static str) -> Scheme {
        Scheme { service, encodes_path_again: true, declares_payload: false }
    }

    fn s3() -> Scheme {
        Scheme { service: "s3", encodes_path_again: false, declares_payload: true }
    }

    fn request(path: &str, query: &str, headers: &[(&str, &str)], authorization: &str) -> Request {
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.push(("Authorization".to_owned(), authorization.to_owned()));
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            ..Request::default()
        }
    }

    /// `get-vanilla` of the test suite that AWS published.
    fn vanilla() -> Request {
        request(
            "/",
            "",
            &[("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        )
    }

    fn at(timestamp: &str) -> OffsetDateTime {
        clock::parse_amz(timestamp).unwrap()
    }

    #[test]
    fn accepts_the_published_vanilla_request() {
        let request = vanilla();
        let authorization = Authorization::of(&request).unwrap();
        assert_eq!(authorization.access_key_id, "AKIDEXAMPLE");
        let hash =
            digest::digest(&digest::SHA256, authorization.canonical_request(&request, "/", EMPTY).as_bytes());
        assert_eq!(
            random::hex(hash.as_ref()),
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"
        );
        assert_eq!(
            authorization.verify(&request, SECRET, &ordinary("service"), at("20150830T124500Z")),
            Ok(())
        );
    }

    /// The worked example in the documentation of Signature Version 4.
    #[test]
    fn accepts_the_documented_request_to_iam() {
        let request = request(
            "/",
            "Action=ListUsers&Version=2010-05-08",
            &[
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
        let authorization = Authorization::of(&request).unwrap();
        assert_eq!(authorization.verify(&request, SECRET, &ordinary("iam"), at("20150830T123600Z")), Ok(()));
    }

    #[test]
    fn refuses_what_does_not_match() {
        type Change = fn(&mut Request);
        let changes: [(Change, Problem); 7] = [
            (|request| request.method = "PUT".to_owned(), Problem::Wrong),
            (|request| request.path = "/x".to_owned(), Problem::Wrong),
            (|request| request.query = "a=b".to_owned(), Problem::Wrong),
            (|request| request.body = b"x".to_vec(), Problem::Wrong),
            (|request| request.headers[0].1 = "evil.example".to_owned(), Problem::Wrong),
            (|request| request.headers[1].1 = "20150831T123600Z".to_owned(), Problem::Wrong),
            (|request| request.headers[1].1 = "today".to_owned(), Problem::Incomplete),
        ];
        for (number, (change, problem)) in changes.into_iter().enumerate() {
            let mut request = vanilla();
            change(&mut request);
            let authorization = Authorization::of(&request).unwrap();
            let error = authorization
                .verify(&request, SECRET, &ordinary("service"), at("20150830T123600Z"))
                .unwrap_err();
            assert_eq!(error.problem, problem, "change {number}: {}", error.message);
        }
        let mut unsorted = vanilla();
        unsorted.headers[2].1 = unsorted.headers[2].1.replace("host;x-amz-date", "x-amz-date;host");
        let authorization = Authorization::of(&unsorted).unwrap();
        let error = authorization
            .verify(&unsorted, SECRET, &ordinary("service"), at("20150830T123600Z"))
            .unwrap_err();
        assert!(error.message.contains("alphabetical"), "{}", error.message);

        let request = vanilla();
        let authorization = Authorization::of(&request).unwrap();
        let verify = |secret, service, now| {
            authorization.verify(&request, secret, &ordinary(service), at(now)).unwrap_err()
        };
        assert!(verify("other", "service", "20150830T123600Z").message.contains("we calculated"));
        assert!(verify(SECRET, "sts", "20150830T123600Z").message.contains("correct service: 'sts'"));
        assert!(verify(SECRET, "service", "20150830T125101Z").message.starts_with("Signature expired: 2015"));
        assert!(
            verify(SECRET, "service", "20150830T122059Z").message.starts_with("Signature not yet current")
        );
    }

    #[test]
    fn refuses_headers_it_cannot_read() {
        for (header, problem) in [
            ("Basic abc", Problem::Incomplete),
            ("AWS4-HMAC-SHA256 Credential=a/b", Problem::Incomplete),
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, Signature=00", Problem::Incomplete),
        ] {
            assert_eq!(
                Authorization::of(&request("/", "", &[], header)).unwrap_err().problem,
                problem,
                "{header}"
            );
        }
        assert_eq!(Authorization::of(&Request::default()).unwrap_err().problem, Problem::Missing);
    }

    /// Both worked examples in the documentation of S3; the second has a path that is not encoded twice.
    #[test]
    fn accepts_the_documented_requests_to_s3() {
        let get = request(
            "/test.txt",
            "",
            &[
                ("Host", "examplebucket.s3.amazonaws.com"),
                ("Range", "bytes=0-9"),
                ("x-amz-content-sha256", EMPTY),
                ("x-amz-date", "20130524T000000Z"),
            ],
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
        let put = Request {
            method: "PUT".to_owned(),
            body: b"Welcome to Amazon S3.".to_vec(),
            ..request(
                "/test%24file.text",
                "",
                &[
                    ("Host", "examplebucket.s3.amazonaws.com"),
                    ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
                    (
                        "x-amz-content-sha256",
                        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                    ),
                    ("x-amz-date", "20130524T000000Z"),
                    ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, \
                 Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            )
        };
        let verify = |request: &Request, scheme: &Scheme| {
            let authorization = Authorization::of(request).unwrap();
            authorization.verify(request, S3_SECRET, scheme, at("20130524T000000Z"))
        };
        for request in [&get, &put] {
            assert_eq!(verify(request, &s3()), Ok(()));
        }
        let twice = verify(&put, &Scheme { encodes_path_again: true, ..s3() });
        assert_eq!(twice.unwrap_err().problem, Problem::Wrong);
        let other = Request { body: b"Farewell".to_vec(), ..put };
        assert_eq!(verify(&other, &s3()).unwrap_err().problem, Problem::Payload);
    }

    #[test]
    fn a_payload_is_declared_where_the_service_wants_it() {
        let with = |declared: &str| {
            let header = ("x-amz-content-sha256".to_owned(), declared.to_owned());
            Request { headers: vec![header], body: b"x".to_vec(), ..Request::default() }
        };
        let problem = |request: &Request, scheme: &Scheme| payload(request, scheme).unwrap_err().problem;
        assert_eq!(payload(&with(UNSIGNED), &s3()).as_deref(), Ok(UNSIGNED));
        assert_eq!(problem(&with(UNSIGNED), &ordinary("sts")), Problem::Payload);
        assert_eq!(problem(&with("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), &s3()), Problem::Payload);
        assert_eq!(problem(&Request::default(), &s3()), Problem::Incomplete);
        assert_eq!(payload(&Request::default(), &ordinary("sts")).as_deref(), Ok(EMPTY));
    }

    #[test]
    fn encodes_twice_where_signing_asks_for_it() {
        assert_eq!(uri_encode("/a%20b/~", true), "/a%2520b/~");
        assert_eq!(uri_encode("a/b é", false), "a%2Fb%20%C3%A9");
    }
}
