//! Recoveries by the hundred: nothing stale is used, nothing live is closed, nothing is left behind. Through the shim
//! (`tests/shim/lib.rs`), whose handles tell one initialisation from another.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use refresh_session_core::Signer as _;
use refresh_session_pkcs11::TokenConfig;

use crate::support::{Fixture, P256, PIN, RSA, isolated, message, signer, skip_the_pause};

fn two_tokens(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P256);
    fixture.key("gw", "rsa", "02", RSA);
    fixture.token("two");
    fixture.key("two", "other", "01", P256);
}

/// With a deadline that outlasts [`skip_the_pause`] in the middle of a request.
fn patient(fixture: &Fixture, token: &str) -> TokenConfig {
    TokenConfig { sign_timeout: Duration::from_hours(1), ..fixture.shim(token) }
}

/// Calls that a real module would have made with somebody else's session, or during C_Finalize.
fn violations(fixture: &Fixture) -> Vec<String> {
    let log = fs::read_to_string(fixture.file("spy")).unwrap();
    log.lines().filter(|line| line.contains("stale") || line.contains("overlap")).map(str::to_owned).collect()
}

#[test]
fn two_keys_and_two_tokens_sign_while_the_module_is_initialised_anew_200_times() {
    let name = "many::two_keys_and_two_tokens_sign_while_the_module_is_initialised_anew_200_times";
    isolated(name, two_tokens, |fixture| {
        let keys = [("gw", "key"), ("gw", "rsa"), ("two", "other")];
        let open = |(token, key)| signer(fixture, &patient(fixture, token), PIN, key).unwrap();
        let (signers, breaker) = (keys.map(open), open(keys[0]));
        let (done, signed, failed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for signer in &signers {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        match signer.sign(signer.schemes()[0], b"message") {
                            Ok(_) => signed.fetch_add(1, Ordering::Relaxed),
                            // It was caught by two breakdowns in one request.
                            Err(error) if error.message().contains("CKR_GENERAL_ERROR") => {
                                failed.fetch_add(1, Ordering::Relaxed)
                            }
                            Err(error) => panic!("{error:?}"),
                        };
                    }
                });
            }
            // Users that come and go: their sessions are closed late, on the token's thread.
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(signer(fixture, &patient(fixture, "two"), PIN, "other"));
                }
            });
            for number in 0..200 {
                skip_the_pause();
                fixture.script(&[&format!("fail-until-anew=C_Sign:5#{number}")]);
                breaker.sign(breaker.schemes()[0], b"message").unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(violations(fixture), Vec::<String>::new());
        assert_eq!((fixture.calls("C_Finalize"), fixture.calls("C_Initialize")), (200, 201));
        let (signed, failed) = (signed.into_inner(), failed.into_inner());
        println!("{signed} signatures, {failed} failures in 200 breakdowns");
        assert!(signed > 100 && failed < signed, "{signed} signed, {failed} failed");
        for signer in &signers {
            signer.sign(signer.schemes()[0], b"message").unwrap();
        }
    });
}

#[test]
fn a_thousand_signatures_with_recoveries_leave_nothing_behind() {
    isolated("many::a_thousand_signatures_with_recoveries_leave_nothing_behind", two_tokens, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        let lost = [
            "fail-once=C_SignInit:90",
            "fail-until-anew=*:5",
            "fail-once=C_SignInit:82",
            "fail-until-anew=C_Sign:32",
            "fail-once=C_Sign:101",
            "fail-until-anew=*:30",
            "fail-until-anew=C_OpenSession:e0",
        ];
        let held = || ["task", "fd"].map(|kind| fs::read_dir(format!("/proc/self/{kind}")).unwrap().count());
        let mut before = None;
        for number in 0..1000 {
            if number % 5 == 0 {
                skip_the_pause();
                fixture.script(&[&format!("{}#{number}", lost[number / 5 % lost.len()])]);
            }
            signer.sign(signer.schemes()[0], &message(u32::try_from(number).unwrap())).unwrap();
            if number == 99 {
                before = Some(held());
            }
        }
        assert_eq!(Some(held()), before, "threads and file descriptors");
        assert_eq!(violations(fixture), Vec::<String>::new());
        // Whatever was opened since the last C_Initialize and not closed is the one session in use.
        let log = fs::read_to_string(fixture.file("spy")).unwrap();
        let since = log.rsplit("0: C_Initialize\n").next().unwrap();
        let count = |function| since.lines().filter(|line| *line == function).count();
        assert_eq!(count("0: C_OpenSession") - count("0: C_CloseSession"), 1, "{since}");
        println!("{} initialisations", fixture.calls("C_Initialize"));
    });
}
