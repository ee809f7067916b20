//! Signature Version 4 in headers, over `aws-sigv4`, and the request as our HTTP client takes it.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest as SdkRequest;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use refresh_session_core::{Code, Error, Identity, Result, Secret, Timestamp};
use refresh_session_tls::HttpRequest;

use crate::StsEndpoint;
use crate::skew;

const SERVICE: &str = "sts";

/// What CloudTrail shows.
const AGENT: &str = concat!("refresh-session/", env!("CARGO_PKG_VERSION"));

/// Who signs, and when.
pub(crate) type Signer<'a> = Option<(&'a Identity, Timestamp)>;

/// `written` for `endpoint`, with the headers of its signature. `once`: it must not be sent a second time by itself.
pub(crate) fn request(
    written: &SdkRequest,
    endpoint: &StsEndpoint,
    signer: Signer<'_>,
    once: bool,
) -> Result<HttpRequest> {
    let path = written.uri().to_owned();
    let body = written.body().bytes().ok_or_else(unsendable)?;
    let mut headers = HeaderMap::new();
    // These two are made from target and body.
    let own = |name: &str| HOST == name || CONTENT_LENGTH == name;
    for (name, value) in written.headers().iter().filter(|(name, _)| !own(name)) {
        append(&mut headers, name, value)?;
    }
    if let Some((identity, at)) = signer {
        let url = format!("{}{path}", endpoint.url());
        let signable =
            SignableRequest::new(written.method(), url, written.headers().iter(), SignableBody::Bytes(body));
        let identity = credentials(identity).into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(endpoint.region())
            .name(SERVICE)
            .time(skew::system_time(at))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsendable())?
            .into();
        let (signature, _) =
            sign(signable.map_err(|_| unsendable())?, &params).map_err(|_| unsendable())?.into_parts();
        for (name, value) in signature.headers() {
            append(&mut headers, name, value)?;
        }
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let method = written.method().parse().map_err(|_| unsendable())?;
    Ok(HttpRequest { method, path, headers, body: Bytes::copy_from_slice(body), once })
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<()> {
    let name = HeaderName::try_from(name).map_err(|_| unsendable())?;
    let mut value = HeaderValue::try_from(value).map_err(|_| unsendable())?;
    value.set_sensitive(true);
    headers.append(name, value);
    Ok(())
}

/// Without their end: whether they are over is for the server to say.
fn credentials(identity: &Identity) -> Credentials {
    let text = |secret: &Secret| secret.expose_str().unwrap_or_default().to_owned();
    Credentials::new(
        identity.access_key_id.clone(),
        text(&identity.secret_access_key),
        identity.session_token.as_ref().map(text),
        None,
        "refresh-session",
    )
}

/// What was refused may hold a secret.
fn unsendable() -> Error {
    Error::new(Code::Internal, "the SDK made a request that is none")
}
