//! Calls that do not come back, of every kind. Through the shim (`tests/shim/lib.rs`).

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

use refresh_session_core::{Code, Error, Signer as _};
use refresh_session_pkcs11::{Pkcs11Signer, TokenConfig, close_all};

use crate::support::{Fixture, P256, PIN, isolated, signer, skip_the_pause};

const TIMEOUT: Duration = Duration::from_millis(400);

/// OPERATION_ACTIVE: the session is closed, which logs out, and another is opened.
const LOST: &str = "fail-once=C_SignInit:90";

fn two_tokens(fixture: &Fixture) {
    for (token, key) in [("gw", "key"), ("two", "other")] {
        fixture.token(token);
        fixture.key(token, key, "01", P256);
    }
}

fn hasty(fixture: &Fixture) -> TokenConfig {
    TokenConfig { sign_timeout: TIMEOUT, ..fixture.shim("gw") }
}

fn try_sign(signer: &Pkcs11Signer) -> Result<(), Error> {
    signer.sign(signer.schemes()[0], b"message").map(drop)
}

#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = SystemTime::now();
    let done = work();
    (done, started.elapsed().unwrap_or_default())
}

fn assert_timeout(attempt: impl FnOnce() -> Error) {
    let (error, took) = timed(attempt);
    assert_eq!((error.code(), error.retryable()), (Code::Pkcs11Timeout, true), "{error:?}");
    assert!(took < TIMEOUT + Duration::from_secs(1), "{took:?}");
}

fn assert_refused_at_once(attempt: impl Fn() -> Error) {
    let mut times: Vec<_> = (0..11)
        .map(|_| {
            let (error, took) = timed(&attempt);
            assert_eq!((error.code(), error.retryable()), (Code::Pkcs11Hung, true), "{error:?}");
            took
        })
        .collect();
    times.sort();
    // Half of them: a busy machine may hold up any.
    assert!(times[5] < Duration::from_millis(10) && times[10] < TIMEOUT, "{times:?}");
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

pub(crate) fn comes_back(attempt: impl Fn() -> bool) -> bool {
    (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        attempt()
    })
}

#[test]
fn whichever_call_hangs_costs_one_deadline_and_the_token_comes_back() {
    let name = "hang::whichever_call_hangs_costs_one_deadline_and_the_token_comes_back";
    isolated(name, two_tokens, |fixture| {
        let config = hasty(fixture);
        let signer = signer(fixture, &config, PIN, "key").unwrap();
        for (number, (function, before)) in [
            ("C_Sign", ""),
            ("C_SignInit", ""),
            ("C_CloseSession", LOST),
            ("C_OpenSession", LOST),
            ("C_GetSlotList", LOST),
            ("C_GetSessionInfo", LOST),
            ("C_Login", LOST),
            ("C_FindObjectsInit", LOST),
            ("C_Finalize", "fail-until-anew=C_SignInit:5"),
            ("C_Initialize", "fail-until-anew=C_SignInit:5"),
        ]
        .into_iter()
        .enumerate()
        {
            skip_the_pause();
            try_sign(&signer).unwrap();
            let before = if before.is_empty() { String::new() } else { format!("{before}#{number}") };
            fixture.script(&[&format!("hang={function}"), &before]);
            assert_timeout(|| try_sign(&signer).unwrap_err());
            let running = threads();
            assert_refused_at_once(|| try_sign(&signer).unwrap_err());
            assert_refused_at_once(|| crate::support::signer(fixture, &config, PIN, "key").unwrap_err());
            assert_eq!(threads(), running, "{function}");
            fixture.script(&[]);
            assert!(comes_back(|| try_sign(&signer).is_ok()), "{function}: {:?}", try_sign(&signer));
        }
        assert_eq!(fixture.calls("overlap C_Finalize") + fixture.calls("stale C_Sign"), 0);
    });
}

#[test]
fn a_close_that_hangs_with_nobody_waiting_is_noticed() {
    isolated("hang::a_close_that_hangs_with_nobody_waiting_is_noticed", two_tokens, |fixture| {
        let config = hasty(fixture);
        let open = || signer(fixture, &config, PIN, "key");
        let last = open().unwrap();
        fixture.script(&["hang=C_CloseSession"]);
        drop(last);
        assert!(comes_back(|| fixture.calls("C_CloseSession") == 1));
        assert_timeout(|| open().unwrap_err());
        assert_refused_at_once(|| open().unwrap_err());
        fixture.script(&[]);
        assert!(comes_back(|| open().is_ok_and(|signer| try_sign(&signer).is_ok())), "{:?}", open().err());
    });
}

#[test]
fn another_token_of_the_module_signs_on_but_nothing_new_goes_into_it() {
    let name = "hang::another_token_of_the_module_signs_on_but_nothing_new_goes_into_it";
    isolated(name, two_tokens, |fixture| {
        let stuck = signer(fixture, &hasty(fixture), PIN, "key").unwrap();
        let config = TokenConfig { sign_timeout: TIMEOUT, ..fixture.shim("two") };
        let other = signer(fixture, &config, PIN, "other").unwrap();
        let hang = "hang-once=C_SignInit";
        fixture.script(&[hang]);
        assert_timeout(|| try_sign(&stuck).unwrap_err());
        for _ in 0..5 {
            try_sign(&other).unwrap();
        }
        assert_refused_at_once(|| signer(fixture, &config, PIN, "other").unwrap_err());
        // Not even when it breaks: its session is let go of, and nothing is finalised under the call that hangs.
        fixture.script(&[hang, "fail-once=C_Sign:b3", "fail-until-anew=C_Sign:5"]);
        assert_refused_at_once(|| try_sign(&other).unwrap_err());
        assert_eq!(fixture.calls("C_Finalize"), 0);
        fixture.script(&[]);
        assert!(comes_back(|| try_sign(&stuck).is_ok()));
        try_sign(&other).unwrap();
    });
}

#[test]
fn the_process_ends_while_a_token_hangs() {
    isolated("hang::the_process_ends_while_a_token_hangs", two_tokens, |fixture| {
        let signer = signer(fixture, &hasty(fixture), PIN, "key").unwrap();
        fixture.script(&["hang=C_Sign"]);
        assert_timeout(|| try_sign(&signer).unwrap_err());
        let ((), took) = timed(close_all);
        assert!(took < Duration::from_millis(1200), "{took:?}");
    });
}
