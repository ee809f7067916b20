//! Where the endpoint is and what it wants to see: by the options, else by the environment.

use std::fmt;
use std::path::PathBuf;

use refresh_session_container::{Authorization, Given, Location};
use refresh_session_core::{Code, Error, Result, Secret};

use crate::description::Description;
use crate::source::Fetching;

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Options as the bridge hands them over: types are right, nothing else is checked.
#[derive(Default)]
pub struct ContainerOptions {
    /// `relativeUri`.
    pub relative_uri: Option<String>,
    /// `fullUri`.
    pub full_uri: Option<String>,
    /// `authorizationToken`.
    pub token: Option<Secret>,
    /// `authorizationTokenFile`.
    pub token_file: Option<String>,
}

/// The four variables, as they are now; an empty one is as good as none.
#[derive(Default)]
pub struct ContainerEnvironment {
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
    pub relative_uri: Option<String>,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub full_uri: Option<String>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub token: Option<Secret>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    pub token_file: Option<String>,
}

/// Reads them. Not this crate: while a thread of Node.js sets a variable, no other one may read the environment.
pub trait Environment: Send + Sync + fmt::Debug {
    /// The variables now.
    fn read(&self) -> Fetching<'_, Result<ContainerEnvironment>>;
}

/// What the options say.
pub(super) struct Place {
    location: Option<Location>,
    token: Option<Token>,
}

/// The token, or where it is.
#[derive(Clone)]
pub(super) enum Token {
    Text(Authorization),
    File { path: PathBuf, from: &'static str },
}

impl Place {
    pub(super) fn new(options: ContainerOptions, description: &mut Description) -> Result<Self> {
        let ContainerOptions { relative_uri, full_uri, token, token_file } = options;
        if relative_uri.is_some() && full_uri.is_some() {
            return Err(conflicting("fullUri", "relativeUri"));
        }
        if token.is_some() && token_file.is_some() {
            return Err(conflicting("authorizationTokenFile", "authorizationToken"));
        }
        description.optional("relative", relative_uri.as_deref());
        description.optional("full", full_uri.as_deref());
        description.optional("token file", token_file.as_deref());
        if let Some(token) = &token {
            description.field("token", token.expose());
        }
        let location = location(
            relative_uri.as_deref().map(|text| Given { text, from: "relativeUri" }),
            full_uri.as_deref().map(|text| Given { text, from: "fullUri" }),
        )?;
        let token = match (token, token_file) {
            (Some(token), _) => Some(Token::Text(Authorization::new(&token, "authorizationToken")?)),
            (None, file) => {
                file.map(|path| Token::File { path: path.into(), from: "authorizationTokenFile" })
            }
        };
        Ok(Self { location, token })
    }

    /// Whether the environment has nothing to add.
    pub(super) const fn is_whole(&self) -> bool {
        self.location.is_some() && self.token.is_some()
    }

    pub(super) fn location(&self, environment: &ContainerEnvironment) -> Result<Location> {
        if let Some(location) = &self.location {
            return Ok(location.clone());
        }
        location(
            environment.relative_uri.as_deref().map(|text| Given { text, from: RELATIVE_URI }),
            environment.full_uri.as_deref().map(|text| Given { text, from: FULL_URI }),
        )?
        .ok_or_else(|| {
            let found = format!("neither `relativeUri` nor `fullUri` is given, and neither {RELATIVE_URI} nor {FULL_URI} is set");
            Error::new(Code::MissingOption, found)
                .with_param("fullUri")
                .with_hint("Run it in a task or pod that has a role, or name the endpoint.")
        })
    }

    /// The option, else a file that the environment names, else its token.
    pub(super) fn token(&self, environment: &ContainerEnvironment) -> Result<Option<Token>> {
        if let Some(token) = &self.token {
            return Ok(Some(token.clone()));
        }
        if let Some(path) = &environment.token_file {
            return Ok(Some(Token::File { path: path.into(), from: TOKEN_FILE }));
        }
        let token = environment.token.as_ref().map(|token| Authorization::new(token, TOKEN)).transpose()?;
        Ok(token.map(Token::Text))
    }
}

/// A path comes before a URL, as in AWS's own SDKs.
fn location(relative: Option<Given<'_>>, full: Option<Given<'_>>) -> Result<Option<Location>> {
    match (relative, full) {
        (Some(path), _) => Location::relative(path).map(Some),
        (None, Some(url)) => Location::full(url).map(Some),
        (None, None) => Ok(None),
    }
}

fn conflicting(param: &'static str, other: &str) -> Error {
    Error::new(Code::ConflictingOptions, format!("both `{other}` and `{param}` are given"))
        .with_param(param)
        .with_hint("Give one of them.")
}
