//! p11-kit between us and SoftHSM: a token in another process, which can be stopped, and a module that is not one
//! instance but as many as it is asked for.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use refresh_session_core::{Code, Secret, Signer as _};
use refresh_session_pkcs11::{ObjectSelector, Pkcs11Signer, Token, TokenConfig};

use crate::support::{
    Fixture, P256, PIN, RSA, isolated, p11_kit, signer, skip_the_pause, skip_the_short_pause, softhsm,
};

fn two_keys(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P256);
    fixture.key("gw", "rsa", "02", RSA);
}

#[test]
fn a_stopped_token_costs_one_deadline_and_comes_back() {
    isolated("remote::a_stopped_token_costs_one_deadline_and_comes_back", two_keys, |fixture| {
        let server = Server::start(fixture);
        let config = TokenConfig { module: p11_kit("pkcs11/p11-kit-client.so"), ..fixture.config("gw") };
        signer(fixture, &config, PIN, "key").unwrap();
        let hasty = TokenConfig { sign_timeout: Duration::from_millis(300), ..config };
        let signer = signer(fixture, &hasty, PIN, "key").unwrap();
        let sign = |signer: &Pkcs11Signer| signer.sign(signer.schemes()[0], b"message");
        sign(&signer).unwrap();

        server.signal("-STOP");
        let error = sign(&signer).unwrap_err();
        assert_eq!((error.code(), error.retryable()), (Code::Pkcs11Timeout, true), "{error:?}");
        assert!(error.message().contains("token `gw`") && error.message().contains("300 ms"), "{error}");
        // At once: each of these waiting its deadline out would take a minute.
        for _ in 0..200 {
            assert_eq!(sign(&signer).unwrap_err().code(), Code::Pkcs11Hung);
        }
        refresh_session_pkcs11::close_all();
        refresh_session_pkcs11::reopen();

        server.signal("-CONT");
        let back = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            sign(&signer).is_ok()
        });
        assert!(back, "{:?}", sign(&signer));
    });
}

#[test]
fn a_worker_that_was_killed_is_replaced() {
    isolated("remote::a_worker_that_was_killed_is_replaced", two_keys, |fixture| {
        let server = Server::start(fixture);
        let config = TokenConfig { module: p11_kit("pkcs11/p11-kit-client.so"), ..fixture.config("gw") };
        let held =
            [signer(fixture, &config, PIN, "key").unwrap(), signer(fixture, &config, PIN, "rsa").unwrap()];
        for _ in 0..3 {
            server.signal("-KILL");
            for signer in &held {
                signer.sign(signer.schemes()[0], b"message").unwrap();
            }
            skip_the_pause();
        }
    });
}

#[test]
fn a_server_that_was_restarted_is_found_again() {
    isolated("remote::a_server_that_was_restarted_is_found_again", two_keys, |fixture| {
        let server = Server::start(fixture);
        let config = TokenConfig { module: p11_kit("pkcs11/p11-kit-client.so"), ..fixture.config("gw") };
        let signer = signer(fixture, &config, PIN, "key").unwrap();
        server.signal("-KILL");
        drop(server);
        let _ = fs::remove_file(fixture.file("p11"));
        for _ in 0..2 {
            let error = signer.sign(signer.schemes()[0], b"message").unwrap_err();
            assert_eq!((error.code(), error.retryable()), (Code::Pkcs11TokenNotFound, true), "{error:?}");
        }
        let _server = Server::start(fixture);
        skip_the_short_pause();
        signer.sign(signer.schemes()[0], b"message").unwrap();
    });
}

#[test]
fn a_proxy_that_makes_an_instance_for_everybody_signs() {
    isolated("remote::a_proxy_that_makes_an_instance_for_everybody_signs", two_keys, |fixture| {
        // Lists SoftHSM among the system's modules, as its package registers it.
        let config = TokenConfig { module: p11_kit("p11-kit-proxy.so"), ..fixture.config("gw") };
        let token = Token::open(&config, Some(&Secret::from(PIN))).unwrap();
        for key in ["key", "rsa"] {
            let signer = token.signer(&ObjectSelector::label(key), &fixture.public_key(key)).unwrap();
            for scheme in signer.schemes() {
                let signature = signer.sign(*scheme, b"message").unwrap();
                assert!(fixture.public_key(key).verifies(*scheme, b"message", &signature), "{scheme}");
            }
        }
        assert_eq!(signer(fixture, &config, "9999", "key").unwrap_err().code(), Code::Pkcs11PinMismatch);
    });
}

#[test]
fn a_token_has_one_memory_of_pins_whichever_module_leads_to_it() {
    isolated("remote::a_token_has_one_memory_of_pins_whichever_module_leads_to_it", two_keys, |fixture| {
        let direct = fixture.config("gw");
        let proxied = TokenConfig { module: p11_kit("p11-kit-proxy.so"), ..fixture.config("gw") };
        let code = |config: &TokenConfig, pin: &str| {
            signer(fixture, config, pin, "key").map_err(|error| error.code())
        };
        assert_eq!(code(&proxied, "9999").unwrap_err(), Code::Pkcs11PinIncorrect);
        assert_eq!(code(&direct, "9999").unwrap_err(), Code::Pkcs11PinNotRetried);
        let good = code(&direct, PIN).unwrap();
        good.sign(good.schemes()[0], b"message").unwrap();
        assert_eq!(code(&proxied, "1111").unwrap_err(), Code::Pkcs11PinMismatch);
    });
}

/// `p11-kit server` for SoftHSM; the client module finds it by P11_KIT_SERVER_ADDRESS.
struct Server(Child);

impl Server {
    fn start(fixture: &Fixture) -> Self {
        let module = softhsm();
        let socket = fixture.file("p11");
        let child = Command::new("p11-kit")
            .args(["server", "--foreground", "--provider", module.to_str().unwrap(), "--name", &socket])
            .arg("pkcs11:token=gw")
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("p11-kit is needed for these tests: {error}"));
        let up = (0..250).any(|_| {
            thread::sleep(Duration::from_millis(20));
            fs::metadata(&socket).is_ok()
        });
        assert!(up, "p11-kit server does not come up");
        Self(child)
    }

    /// To the processes that it made for its clients.
    fn signal(&self, signal: &str) {
        let server = self.0.id();
        let workers = fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        let workers: Vec<_> = workers.split_whitespace().collect();
        assert!(!workers.is_empty(), "no client is connected");
        assert!(Command::new("kill").arg(signal).args(workers).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
