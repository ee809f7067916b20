//! A TPM in software (swtpm) behind tpm2-pkcs11: killed, stopped and started again under a running signer.
//!
//! It takes a C_Finalize and a C_Initialize to reach a TPM again that went away: C_GetSessionInfo says that all is
//! well, and C_Sign fails for ever.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use refresh_session_core::{Code, Error, Signer as _};
use refresh_session_pkcs11::{Pkcs11Signer, TokenConfig};

use crate::support::{Fixture, PIN, SO_PIN, isolated, signer, skip_the_pause, tpm2_pkcs11};

fn try_sign(signer: &Pkcs11Signer) -> Result<(), Error> {
    signer.sign(signer.schemes()[0], b"message").map(drop)
}

fn config(fixture: &Fixture) -> TokenConfig {
    TokenConfig { module: tpm2_pkcs11(), ..fixture.config("gw") }
}

#[test]
fn a_tpm_that_was_restarted_signs_again() {
    isolated(
        "tpm::a_tpm_that_was_restarted_signs_again",
        |_| {},
        |fixture| {
            let mut tpm = Tpm::start(fixture);
            tpm.provision();
            let mut held = signer(fixture, &config(fixture), PIN, "key").unwrap();
            for round in 0..3 {
                try_sign(&held).unwrap();
                tpm.kill();
                if round > 0 {
                    for _ in 0..3 {
                        let error = try_sign(&held).unwrap_err();
                        assert!(error.retryable(), "{error:?}");
                        assert!(
                            matches!(error.code(), Code::Pkcs11Initialize | Code::Pkcs11Call),
                            "{error:?}"
                        );
                    }
                }
                if round > 1 {
                    // As the credentials' source does after such an error.
                    drop(held);
                    let error = signer(fixture, &config(fixture), PIN, "key").unwrap_err();
                    assert!(error.retryable(), "{error:?}");
                    tpm.start_again();
                    held = signer(fixture, &config(fixture), PIN, "key").unwrap();
                } else {
                    tpm.start_again();
                }
                try_sign(&held).unwrap();
                skip_the_pause();
            }
        },
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
fn a_stopped_tpm_costs_one_deadline_and_comes_back() {
    isolated(
        "tpm::a_stopped_tpm_costs_one_deadline_and_comes_back",
        |_| {},
        |fixture| {
            const TIMEOUT: Duration = Duration::from_millis(700);
            let tpm = Tpm::start(fixture);
            tpm.provision();
            let config = TokenConfig { sign_timeout: TIMEOUT, ..config(fixture) };
            let signer = signer(fixture, &config, PIN, "key").unwrap();
            try_sign(&signer).unwrap();

            tpm.signal("-STOP");
            let started = SystemTime::now();
            let error = try_sign(&signer).unwrap_err();
            assert_eq!((error.code(), error.retryable()), (Code::Pkcs11Timeout, true), "{error:?}");
            assert!(started.elapsed().unwrap() < TIMEOUT + Duration::from_secs(1));
            let mut times: Vec<_> = (0..11)
                .map(|_| {
                    let started = SystemTime::now();
                    assert_eq!(try_sign(&signer).unwrap_err().code(), Code::Pkcs11Hung);
                    started.elapsed().unwrap()
                })
                .collect();
            times.sort();
            // Half of them: a busy machine may hold up any.
            assert!(times[5] < Duration::from_millis(10) && times[10] < TIMEOUT, "{times:?}");
            let opened = crate::support::signer(fixture, &config, PIN, "key");
            assert_eq!(opened.unwrap_err().code(), Code::Pkcs11Hung);
            tpm.signal("-CONT");
            let back = (0..200).any(|_| {
                thread::sleep(Duration::from_millis(10));
                try_sign(&signer).is_ok()
            });
            assert!(back, "{:?}", try_sign(&signer));
        },
    );
}

/// swtpm in the foreground, on sockets in the test's directory.
struct Tpm<'a> {
    fixture: &'a Fixture,
    process: Child,
}

impl<'a> Tpm<'a> {
    fn start(fixture: &'a Fixture) -> Self {
        std::fs::create_dir_all(fixture.file("tpm")).unwrap();
        std::fs::create_dir_all(fixture.file("tpm-store")).unwrap();
        let tpm = Self { fixture, process: Self::spawn(fixture) };
        tpm.wait();
        tpm
    }

    fn spawn(fixture: &Fixture) -> Child {
        let (state, socket) = (fixture.file("tpm"), fixture.file("tpm.sock"));
        Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={state}")])
            .args(["--server", &format!("type=unixio,path={socket}")])
            .args(["--ctrl", &format!("type=unixio,path={socket}.ctrl")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("swtpm is needed for these tests: {error}"))
    }

    fn wait(&self) {
        let up = (0..250).any(|_| {
            thread::sleep(Duration::from_millis(20));
            self.fixture.try_run("tpm2_getrandom", &["4"])
        });
        assert!(up, "swtpm does not come up");
    }

    /// A token `gw` with an EC key `key`, whose public half is kept as a file.
    fn provision(&self) {
        // A TPM that loses its power after somebody logged in counts that as a wrong PIN; three are too few here.
        self.fixture.run("tpm2_dictionarylockout", &["--setup-parameters", "--max-tries=30"]);
        let module = tpm2_pkcs11();
        let module = ["--module", module.to_str().unwrap()];
        let (token, user) = (["--token-label", "gw"], ["--login", "--pin", PIN]);
        let run = |arguments: &[&[&str]]| {
            self.fixture.run("pkcs11-tool", &arguments.concat());
            // There is no resource manager that does it when a process ends.
            for kind in ["-t", "-l", "-s"] {
                self.fixture.run("tpm2_flushcontext", &[kind]);
            }
        };
        run(&[&module, &["--slot-index", "0", "--init-token", "--label", "gw", "--so-pin", SO_PIN]]);
        run(&[
            &module,
            &token,
            &["--login", "--login-type", "so", "--so-pin", SO_PIN, "--init-pin", "--pin", PIN],
        ]);
        run(&[
            &module,
            &token,
            &user,
            &["--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "key"],
        ]);
        run(&[&module, &token, &user, &["--read-object", "--type", "pubkey", "--id", "01", "-o", "key.pub"]]);
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = Self::spawn(self.fixture);
        self.wait();
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Tpm<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
