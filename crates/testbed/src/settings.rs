//! The switches of `PUT /config`. New values apply to connections made from then on, and to every answer.

use rustls::SignatureScheme;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::overlay::overlay;

/// Nothing of AWS lasts longer: a day and a half.
pub(crate) const LONGEST_LIFE_SECONDS: u64 = 129_600;

/// What the servers currently do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a JSON object")]
pub(crate) struct Settings {
    /// The TLS versions the credentials endpoint speaks: `["1.2"]`, `["1.3"]` or both.
    pub(crate) versions: Vec<TlsVersion>,
    /// Whether sessions can be resumed. AWS IoT does not support it, hence off.
    pub(crate) tickets: bool,
    /// The certificate the credentials endpoint shows.
    pub(crate) server_certificate: ServerCertificate,
    /// The signature schemes it asks client certificates for.
    pub(crate) client_schemes: ClientSchemes,
    /// Where a bad client certificate is refused.
    pub(crate) refuse: Refuse,
    /// What happens to TCP connections to the credentials endpoint.
    pub(crate) accept: Accept,
    /// Whether `x-amzn-iot-credential-duration-seconds` has an effect. AWS documents no such header, hence off.
    pub(crate) honour_duration: bool,
    /// Whether the server name in the handshake must be one of the endpoint's.
    pub(crate) require_sni: bool,
    /// Whether the proxy asks for a user name and password.
    pub(crate) proxy_auth: bool,
    /// How long keys last that come from anywhere but the credentials endpoint, whatever was asked for. Below zero they
    /// have expired from the start.
    pub(crate) life_seconds: Option<i64>,
    /// Whether an MFA code is good only once, as AWS has it.
    pub(crate) mfa_once: bool,
    /// What `Authorization` must be at the container endpoint; `null` if it does not matter.
    pub(crate) container_token: Option<String>,
    /// Whether IMDS wants a token.
    pub(crate) imds: Imds,
    /// Whether the instance has a role.
    pub(crate) imds_role: bool,
    /// Whether IMDS has the extended paths, with the account id.
    pub(crate) imds_extended: bool,
    /// How long access tokens of SSO last.
    pub(crate) sso_token_seconds: i64,
    /// How far the servers' clock is ahead of this machine's. Certificates are judged by the machine's.
    pub(crate) clock_offset_seconds: i64,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V13,
}

/// A server certificate to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ServerCertificate {
    /// Nothing wrong with it.
    Good,
    /// Ended an hour ago.
    Expired,
    /// Begins tomorrow.
    NotYetValid,
    /// For `other.example`.
    WrongName,
    /// From a CA that is not `server-ca.pem`.
    UnknownCa,
    /// From itself.
    SelfSigned,
}

impl ServerCertificate {
    /// As in `PUT /config`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::NotYetValid => "notYetValid",
            Self::WrongName => "wrongName",
            Self::UnknownCa => "unknownCa",
            Self::SelfSigned => "selfSigned",
        }
    }
}

/// A choice of signature schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClientSchemes {
    /// Everything ring can verify.
    All,
    /// PKCS#1 and PSS.
    RsaOnly,
    /// ECDSA with P-384 and SHA-384.
    EcdsaP384Only,
}

impl ClientSchemes {
    /// Whether a scheme is among them.
    pub(crate) fn include(self, scheme: SignatureScheme) -> bool {
        match self {
            Self::All => true,
            Self::RsaOnly => matches!(
                scheme,
                SignatureScheme::RSA_PKCS1_SHA256
                    | SignatureScheme::RSA_PKCS1_SHA384
                    | SignatureScheme::RSA_PKCS1_SHA512
                    | SignatureScheme::RSA_PSS_SHA256
                    | SignatureScheme::RSA_PSS_SHA384
                    | SignatureScheme::RSA_PSS_SHA512
            ),
            Self::EcdsaP384Only => scheme == SignatureScheme::ECDSA_NISTP384_SHA384,
        }
    }
}

/// Where a bad client certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refuse {
    /// In the handshake, with an alert.
    Tls,
    /// By the answer 403. The signature in the handshake is still verified.
    Http,
}

/// What happens to a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Accept {
    /// It is served.
    Normal,
    /// It is reset at once.
    RefuseConnection,
    /// It is accepted, and then nothing is ever read or written.
    BlackHole,
}

/// Whether IMDS wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Imds {
    /// It does: version 2 alone.
    Required,
    /// It takes one, and does without: version 1 too.
    Optional,
    /// IMDS is off.
    Disabled,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            versions: vec![TlsVersion::V12, TlsVersion::V13],
            tickets: false,
            server_certificate: ServerCertificate::Good,
            client_schemes: ClientSchemes::All,
            refuse: Refuse::Tls,
            accept: Accept::Normal,
            honour_duration: false,
            require_sni: true,
            proxy_auth: false,
            life_seconds: None,
            mfa_once: true,
            container_token: None,
            imds: Imds::Required,
            imds_role: true,
            imds_extended: true,
            sso_token_seconds: 3600,
            clock_offset_seconds: 0,
        }
    }
}

impl Settings {
    /// These settings with the fields of `patch` in place of their own, or what is wrong with the patch.
    pub(crate) fn patched(&self, patch: Value) -> Result<Self, String> {
        let settings: Self = overlay(self, patch)?;
        if settings.versions.is_empty() {
            return Err("`versions` must name at least one TLS version".to_owned());
        }
        // Times beyond the year 9999 cannot be written in the formats of this protocol.
        if settings.clock_offset_seconds.unsigned_abs() > 100 * 366 * 86_400 {
            return Err("`clockOffsetSeconds` must stay within a hundred years".to_owned());
        }
        if !(1..=30 * 86_400).contains(&settings.sso_token_seconds) {
            return Err("`ssoTokenSeconds` must lie between 1 and 2592000".to_owned());
        }
        if !settings.life_seconds.is_none_or(is_life) {
            return Err(format!("`lifeSeconds` must lie within {LONGEST_LIFE_SECONDS} seconds"));
        }
        Ok(settings)
    }
}

/// Whether keys can last so long, or have expired so long ago.
pub(crate) fn is_life(seconds: i64) -> bool {
    seconds.unsigned_abs() <= LONGEST_LIFE_SECONDS
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names() {
        let settings =
            Settings::default().patched(json!({"versions": ["1.2"], "accept": "black-hole"})).unwrap();
        assert_eq!(settings.versions, [TlsVersion::V12]);
        assert_eq!(settings.accept, Accept::BlackHole);
        assert_eq!(settings.server_certificate, ServerCertificate::Good);
    }

    #[test]
    fn a_wrong_patch_is_refused_with_a_reason() {
        for (patch, reason) in [
            (json!({"version": ["1.2"]}), "version"),
            (json!({"versions": ["1.1"]}), "1.1"),
            (json!({"versions": []}), "at least one"),
            (json!({"tickets": "yes"}), "boolean"),
            (json!([]), "object"),
            (json!({"lifeSeconds": 200_000}), "129600"),
            (json!({"ssoTokenSeconds": 0}), "2592000"),
            (json!({"clockOffsetSeconds": i64::MIN}), "hundred years"),
        ] {
            let error = Settings::default().patched(patch.clone()).unwrap_err();
            assert!(error.contains(reason), "{patch}: {error}");
        }
    }
}
