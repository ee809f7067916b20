//! The command line.

use std::{ffi::OsString, path::PathBuf};

use crate::failure::Failure;

/// What `testbed --help` prints.
pub(crate) const USAGE: &str = "\
Usage: testbed serve --dir DIR [--tokens] [--stop-with-stdin]

Plays AWS IoT, STS, S3, the container endpoint, IMDS and SSO on 127.0.0.1, on ports the system picks.
Prints one line of JSON when it is ready, then serves until it gets SIGTERM or SIGINT, or POST /shutdown on its control port.

  --dir DIR           make certificates, keys, tokens and the request log here; created if missing,
                      must be empty or made by an earlier testbed
  --tokens            also make SoftHSM tokens
  --stop-with-stdin   also stop when stdin ends, so that a parent that dies leaves nothing behind
";

/// A command line that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// Print the usage.
    Help,
    /// Serve.
    Serve {
        /// `--dir`.
        dir: PathBuf,
        /// `--tokens`.
        tokens: bool,
        /// `--stop-with-stdin`.
        stop_with_stdin: bool,
    },
}

impl Options {
    /// Reads the arguments, the name of the program not among them.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let mut arguments = arguments.into_iter();
        match arguments.next() {
            Some(first) if first == "serve" => {}
            Some(first) if first == "--help" || first == "-h" => return Ok(Self::Help),
            _ => return Err(Failure::usage(format!("the first argument must be `serve`\n\n{USAGE}"))),
        }
        let (mut dir, mut tokens, mut stop_with_stdin) = (None, false, false);
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--dir") => {
                    let value = arguments.next().ok_or_else(|| Failure::usage("--dir needs a folder"))?;
                    dir = Some(PathBuf::from(value));
                }
                Some("--tokens") => tokens = true,
                Some("--stop-with-stdin") => stop_with_stdin = true,
                Some("--help" | "-h") => return Ok(Self::Help),
                _ => {
                    return Err(Failure::usage(format!(
                        "unknown argument {}\n\n{USAGE}",
                        argument.display()
                    )));
                }
            }
        }
        let dir = dir.ok_or_else(|| Failure::usage("--dir is missing"))?;
        Ok(Self::Serve { dir, tokens, stop_with_stdin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Failure> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn reads_what_makes_sense() {
        let serve = |tokens, stop_with_stdin| Options::Serve { dir: "d".into(), tokens, stop_with_stdin };
        assert_eq!(parse("serve --dir d").unwrap(), serve(false, false));
        assert_eq!(parse("serve --tokens --stop-with-stdin --dir d").unwrap(), serve(true, true));
        assert_eq!(parse("--help").unwrap(), Options::Help);
    }

    #[test]
    fn refuses_the_rest() {
        for line in ["", "run", "serve", "serve --dir", "serve --dir d --token"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 64, "{line}");
        }
    }
}
