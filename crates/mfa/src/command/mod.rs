//! A program that prints a code, such as `ykman oath accounts code -s AWS`.
//!
//! No shell is involved: the words of the command are what the program gets, and nobody's quoting can add one. It
//! runs in a process group of its own, which is killed as a whole when time is up or nobody waits any more. What it
//! writes to its standard error is not read.

mod run;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use refresh_session_core::shown::quoted;
use refresh_session_core::{Code, Error, Result, Secret};

use crate::TokenCode;

/// As long as boto3-refresh-session gives it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

const PARAM: &str = "mfaTokenProvider";

/// How the program is run.
#[derive(Clone, Default)]
pub struct CommandOptions {
    /// Its working directory; `None`: this process's.
    pub cwd: Option<PathBuf>,
    /// Its whole environment; `None`: this process's.
    pub env: Option<Vec<(String, String)>>,
    /// What it reads from its standard input; `None`: nothing.
    pub input: Option<Secret>,
    /// How long it may take; `None`: [`DEFAULT_TIMEOUT`].
    pub timeout: Option<Duration>,
}

impl fmt::Debug for CommandOptions {
    /// Variables and input are secrets as often as not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandOptions")
            .field("cwd", &self.cwd)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A program with its arguments. `Debug` shows the program only: arguments may be secrets.
#[derive(Clone)]
pub struct Command {
    program: String,
    arguments: Vec<String>,
    options: CommandOptions,
}

impl Command {
    /// Of one text, split into words as a POSIX shell does, quotes included; nothing is expanded.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` for `mfaTokenProvider`.
    pub fn from_line(line: &str, options: CommandOptions) -> Result<Self> {
        Self::from_words(words::split(line)?, options)
    }

    /// Of the program and its arguments.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION` for `mfaTokenProvider`.
    pub fn from_words(words: Vec<String>, options: CommandOptions) -> Result<Self> {
        if words.iter().any(|word| word.contains('\0')) {
            return Err(Error::invalid_option(PARAM, "has a NUL character in it"));
        }
        let mut words = words.into_iter();
        let Some(program) = words.next().filter(|program| !program.is_empty()) else {
            return Err(Error::invalid_option(PARAM, "names no program").with_hint(
                "Give a command such as \"ykman oath accounts code -s AWS\", or an array of its words.",
            ));
        };
        Ok(Self { program, arguments: words.collect(), options })
    }

    /// How long it may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.options.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Everything that decides what it prints, part by part. Parts may be secrets.
    pub fn describe(&self, mut part: impl FnMut(&[u8])) {
        part(self.program.as_bytes());
        self.arguments.iter().for_each(|argument| part(argument.as_bytes()));
        part(self.options.cwd.as_deref().unwrap_or("".as_ref()).as_os_str().as_encoded_bytes());
        for (name, value) in self.options.env.iter().flatten() {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        part(self.options.input.as_ref().map_or(b"", Secret::expose));
        part(&self.timeout().as_millis().to_le_bytes());
    }

    /// Runs it, and gives the last code it wrote. If dropped, the program is killed. Needs no runtime.
    ///
    /// # Errors
    /// `ERR_MFA_COMMAND`, with what became of the program, never with what it wrote.
    pub async fn code(&self) -> Result<TokenCode> {
        let output = run::run(self).await?;
        TokenCode::last_in(&output).ok_or_else(|| {
            self.failed("wrote no code").with_hint(
                "Its standard output must hold six digits that touch no other letter or digit; the last ones count. Run it by hand.",
            )
        })
    }

    /// An error of the program; `found` follows its name.
    fn failed(&self, found: impl fmt::Display) -> Error {
        Error::new(Code::MfaCommand, format!("`{PARAM}`: the command {} {found}", quoted(&self.program)))
            .with_param(PARAM)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("program", &self.program).finish_non_exhaustive()
    }
}
