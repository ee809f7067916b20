//! A SoftHSM token in a directory of its own, and a process of its own for every test.
//!
//! What is tested belongs to the process: `C_Initialize`, logins, the memory of refused PINs. And SoftHSM reads
//! `SOFTHSM2_CONF` when it is initialised, while setting variables in a running process races with its threads. So
//! [`isolated`] runs the test binary again for the one test, with the variables set; there the body runs.

use std::env;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refresh_session_core::{BootTime, Certificate, Clock, PublicKey, Result, Secret, Timestamp};
use refresh_session_pkcs11::{ObjectSelector, Pkcs11Signer, Token, TokenConfig, TokenSelector};

/// The right PIN. A text that stands out if it shows up where it must not.
pub(crate) const PIN: &str = "canary-pin-7391";

const DIRECTORY: &str = "REFRESH_SESSION_PKCS11_TEST";
pub(crate) const SO_PIN: &str = "so-pin-12345678";
const CHILD_SECONDS: u64 = 60;

/// The kinds of key the tests use, as openssl is told.
pub(crate) const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub(crate) const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
pub(crate) const P521: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
pub(crate) const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

/// Prepares tokens with `prepare`, then runs `body` in a process that sees them. `name` is the test's path, as
/// `cargo test` shows it.
pub(crate) fn isolated(name: &str, prepare: impl FnOnce(&Fixture), body: impl FnOnce(&Fixture)) {
    if let Some(directory) = env::var_os(DIRECTORY) {
        body(&Fixture { directory: directory.into() });
        // As the addon does: a module in use while the process is torn down crashes.
        refresh_session_pkcs11::close_all();
        return;
    }
    let directory =
        env::temp_dir().join(format!("pkcs11-{}-{}", std::process::id(), name.replace("::", "-")));
    let fixture = Fixture { directory };
    fixture.create();
    prepare(&fixture);
    let output = fixture.directory.join("output");
    let log = File::create(&output).unwrap();
    let mut child = fixture
        .command(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let status = (0..CHILD_SECONDS * 50).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        child.try_wait().unwrap()
    });
    if status.is_none() {
        child.kill().unwrap();
    }
    let shown = fs::read_to_string(&output).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{name} ended with {status:?}:\n{shown}");
    assert!(shown.contains("1 passed"), "{name} is not the name of a test:\n{shown}");
    fs::remove_dir_all(&fixture.directory).unwrap();
}

/// The directory with everything a test needs.
pub(crate) struct Fixture {
    pub(crate) directory: PathBuf,
}

impl Fixture {
    /// Makes an initialised token.
    pub(crate) fn token(&self, label: &str) {
        self.run(
            "softhsm2-util",
            &["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN],
        );
    }

    /// Makes a key outside, imports it, and keeps its public half and a self-signed certificate as files.
    pub(crate) fn key(&self, token: &str, label: &str, id: &str, kind: &[&str]) {
        let key = self.file(&format!("{label}.pem"));
        let key = key.as_str();
        self.run("openssl", &[&["genpkey", "-out", key], kind].concat());
        let public = self.file(&format!("{label}.pub"));
        self.run("openssl", &["pkey", "-in", key, "-pubout", "-outform", "DER", "-out", &public]);
        let subject = format!("/CN={label}");
        let certificate = self.file(&format!("{label}.der"));
        self.run(
            "openssl",
            &[
                "req",
                "-x509",
                "-new",
                "-key",
                key,
                "-subj",
                &subject,
                "-outform",
                "DER",
                "-out",
                &certificate,
            ],
        );
        self.run(
            "softhsm2-util",
            &["--import", key, "--token", token, "--label", label, "--id", id, "--pin", PIN, "--force"],
        );
    }

    /// Writes a certificate file (`<name>.der`) to the token.
    pub(crate) fn certificate(&self, token: &str, name: &str, label: &str, id: &str) {
        let der = self.file(&format!("{name}.der"));
        let module = softhsm();
        let module = module.to_str().unwrap();
        let write = ["--write-object", &der, "--type", "cert", "--label", label, "--id", id];
        let login = ["--module", module, "--token-label", token, "--login", "--pin", PIN];
        self.run("pkcs11-tool", &[&login[..], &write].concat());
    }

    /// Runs a tool in the directory; it must succeed.
    pub(crate) fn run(&self, program: &str, arguments: &[impl AsRef<OsStr> + Debug]) {
        let output = self.command(program).args(arguments).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{program} is needed for these tests: {error}"));
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {shown}");
    }

    /// Runs a tool that may fail.
    pub(crate) fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        let status = self.command(program).args(arguments).stdin(Stdio::null()).output();
        status.is_ok_and(|output| output.status.success())
    }

    /// A configuration for a token of SoftHSM by its label.
    pub(crate) fn config(&self, label: &str) -> TokenConfig {
        self.config_with(&softhsm(), label)
    }

    /// The same through the module that counts calls.
    pub(crate) fn spied(&self, label: &str) -> TokenConfig {
        self.config_with(&spy(), label)
    }

