//! Signature Version 4, from the server's side: takes a signed request apart and checks the signature.
//!
//! Of requests to STS and S3 only the `Authorization` header is understood; [`Presigned`] reads signatures in the query
//! string, which AWS IoT takes for WebSockets.

mod presigned;

use ring::{digest, hmac};
use time::{Duration, OffsetDateTime};

pub(crate) use self::presigned::Presigned;
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
mod tests;
