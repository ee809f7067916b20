//! Options of `method: "sts"` and `method: "webIdentity"`. Types are checked by `src/ts/options`; values by the rooms below.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use refresh_session_core::{Code, Error, Result, Secret};
use refresh_session_session::MfaProvider;
use refresh_session_session::mfa::{Command, CommandOptions};
use refresh_session_session::sts::{
    AssumeRoleFields, ProvidedBase, ProvidedContext, StsClientOptions, StsOptions, WebIdentityFields,
};
use refresh_session_session::web_identity::{TokenSource, WebIdentityOptions};

use crate::custom::JsCredentials;
use crate::options::{NativeProxyOptions, ca, proxy, secret};
use crate::text::JsText;

/// Options of `method: "sts"`.
#[napi(object)]
pub struct NativeStsOptions {
    /// Equal for the same functions in the same thread.
    pub same: String,
    pub assume_role: NativeAssumeRole,
    pub client: NativeStsClientOptions,
    pub mfa_command: Option<NativeMfaCommand>,
}

/// Options of `method: "webIdentity"`.
#[napi(object)]
pub struct NativeWebIdentityOptions {
    pub assume_role: NativeAssumeRole,
    pub client: NativeStsClientOptions,
    pub token: Option<String>,
    pub token_file: Option<String>,
}

/// Parameters of both actions.
#[napi(object)]
pub struct NativeAssumeRole {
    pub role_arn: String,
    pub role_session_name: Option<String>,
    pub provider_id: Option<String>,
    pub policy_arns: Option<Vec<String>>,
    pub policy: Option<String>,
    pub duration_seconds: Option<u32>,
    pub external_id: Option<String>,
    pub serial_number: Option<String>,
    pub token_code: Option<String>,
    pub tags: Option<Vec<NativeTag>>,
    pub transitive_tag_keys: Option<Vec<String>>,
    pub source_identity: Option<String>,
    pub provided_contexts: Option<Vec<NativeProvidedContext>>,
}

#[napi(object)]
pub struct NativeTag {
    pub key: String,
    pub value: String,
}

#[napi(object)]
pub struct NativeProvidedContext {
    pub provider_arn: Option<String>,
    pub context_assertion: Option<String>,
}

/// `stsClientConfig`, with what the common options and the environment say.
#[napi(object)]
pub struct NativeStsClientOptions {
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub use_fips_endpoint: bool,
    pub use_dualstack_endpoint: bool,
    pub ca: Option<Either<String, Uint8Array>>,
    pub proxy: Option<NativeProxyOptions>,
}

/// A command that prints MFA codes: one line, or words.
#[napi(object)]
pub struct NativeMfaCommand {
    pub line: Option<String>,
    pub words: Option<Vec<String>>,
    pub cwd: Option<String>,
    pub env: Vec<NativeVariable>,
    pub input: Option<Either<String, Uint8Array>>,
    pub timeout_ms: Option<u32>,
}

#[napi(object)]
pub struct NativeVariable {
    pub name: String,
    pub value: String,
}

impl NativeStsOptions {
    /// `limit`: of the common options.
    pub(crate) fn into_options(
        self,
        base: JsCredentials,
        code: Option<JsText>,
        limit: Duration,
    ) -> Result<StsOptions> {
        let callback =
            code.map(|code| MfaProvider::Callback { callback: Arc::new(code), same: self.same.clone() });
        let command = self.mfa_command.map(NativeMfaCommand::into_provider).transpose()?;
        let token_code = self.assume_role.token_code.clone().map(Secret::from);
        Ok(StsOptions {
            assume_role: self.assume_role.into_fields(),
            client: self.client.into_options(),
            base: Arc::new(ProvidedBase::new(Arc::new(base), self.same)),
            token_code,
            mfa: callback.or(command),
            limit,
        })
    }
}

impl NativeWebIdentityOptions {
    pub(crate) fn into_options(self, callback: Option<JsText>) -> Result<WebIdentityOptions> {
        Ok(WebIdentityOptions {
            assume_role: self.assume_role.into_web_identity(),
            token: token(self.token, self.token_file, callback)?,
            client: self.client.into_options(),
        })
    }
}

impl NativeAssumeRole {
    fn into_fields(self) -> AssumeRoleFields {
        AssumeRoleFields {
            role_arn: self.role_arn,
            role_session_name: self.role_session_name,
            policy_arns: self.policy_arns.unwrap_or_default(),
            policy: self.policy,
            duration_seconds: self.duration_seconds,
            external_id: self.external_id,
            serial_number: self.serial_number,
            tags: self.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
            transitive_tag_keys: self.transitive_tag_keys.unwrap_or_default(),
            source_identity: self.source_identity,
            provided_contexts: self
                .provided_contexts
                .unwrap_or_default()
                .into_iter()
                .map(Into::into)
                .collect(),
        }
    }

    fn into_web_identity(self) -> WebIdentityFields {
        WebIdentityFields {
            role_arn: self.role_arn,
            role_session_name: self.role_session_name,
            provider_id: self.provider_id,
            policy_arns: self.policy_arns.unwrap_or_default(),
            policy: self.policy,
            duration_seconds: self.duration_seconds,
        }
    }
}

impl From<NativeProvidedContext> for ProvidedContext {
    fn from(context: NativeProvidedContext) -> Self {
        Self {
            provider_arn: context.provider_arn.unwrap_or_default(),
            context_assertion: context.context_assertion.unwrap_or_default(),
        }
    }
}

impl NativeStsClientOptions {
    pub(crate) fn into_options(self) -> StsClientOptions {
        StsClientOptions {
            region: self.region,
            endpoint: self.endpoint,
            use_fips: self.use_fips_endpoint,
            use_dualstack: self.use_dualstack_endpoint,
            ca: ca(self.ca),
            verify_peer: true,
            server_name: None,
            proxy: proxy(self.proxy),
            connect_timeout: None,
        }
    }
}

impl NativeMfaCommand {
    pub(crate) fn into_provider(self) -> Result<MfaProvider> {
        let options = CommandOptions {
            cwd: self.cwd.map(Into::into),
            env: Some(self.env.into_iter().map(|variable| (variable.name, variable.value)).collect()),
            input: self.input.map(secret),
            timeout: self.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        };
        match self.line {
            Some(line) => Command::from_line(&line, options),
            None => Command::from_words(self.words.unwrap_or_default(), options),
        }
        .map(MfaProvider::Command)
    }
}

/// The one that is given; `src/ts/options` has seen to it that there is one.
fn token(value: Option<String>, file: Option<String>, callback: Option<JsText>) -> Result<TokenSource> {
    match (file, value, callback) {
        (Some(path), ..) => Ok(TokenSource::File(path.into())),
        (_, Some(token), _) => Ok(TokenSource::Value(Secret::from(token))),
        (.., Some(callback)) => Ok(TokenSource::Provider(Arc::new(callback))),
        (None, None, None) => Err(Error::new(Code::Internal, "no token was handed over")),
    }
}