    /// The same through the shim, which counts too and does what its [script](Self::script) says.
    pub(crate) fn shim(&self, label: &str) -> TokenConfig {
        let directory = env::current_exe().unwrap().parent().unwrap().join("../examples");
        let module = directory.join("libpkcs11_shim.so");
        assert!(module.is_file(), "the shim is missing: run `cargo test`, or `cargo build --examples` first");
        // Where the sources are others may be allowed to write; then it is not loaded.
        let copy = self.directory.join("libpkcs11_shim.so");
        if !copy.exists() {
            fs::copy(module, &copy).unwrap();
            fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
        }
        self.config_with(&copy, label)
    }

    /// Tells the shim what to do from now on (`tests/shim/lib.rs`).
    pub(crate) fn script(&self, words: &[&str]) {
        let new = self.file("shim.new");
        fs::write(&new, words.join(" ")).unwrap();
        // In one step: it is read at any moment.
        fs::rename(new, self.file("shim")).unwrap();
    }

    /// How often the counting module saw a function called.
    pub(crate) fn calls(&self, function: &str) -> usize {
        let log = fs::read_to_string(self.file("spy")).unwrap();
        log.lines().filter(|line| line.split_once(": ").is_some_and(|(_, called)| called == function)).count()
    }

    pub(crate) fn public_key(&self, name: &str) -> PublicKey {
        PublicKey::from_spki_der(&fs::read(self.file(&format!("{name}.pub"))).unwrap()).unwrap()
    }

    pub(crate) fn certificate_file(&self, name: &str) -> Certificate {
        Certificate::from_der(&fs::read(self.file(&format!("{name}.der"))).unwrap()).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    fn config_with(&self, module: &Path, label: &str) -> TokenConfig {
        assert!(self.directory.is_dir());
        TokenConfig {
            token: TokenSelector { label: Some(label.into()), ..TokenSelector::default() },
            ..TokenConfig::new(module, clock())
        }
    }

    fn create(&self) {
        // Left behind by a test that failed in a process of the same number.
        let _ = fs::remove_dir_all(&self.directory);
        fs::create_dir_all(self.directory.join("tokens")).unwrap();
        fs::set_permissions(&self.directory, Permissions::from_mode(0o755)).unwrap();
        let tokens = self.file("tokens");
        let text =
            format!("directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n");
        fs::write(self.directory.join("softhsm2.conf"), text).unwrap();
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.directory)
            .env(DIRECTORY, &self.directory)
            .env("SOFTHSM2_CONF", self.file("softhsm2.conf"))
            .env("RUST_BACKTRACE", "0")
            .env("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", self.file("p11")))
            .env("TPM2_PKCS11_STORE", self.file("tpm-store"))
            .env("TPM2_PKCS11_TCTI", format!("swtpm:path={}", self.file("tpm.sock")))
            .env("TPM2TOOLS_TCTI", format!("swtpm:path={}", self.file("tpm.sock")))
            .env("TSS2_LOG", "all+NONE")
            .env("PKCS11SPY", softhsm())
            .env("PKCS11SPY_OUTPUT", self.file("spy"));
        command
    }
}

/// The system's time, moved on by [`skip`].
#[derive(Debug)]
struct TestClock;

static SKIPPED_SECONDS: AtomicU64 = AtomicU64::new(0);

impl Clock for TestClock {
    #[expect(clippy::disallowed_methods, reason = "a clock of the tests")]
    fn boot(&self) -> BootTime {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        BootTime::from_duration(now + Duration::from_secs(SKIPPED_SECONDS.load(Ordering::SeqCst)))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(TestClock)
}

/// So much later a module may be initialised anew again.
pub(crate) fn skip_the_pause() {
    SKIPPED_SECONDS.fetch_add(46, Ordering::SeqCst);
}

/// The same if nobody has had a session since.
pub(crate) fn skip_the_short_pause() {
    SKIPPED_SECONDS.fetch_add(3, Ordering::SeqCst);
}

/// Opens the token with `pin` and makes a signer for the key with this label.
pub(crate) fn signer(fixture: &Fixture, config: &TokenConfig, pin: &str, key: &str) -> Result<Pkcs11Signer> {
    let token = Token::open(config, Some(&Secret::from(pin)))?;
    token.signer(&ObjectSelector::label(key), &fixture.public_key(key))
}

/// A message that differs from every other one.
pub(crate) fn message(number: u32) -> Vec<u8> {
    format!("message {number}").into_bytes()
}

pub(crate) fn softhsm() -> PathBuf {
    installed("softhsm/libsofthsm2.so", "SoftHSM")
}

pub(crate) fn tpm2_pkcs11() -> PathBuf {
    installed("pkcs11/libtpm2_pkcs11.so", "tpm2-pkcs11")
}

pub(crate) fn p11_kit(library: &str) -> PathBuf {
    installed(library, "p11-kit")
}

fn spy() -> PathBuf {
    installed("pkcs11-spy.so", "OpenSC's pkcs11-spy")
}

fn installed(library: &str, what: &str) -> PathBuf {
    let triplet = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let roots = ["/usr/lib", &triplet, "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib"];
    let found = roots.iter().map(|root| Path::new(root).join(library)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{what} is needed for these tests; looked for {library} in {roots:?}"))
}
