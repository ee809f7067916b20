//! Where web identity tokens come from: OpenID Connect tokens that somebody else renews.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use refresh_session_core::{Code, Error, Result, Secret};

use crate::description::Description;
use crate::source::Fetching;
use crate::token_file;

/// The bounds of `WebIdentityToken` in the STS API reference.
const LENGTH: std::ops::RangeInclusive<usize> = 4..=20_000;

/// Asks for a token: in the addon, a JavaScript callback.
pub trait TokenProvider: Send + Sync + fmt::Debug {
    /// A token that is valid now. Dropped when it takes too long.
    fn token(&self) -> Fetching<'_, Result<Secret>>;

    /// Adds what decides whose tokens these are. False if that cannot be known: then nothing is shared.
    fn describe(&self, description: &mut Description) -> bool;
}

/// Where a token comes from, for every fetch anew.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// `webIdentityTokenFile`; white space around the token is not part of it.
    File(PathBuf),
    /// `webIdentityToken`, a text.
    Value(Secret),
    /// `webIdentityToken`, a callback.
    Provider(Arc<dyn TokenProvider>),
}

impl TokenSource {
    /// The name of the option.
    pub(super) fn param(&self) -> &'static str {
        match self {
            Self::File(_) => "webIdentityTokenFile",
            Self::Value(_) | Self::Provider(_) => "webIdentityToken",
        }
    }

    pub(super) async fn obtain(&self) -> Result<Secret> {
        let token = match self {
            Self::File(path) => token_file::read(path.clone(), self.param()).await?,
            Self::Value(token) => token.clone(),
            Self::Provider(provider) => provider.token().await?,
        };
        check(token, self.param())
    }

    pub(super) fn describe(&self, description: &mut Description) -> bool {
        match self {
            Self::File(path) => description.field("token file", path.as_os_str().as_encoded_bytes()),
            Self::Value(token) => description.field("token", token.expose()),
            Self::Provider(provider) => return provider.describe(description),
        }
        true
    }
}

fn check(token: Secret, param: &'static str) -> Result<Secret> {
    let trimmed = token.expose().trim_ascii();
    if LENGTH.contains(&trimmed.len()) && trimmed.iter().all(u8::is_ascii_graphic) {
        let whole = trimmed.len() == token.expose().len();
        return Ok(if whole { token } else { Secret::new(trimmed.to_vec()) });
    }
    Err(none(param))
}

fn none(param: &'static str) -> Error {
    let message = format!("`{param}` gave no token: 4 to 20000 visible ASCII characters are one");
    Error::new(Code::BadCredentials, message).with_param(param).with_hint("The keys held are kept.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_must_be_one() {
        for text in ["canary.token", " canary.token\r\n", "canary.token\n"] {
            assert_eq!(check(text.into(), "webIdentityTokenFile").unwrap().expose(), b"canary.token");
        }
        for text in ["", "\n", "abc", "canary token", "canary\u{e9}", &"x".repeat(20_001)] {
            let error = check(text.into(), "webIdentityTokenFile").unwrap_err();
            assert_eq!((error.code(), error.param()), (Code::BadCredentials, Some("webIdentityTokenFile")));
            assert!(error.retryable() && !format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_anew_each_time() {
        let path = std::env::temp_dir().join(format!("token-{}", std::process::id()));
        let source = TokenSource::File(path.clone());
        let missing = source.obtain().await.unwrap_err();
        assert_eq!((missing.code(), missing.retryable()), (Code::FileUnreadable, true));
        for token in ["first.token", "second.token"] {
            std::fs::write(&path, format!("{token}\n")).unwrap();
            assert_eq!(source.obtain().await.unwrap().expose(), token.as_bytes());
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(source.obtain().await.unwrap_err().code(), Code::BadCredentials);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(TokenSource::File("/".into()).obtain().await.unwrap_err().code(), Code::FileUnreadable);
    }
}
