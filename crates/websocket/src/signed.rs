//! The path by which AWS IoT knows who asks: Signature Version 4 in the query.
//!
//! | Part | Is |
//! |---|---|
//! | request | `GET /mqtt`, empty body |
//! | service | `iotdevicegateway` |
//! | signed header | `host`, exactly as it is sent: with the port unless that is 443 |
//! | time | an argument: corrected by what servers said, never this machine's clock as it is |
//! | session token | *not* signed: appended behind the signature |
//!
//! AWS takes a signature for minutes only, whatever `X-Amz-Expires` says: make one for every connection.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use refresh_session_core::{Code, Error, Identity, Result, Secret, Timestamp};
use zeroize::Zeroizing;

use crate::path::{MQTT, encode};

/// How long a signature says it is good for, unless told otherwise.
pub const EXPIRES: Duration = Duration::from_mins(5);

const SERVICE: &str = "iotdevicegateway";

/// What a signature is about, besides who signs.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// The `Host` header: `Target::authority`.
    pub host: &'a str,
    /// Such as `eu-west-1`.
    pub region: &'a str,
    /// The time, as AWS sees it.
    pub at: Timestamp,
    /// [`EXPIRES`], or another whole number of seconds.
    pub expires: Duration,
}

/// Path and query, signed with these credentials. Whoever has it can connect as them: it is a secret.
///
/// # Errors
/// `ERR_INTERNAL`: host or region cannot be part of a URL.
pub fn path(signing: &Signing<'_>, identity: &Identity) -> Result<Secret> {
    let secret =
        identity.secret_access_key.expose_str().ok_or_else(|| unsignable(&"the secret key is no text"))?;
    let credentials =
        Credentials::new(identity.access_key_id.as_str(), secret, None, None, "refresh-session").into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(signing.expires);
    let params = SigningParams::builder()
        .identity(&credentials)
        .region(signing.region)
        .name(SERVICE)
        .time(system_time(signing.at))
        .settings(settings)
        .build()
        .map_err(|error| unsignable(&error))?
        .into();
    let url = format!("https://{}{MQTT}", signing.host);
    let request =
        SignableRequest::new("GET", url, [("host", signing.host)].into_iter(), SignableBody::Bytes(&[]))
            .map_err(|error| unsignable(&error))?;
    let (instructions, _) = sign(request, &params).map_err(|error| unsignable(&error))?.into_parts();

    let token = identity.session_token.as_ref();
    let room = 512 + 3 * token.map_or(0, |token| token.expose().len());
    let mut path = Zeroizing::new(Vec::with_capacity(room));
    path.extend_from_slice(MQTT.as_bytes());
    let signed = instructions.params().iter().map(|(name, value)| (*name, value.as_bytes()));
    let appended = token.map(|token| ("X-Amz-Security-Token", token.expose()));
    for (position, (name, value)) in signed.chain(appended).enumerate() {
        path.push(if position == 0 { b'?' } else { b'&' });
        encode(name.as_bytes(), &mut path);
        path.push(b'=');
        encode(value, &mut path);
    }
    Ok(Secret::new(std::mem::take(&mut *path)))
}

/// The form that the signer takes. A time before 1970 is 1970.
fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.unix_millis()).unwrap_or(0))
}

fn unsignable(error: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Internal, format!("the WebSocket request cannot be signed: {error}"))
}
