//! Runs the programs the fixtures come from: `openssl`, `softhsm2-util`, `pkcs11-tool`.
//!
//! They run only while the testbed starts, each to its end, with nothing on their stdin; what they print is kept
//! for the sentence that explains a failure.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
};

use crate::failure::{During, Failure};

/// A program, the Debian package it comes in, and the environment it needs.
#[derive(Clone, Copy)]
pub(crate) struct Program<'a> {
    name: &'static str,
    package: &'static str,
    softhsm_conf: Option<&'a Path>,
}

impl<'a> Program<'a> {
    /// The OpenSSL command line.
    pub(crate) const OPENSSL: Program<'static> =
        Program { name: "openssl", package: "openssl", softhsm_conf: None };

    /// `softhsm2-util`, on the tokens that `conf` names.
    pub(crate) fn softhsm(conf: &'a Path) -> Self {
        Self { name: "softhsm2-util", package: "softhsm2", softhsm_conf: Some(conf) }
    }

    /// `pkcs11-tool`, on the tokens that `conf` names.
    pub(crate) fn pkcs11_tool(conf: &'a Path) -> Self {
        Self { name: "pkcs11-tool", package: "opensc", softhsm_conf: Some(conf) }
    }

    /// Runs it and returns its stdout.
    pub(crate) fn run<S: AsRef<OsStr>>(
        self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String, Failure> {
        let mut command = Command::new(self.name);
        command.args(arguments).stdin(Stdio::null());
        if let Some(conf) = self.softhsm_conf {
            command.env("SOFTHSM2_CONF", conf);
        }
        let output = match command.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Failure::missing_program(self.name, self.package));
            }
            output => output.during(format_args!("running {}", self.name))?,
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::new(format!(
            "{} ended with {}: {}",
            self.name,
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }

    /// Whether it is installed at all.
    pub(crate) fn installed(self) -> bool {
        let probe = Command::new(self.name)
            .arg("--help")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        !matches!(probe, Err(error) if error.kind() == ErrorKind::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let program = Program { name: "no-such-program-here", package: "the-package", softhsm_conf: None };
        let failure = program.run(["x"]).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("apt-get install the-package"));
        assert!(!program.installed());
    }
}
