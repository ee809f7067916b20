//! The options of the STS source as the bridge hands them over: types are right, nothing else is checked.

use std::sync::Arc;
use std::time::Duration;

use refresh_session_core::Secret;
use refresh_session_sts::AssumeRoleFields;

use super::BaseCredentials;
use crate::ca::CaOptions;
use crate::mfa::MfaProvider;
use crate::proxy::ProxyOptions;

/// Options of `method: "sts"`.
#[derive(Debug)]
pub struct StsOptions {
    /// `assumeRole`.
    pub assume_role: AssumeRoleFields,
    /// `stsClientConfig`, with what the common options say.
    pub client: StsClientOptions,
    /// Signs the requests.
    pub base: Arc<dyn BaseCredentials>,
    /// `assumeRole.TokenCode`.
    pub token_code: Option<Secret>,
    /// `mfaTokenProvider`.
    pub mfa: Option<MfaProvider>,
    /// `timeoutMs`: everything but the wait for a code.
    pub limit: Duration,
}

/// Which STS, and the way to it.
#[derive(Debug)]
pub struct StsClientOptions {
    /// `region`: of `stsClientConfig`, else of the session.
    pub region: Option<String>,
    /// `endpoint`: a URL.
    pub endpoint: Option<String>,
    /// `useFipsEndpoint`.
    pub use_fips: bool,
    /// `useDualstackEndpoint`.
    pub use_dualstack: bool,
    /// Which servers are believed.
    pub ca: CaOptions,
    /// Off only in laboratories.
    pub verify_peer: bool,
    /// Replaces the endpoint's name in SNI and in the certificate check.
    pub server_name: Option<String>,
    /// Which way to the endpoint.
    pub proxy: ProxyOptions,
    /// Name lookup, TCP, proxy and TLS together; `None`: only the whole fetch is limited.
    pub connect_timeout: Option<Duration>,
}
