//! STS as one source sees it: an operation in, an identity or an error back.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sts::error::BuildError;
use aws_sdk_sts::operation::assume_role::{
    AssumeRole as Assume, AssumeRoleError, AssumeRoleInput, AssumeRoleOutput,
};
use aws_sdk_sts::operation::assume_role_with_web_identity::{
    AssumeRoleWithWebIdentity, AssumeRoleWithWebIdentityError, AssumeRoleWithWebIdentityInput,
    AssumeRoleWithWebIdentityOutput,
};
use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentity, GetCallerIdentityError, GetCallerIdentityInput, GetCallerIdentityOutput,
};
use aws_sdk_sts::operation::get_session_token::{
    GetSessionToken, GetSessionTokenError, GetSessionTokenInput, GetSessionTokenOutput,
};
use aws_sdk_sts::types::{AssumedRoleUser, Credentials, PolicyDescriptorType, ProvidedContext, Tag};
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin as _;
use refresh_session_core::{Calendar, Clock, Error, Identity, Issued, Result, Secret};
use refresh_session_tls::HttpClient;
use refresh_session_tls::http::HttpResponse;
use refresh_session_tls::http::headers::{REQUEST_ID, identifier};

use crate::call::{Caller, Manner};
use crate::codec::Ask;
use crate::refusal::Request;
use crate::reply::{self, bad};
use crate::skew::SigningClock;
use crate::{AssumeRole, SessionToken, StsEndpoint, WebIdentityRole};

/// A client for one endpoint. Requests are serialised: there is one connection.
#[derive(Debug)]
pub struct StsClient {
    caller: Caller,
}

/// Who signed a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallerIdentity {
    /// `Account`.
    pub account: String,
    /// `Arn`.
    pub arn: String,
    /// `UserId`.
    pub user_id: String,
}

impl StsClient {
    /// Nothing is sent until the first call. `http` leads to `endpoint`.
    #[must_use]
    pub fn new(endpoint: StsEndpoint, http: HttpClient, calendar: Calendar, clock: Arc<dyn Clock>) -> Self {
        let signing = SigningClock::new(calendar);
        Self { caller: Caller { endpoint, http: Arc::new(http), signing, clock } }
    }

    /// `AssumeRole`, signed by `base`. `code`: of the MFA device, six digits.
    ///
    /// # Errors
    /// The connection's, a refusal of the table, `ERR_BAD_REPLY` or `ERR_EXPIRED_REPLY`.
    pub async fn assume_role(
        &self,
        role: &AssumeRole,
        base: &Identity,
        code: Option<&Secret>,
    ) -> Result<Issued> {
        let code = code.map(token_code).transpose()?;
        let request = Request { action: "AssumeRole", role: Some(role.role_arn()) };
        let manner = Manner { signer: Some(base), once: code.is_some(), request };
        let ask = Ask::new(Assume::new().config(), assume(role, code))?;
        let (output, response) = self.caller.call::<AssumeRoleOutput, AssumeRoleError>(manner, ask).await?;
        self.issued_for_role(output.credentials, output.assumed_role_user.as_ref(), &response)
    }

    /// `AssumeRoleWithWebIdentity`: not signed, `token` says who asks.
    ///
    /// # Errors
    /// As [`assume_role`](Self::assume_role).
    pub async fn assume_role_with_web_identity(
        &self,
        role: &WebIdentityRole,
        token: &Secret,
    ) -> Result<Issued> {
        let request = Request { action: "AssumeRoleWithWebIdentity", role: Some(role.role_arn()) };
        let manner = Manner { signer: None, once: false, request };
        let token = token.expose_str().unwrap_or_default();
        let fields = &role.fields;
        let input = AssumeRoleWithWebIdentityInput::builder()
            .role_arn(&fields.role_arn)
            .role_session_name(&role.role_session_name)
            .web_identity_token(token)
            .set_provider_id(fields.provider_id.clone())
            .set_policy_arns(policies(&fields.policy_arns))
            .set_policy(fields.policy.clone())
            .set_duration_seconds(signed(fields.duration_seconds))
            .build();
        let ask = Ask::new(AssumeRoleWithWebIdentity::new().config(), input)?;
        let call =
            self.caller.call::<AssumeRoleWithWebIdentityOutput, AssumeRoleWithWebIdentityError>(manner, ask);
        let (output, response) = call.await?;
        self.issued_for_role(output.credentials, output.assumed_role_user.as_ref(), &response)
    }

