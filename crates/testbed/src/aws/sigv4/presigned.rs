//! A signature in the query string, as AWS IoT wants it for WebSockets: the session token is no part of what is signed
//! but put behind it, and `X-Amz-Expires` counts for little, as the time of the signature may be five minutes off.

use ring::hmac;
use time::{Duration, OffsetDateTime};

use super::{ALGORITHM, Mismatch, Problem, Scope, signing_key, string_to_sign, uri_encode};
use crate::{clock, http::request::Request, random};

/// How far the time of a signature may be off, what `X-Amz-Expires` says aside.
const WINDOW: Duration = Duration::minutes(5);
/// What AWS takes at most.
const LONGEST_EXPIRES: i64 = 604_800;
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const TOKEN: &str = "X-Amz-Security-Token";
const SIGNATURE: &str = "X-Amz-Signature";

/// What the query says about the signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Presigned {
    /// Whose key signed.
    pub(crate) access_key_id: String,
    /// The session token.
    pub(crate) token: Option<String>,
    scope: Scope,
    timestamp: String,
    expires: Duration,
    signed_headers: Vec<String>,
    signature: String,
}

impl Presigned {
    /// Whether a request bears such a signature at all.
    pub(crate) fn is_in(request: &Request) -> bool {
        request.query_parameters().iter().any(|(name, _)| name == SIGNATURE || name == "X-Amz-Algorithm")
    }

