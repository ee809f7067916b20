//! Why the testbed could not start: one sentence for stderr and one exit code.
//!
//! | Exit code | Meaning                                                            |
//! |-----------|--------------------------------------------------------------------|
//! | 1         | Something this program needs did not work; the sentence says what. |
//! | 2         | A program that has to be installed is missing.                     |
//! | 64        | The command line is wrong.                                         |

use std::{error::Error, fmt};

/// A start that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    exit_code: u8,
}

impl Failure {
    /// Something did not work.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), exit_code: 1 }
    }

    /// `program` is not installed; `package` is what Debian calls it.
    pub(crate) fn missing_program(program: &str, package: &str) -> Self {
        Self {
            sentence: format!("`{program}` is not installed; on Debian: apt-get install {package}"),
            exit_code: 2,
        }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), exit_code: 64 }
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Error for Failure {}

/// Says what was being done when an error came up: `write(..).during("writing ca.pem")?`.
pub(crate) trait During<T> {
    /// Turns the error into a [`Failure`] that begins with `what`.
    fn during(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> During<T> for Result<T, E> {
    fn during(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