    /// `GetSessionToken`, signed by `base`, which must be long-term keys.
    ///
    /// # Errors
    /// As [`assume_role`](Self::assume_role).
    pub async fn session_token(
        &self,
        asked: &SessionToken,
        base: &Identity,
        code: Option<&Secret>,
    ) -> Result<Issued> {
        let code = code.map(token_code).transpose()?;
        let request = Request { action: "GetSessionToken", role: None };
        let manner = Manner { signer: Some(base), once: code.is_some(), request };
        let input = GetSessionTokenInput::builder()
            .set_duration_seconds(signed(asked.duration_seconds))
            .set_serial_number(asked.serial_number.clone())
            .set_token_code(code.map(str::to_owned))
            .build();
        let ask = Ask::new(GetSessionToken::new().config(), input)?;
        let (output, response) =
            self.caller.call::<GetSessionTokenOutput, GetSessionTokenError>(manner, ask).await?;
        self.issued(output.credentials, base.account_id.clone(), &response)
    }

    /// `GetCallerIdentity`, signed by `identity`.
    ///
    /// # Errors
    /// As [`assume_role`](Self::assume_role).
    pub async fn caller_identity(&self, identity: &Identity) -> Result<CallerIdentity> {
        let request = Request { action: "GetCallerIdentity", role: None };
        let manner = Manner { signer: Some(identity), once: false, request };
        let ask = Ask::new(GetCallerIdentity::new().config(), GetCallerIdentityInput::builder().build())?;
        let (output, response) =
            self.caller.call::<GetCallerIdentityOutput, GetCallerIdentityError>(manner, ask).await?;
        let plain =
            |text: &String| (1..=2048).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        let (account, arn, user_id) =
            (output.account, output.arn.filter(plain), output.user_id.filter(plain));
        match (account.filter(|account| reply::is_account(account)), arn, user_id) {
            (Some(account), Some(arn), Some(user_id)) => Ok(CallerIdentity { account, arn, user_id }),
            _ => Err(answered(bad("its `Account`, `Arn` or `UserId` is missing or none"), &response)),
        }
    }

    /// The error for a call that was dropped because it may take no more than `limit`.
    #[must_use]
    pub fn timed_out(&self, limit: Duration) -> Error {
        self.caller.http.timed_out(limit)
    }

    /// Closes the kept connection.
    pub async fn close(&self) {
        self.caller.http.close().await;
    }

    fn issued_for_role(
        &self,
        credentials: Option<Credentials>,
        user: Option<&AssumedRoleUser>,
        response: &HttpResponse,
    ) -> Result<Issued> {
        let account = reply::account_of(user).map_err(|error| answered(error, response))?;
        self.issued(credentials, Some(account), response)
    }

    fn issued(
        &self,
        credentials: Option<Credentials>,
        account: Option<String>,
        response: &HttpResponse,
    ) -> Result<Issued> {
        let server_date = response.server_date();
        // Without a usable `Date` the calendar is all there is to judge "already over" by.
        let now = server_date.unwrap_or_else(|| self.caller.signing.now(&*self.caller.clock));
        let identity = reply::identity(credentials, now).map_err(|error| answered(error, response))?;
        let (at, round_trip) = (response.at(), response.round_trip());
        Ok(Issued { identity: identity.with_account_id(account), server_date, at, round_trip })
    }
}

fn assume(role: &AssumeRole, code: Option<&str>) -> std::result::Result<AssumeRoleInput, BuildError> {
    let fields = &role.fields;
    let tags =
        fields.tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok());
    let contexts = fields.provided_contexts.iter().map(|context| {
        ProvidedContext::builder()
            .provider_arn(&context.provider_arn)
            .context_assertion(&context.context_assertion)
            .build()
    });
    AssumeRoleInput::builder()
        .role_arn(&fields.role_arn)
        .set_role_session_name(fields.role_session_name.clone())
        .set_policy_arns(policies(&fields.policy_arns))
        .set_policy(fields.policy.clone())
        .set_duration_seconds(signed(fields.duration_seconds))
        .set_tags(some(tags.collect()))
        .set_transitive_tag_keys(some(fields.transitive_tag_keys.clone()))
        .set_external_id(fields.external_id.clone())
        .set_serial_number(fields.serial_number.clone())
        .set_token_code(code.map(str::to_owned))
        .set_source_identity(fields.source_identity.clone())
        .set_provided_contexts(some(contexts.collect()))
        .build()
}

fn token_code(code: &Secret) -> Result<&str> {
    let digits = |code: &&str| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    code.expose_str().filter(digits).ok_or_else(|| {
        Error::invalid_option("mfaTokenProvider", "gave something else than a code of six digits")
    })
}

fn policies(arns: &[String]) -> Option<Vec<PolicyDescriptorType>> {
    some(arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect())
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Its bounds have been checked.
fn signed(seconds: Option<u32>) -> Option<i32> {
    seconds.and_then(|seconds| i32::try_from(seconds).ok())
}

fn answered(error: Error, response: &HttpResponse) -> Error {
    error.with_response(response.status, identifier(&response.headers, REQUEST_ID), None)
}