    /// Reads the query.
    pub(crate) fn of(request: &Request) -> Result<Self, Mismatch> {
        let parameters = request.query_parameters();
        let optional =
            |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let required = |wanted: &str| {
            optional(wanted).ok_or_else(|| Mismatch::incomplete(format!("the query has no {wanted}")))
        };
        if required("X-Amz-Algorithm")? != ALGORITHM {
            return Err(Mismatch::incomplete(format!("X-Amz-Algorithm is not {ALGORITHM}")));
        }
        let credential = required("X-Amz-Credential")?;
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts.as_slice() else {
            return Err(Mismatch::incomplete(
                "X-Amz-Credential must have exactly 5 slash-delimited elements",
            ));
        };
        let expires =
            match optional("X-Amz-Expires") {
                None => 0,
                Some(seconds) => seconds
                    .parse()
                    .ok()
                    .filter(|seconds| (1..=LONGEST_EXPIRES).contains(seconds))
                    .ok_or_else(|| Mismatch::incomplete("X-Amz-Expires must lie between 1 and 604800"))?,
            };
        Ok(Self {
            access_key_id: (*access_key_id).to_owned(),
            token: optional(TOKEN),
            scope: Scope {
                date: (*date).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
            },
            timestamp: required("X-Amz-Date")?,
            expires: Duration::seconds(expires),
            signed_headers: required("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: required(SIGNATURE)?,
        })
    }

    /// Checks everything but whether the keys are still good.
    pub(crate) fn verify(
        &self,
        request: &Request,
        secret: &str,
        service: &str,
        now: OffsetDateTime,
    ) -> Result<(), Mismatch> {
        if self.scope.service != service {
            return Err(Mismatch::wrong(format!(
                "the credential is scoped to {}, not {service}",
                self.scope.service
            )));
        }
        self.check_time(now)?;
        if !self.signed_headers.iter().any(|name| name == "host") {
            return Err(Mismatch::wrong("'host' must be a signed header"));
        }
        let canonical = self.canonical_request(request);
        let text = string_to_sign(&self.timestamp, &self.scope, &canonical);
        let signature = random::unhex(&self.signature).unwrap_or_default();
        hmac::verify(&signing_key(secret, &self.scope), text.as_bytes(), &signature)
            .map_err(|_| Mismatch::wrong("the signature does not match; the session token is no part of it"))
    }

    fn check_time(&self, now: OffsetDateTime) -> Result<(), Mismatch> {
        let signed_at = clock::parse_amz(&self.timestamp)
            .ok_or_else(|| Mismatch::incomplete("X-Amz-Date must be in ISO-8601 'basic format'"))?;
        if !self.timestamp.starts_with(&self.scope.date) || self.scope.date.len() != 8 {
            return Err(Mismatch::wrong("the date of the credential is not that of X-Amz-Date"));
        }
        if now > signed_at + self.expires + WINDOW {
            return Err(Mismatch::new(Problem::Time, format!("signed too long ago: {}", self.timestamp)));
        }
        if now < signed_at - WINDOW {
            return Err(Mismatch::new(Problem::Time, format!("signed in the future: {}", self.timestamp)));
        }
        Ok(())
    }

    fn canonical_request(&self, request: &Request) -> String {
        let mut query: Vec<(String, String)> = request
            .query_parameters()
            .iter()
            .filter(|(name, _)| name != SIGNATURE && name != TOKEN)
            .map(|(name, value)| (uri_encode(name, false), uri_encode(value, false)))
            .collect();
        query.sort();
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = String::new();
        for name in &self.signed_headers {
            headers.extend([name, ":", request.header(name).unwrap_or_default(), "\n"]);
        }
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{EMPTY}",
            request.method,
            request.path,
            query.join("&"),
            self.signed_headers.join(";")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const SIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261121%2F\
                          eu-west-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20261121T120000Z&\
                          X-Amz-Expires=60&X-Amz-SignedHeaders=host";

    /// Signed by hand: the steps of the documentation, one after the other.
    fn request(query: &str) -> Request {
        let canonical = format!("GET\n/mqtt\n{SIGNED}\nhost:localhost:8443\n\nhost\n{EMPTY}");
        let scope = Scope {
            date: "20261121".to_owned(),
            region: "eu-west-1".to_owned(),
            service: "iotdevicegateway".to_owned(),
        };
        let text = string_to_sign("20261121T120000Z", &scope, &canonical);
        let signature = random::hex(hmac::sign(&signing_key(SECRET, &scope), text.as_bytes()).as_ref());
        Request {
            method: "GET".to_owned(),
            path: "/mqtt".to_owned(),
            query: format!("{SIGNED}&X-Amz-Signature={signature}{query}"),
            headers: vec![("Host".to_owned(), "localhost:8443".to_owned())],
            ..Request::default()
        }
    }

    fn verify(request: &Request, service: &str, now: &str) -> Result<(), Problem> {
        let now = clock::parse_amz(now).unwrap();
        let presigned = Presigned::of(request).map_err(|mismatch| mismatch.problem)?;
        presigned.verify(request, SECRET, service, now).map_err(|mismatch| mismatch.problem)
    }

    #[test]
    fn the_token_stands_behind_what_is_signed() {
        let request = request("&X-Amz-Security-Token=t%2B%2F%3D");
        assert_eq!(Presigned::of(&request).unwrap().token.as_deref(), Some("t+/="));
        let gateway = "iotdevicegateway";
        assert_eq!(verify(&request, gateway, "20261121T120559Z"), Ok(()));
        assert_eq!(verify(&request, gateway, "20261121T120601Z"), Err(Problem::Time));
        assert_eq!(verify(&request, gateway, "20261121T115459Z"), Err(Problem::Time));
        assert_eq!(verify(&request, "iotdata", "20261121T120000Z"), Err(Problem::Wrong));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let now = "20261121T120000Z";
        let more = request("&more=1");
        let mut elsewhere = request("");
        elsewhere.headers[0].1 = "localhost:8444".to_owned();
        let mut unsigned = request("");
        unsigned.query = SIGNED.to_owned();
        for (request, problem) in
            [(more, Problem::Wrong), (elsewhere, Problem::Wrong), (unsigned, Problem::Incomplete)]
        {
            assert_eq!(verify(&request, "iotdevicegateway", now), Err(problem), "{}", request.query);
        }
    }
}
