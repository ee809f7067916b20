//! What a device does that goes away, breaks, is full or comes back, and what the next signature costs then. Through
//! the shim (`tests/shim/lib.rs`).

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use refresh_session_core::{BootTime, Clock, Code, Error, Signer as _, Timestamp};
use refresh_session_pkcs11::{Pkcs11Signer, TokenConfig};

use crate::support::{Fixture, P256, PIN, isolated, signer, skip_the_pause, skip_the_short_pause};

fn one_key(fixture: &Fixture) {
    fixture.token("gw");
    fixture.key("gw", "key", "01", P256);
}

fn try_sign(signer: &Pkcs11Signer) -> Result<(), Error> {
    signer.sign(signer.schemes()[0], b"message").map(drop)
}

fn sign(signer: &Pkcs11Signer) {
    try_sign(signer).unwrap();
}

fn assert_in_order(fixture: &Fixture) {
    for function in ["C_Sign", "C_SignInit", "C_CloseSession", "C_GetSessionInfo", "C_FindObjectsInit"] {
        assert_eq!(fixture.calls(&format!("stale {function}")), 0, "{function} on a session of the past");
    }
    assert_eq!((fixture.calls("overlap C_Finalize"), fixture.calls("overlap C_Initialize")), (0, 0));
}

#[test]
fn a_module_that_lost_its_device_is_initialised_anew_but_not_all_the_time() {
    let name = "ladder::a_module_that_lost_its_device_is_initialised_anew_but_not_all_the_time";
    isolated(name, one_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        // GENERAL_ERROR, DEVICE_ERROR, FUNCTION_FAILED, a vendor's own.
        for (number, lost) in ["5", "30", "6", "80000001"].into_iter().enumerate() {
            fixture.script(&[&format!("fail-until-anew=*:{lost}")]);
            sign(&signer);
            assert_eq!((fixture.calls("C_Finalize"), fixture.calls("C_Login")), (number + 1, number + 2));
            skip_the_pause();
        }
        fixture.script(&["fail=*:5"]);
        for _ in 0..10 {
            let error = try_sign(&signer).unwrap_err();
            assert_eq!((error.code(), error.retryable()), (Code::Pkcs11Call, true), "{error:?}");
            assert!(error.message().contains("CKR_GENERAL_ERROR (0x5)"), "{error}");
        }
        assert_eq!(fixture.calls("C_Finalize"), 5);
        fixture.script(&[]);
        sign(&signer);
        assert_in_order(fixture);
    });
}

#[test]
fn a_module_left_uninitialised_is_initialised_as_soon_as_it_can_be() {
    let name = "ladder::a_module_left_uninitialised_is_initialised_as_soon_as_it_can_be";
    isolated(name, one_key, |fixture| {
        let config = fixture.shim("gw");
        let before = signer(fixture, &config, PIN, "key").unwrap();
        fixture.script(&["fail-until-anew=*:5", "fail=C_Initialize:5"]);
        for _ in 0..3 {
            assert_eq!(try_sign(&before).unwrap_err().code(), Code::Pkcs11Initialize);
        }
        let another = signer(fixture, &config, PIN, "key").unwrap_err();
        assert_eq!((another.code(), another.retryable()), (Code::Pkcs11Initialize, true), "{another:?}");
        fixture.script(&[]);
        sign(&before);
        assert_eq!((fixture.calls("C_Finalize"), fixture.calls("C_Initialize")), (1, 6));
        assert_in_order(fixture);
    });
}

#[test]
fn a_token_that_was_away_is_found_again_wherever_it_is_then() {
    let name = "ladder::a_token_that_was_away_is_found_again_wherever_it_is_then";
    isolated(name, one_key, |fixture| {
        let config = fixture.shim("gw");
        let removed = ["hide", "fail=*:32"];
        let first = signer(fixture, &config, PIN, "key").unwrap();
        fixture.script(&removed);
        for _ in 0..2 {
            let error = try_sign(&first).unwrap_err();
            assert_eq!((error.code(), error.retryable()), (Code::Pkcs11TokenNotFound, true), "{error:?}");
            assert!(error.message().contains("no longer has token `gw`"), "{error}");
        }
        fixture.script(&[]);
        sign(&first);

        // A module that lists what was there when it was initialised; and its user drops the signer on an error.
        skip_the_pause();
        fixture.script(&["hide-until-anew", "fail-until-anew=*:e0"]);
        sign(&first);
        fixture.script(&removed);
        assert_eq!(try_sign(&first).unwrap_err().code(), Code::Pkcs11TokenNotFound);
        drop(first);
        let absent = signer(fixture, &config, PIN, "key").unwrap_err();
        assert_eq!(absent.code(), Code::Pkcs11TokenNotFound, "{absent:?}");
        skip_the_pause();
        fixture.script(&["hide-until-anew"]);
        sign(&signer(fixture, &config, PIN, "key").unwrap());
        assert_in_order(fixture);
    });
}

#[test]
fn a_module_that_came_up_empty_is_initialised_anew_sooner() {
    let name = "ladder::a_module_that_came_up_empty_is_initialised_anew_sooner";
    isolated(name, one_key, |fixture| {
        let config = TokenConfig { sign_timeout: Duration::from_mins(1), ..fixture.shim("gw") };
        let signer = signer(fixture, &config, PIN, "key").unwrap();
        fixture.script(&["fail=*:30", "hide"]);
        for _ in 0..3 {
            assert_eq!(try_sign(&signer).unwrap_err().code(), Code::Pkcs11TokenNotFound);
        }
        assert_eq!(fixture.calls("C_Finalize"), 1);
        fixture.script(&["hide-until-anew"]);
        assert_eq!(try_sign(&signer).unwrap_err().code(), Code::Pkcs11TokenNotFound);
        skip_the_short_pause();
        sign(&signer);
        // Now there is a session to lose.
        fixture.script(&["fail=*:30"]);
        skip_the_short_pause();
        try_sign(&signer).unwrap_err();
        assert_eq!(fixture.calls("C_Finalize"), 2);
    });
}

#[test]
fn a_known_token_is_looked_for_anew_while_another_of_the_module_is_in_use() {
    let prepare = |fixture: &Fixture| {
        one_key(fixture);
        fixture.token("two");
        fixture.key("two", "other", "01", P256);
    };
    let name = "ladder::a_known_token_is_looked_for_anew_while_another_of_the_module_is_in_use";
    isolated(name, prepare, |fixture| {
        let other = signer(fixture, &fixture.shim("two"), PIN, "other").unwrap();
        drop(signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap());
        fixture.script(&["hide-until-anew"]);
        sign(&signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap());
        sign(&other);
        assert_eq!(fixture.calls("C_Finalize"), 1);
        assert_in_order(fixture);
    });
}

#[test]
fn a_session_closed_from_outside_is_opened_again() {
    isolated("ladder::a_session_closed_from_outside_is_opened_again", one_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        for number in 0..3 {
            fixture.script(&[&format!("close-once#{number}")]);
            sign(&signer);
            assert_eq!((fixture.calls("C_OpenSession"), fixture.calls("C_Login")), (number + 2, number + 2));
        }
        assert_eq!((fixture.calls("C_CloseSession"), fixture.calls("C_Finalize")), (0, 0));
    });
}

#[test]
fn somebody_elses_wrong_label_does_not_disturb_who_signs() {
    isolated("ladder::somebody_elses_wrong_label_does_not_disturb_who_signs", one_key, |fixture| {
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        let error = crate::support::signer(fixture, &fixture.shim("lost"), PIN, "key").unwrap_err();
        assert_eq!(error.code(), Code::Pkcs11TokenNotFound);
        assert_eq!(fixture.calls("C_Finalize"), 0);
        sign(&signer);
    });
}

#[test]
fn a_full_token_is_waited_for_a_second_and_no_longer_than_the_caller_does() {
    let name = "ladder::a_full_token_is_waited_for_a_second_and_no_longer_than_the_caller_does";
    isolated(name, one_key, |fixture| {
        // Time passes with the tries and not otherwise, however slow this machine is: after the third one, the hasty
        // caller has less left than the pause before the fourth takes.
        let hasty = Arc::new(ClockOfTries { log: fixture.file("spy").into(), late: Mutex::default() });
        let patient = TokenConfig { clock: Arc::new(StoppedClock), ..fixture.shim("gw") };
        let limit = Duration::from_secs(40);
        let config = TokenConfig {
            sign_timeout: limit,
            clock: Arc::<ClockOfTries>::clone(&hasty),
            ..fixture.shim("gw")
        };
        let patient = signer(fixture, &patient, PIN, "key").unwrap();
        let hasty_one = signer(fixture, &config, PIN, "key").unwrap();
        for (signer, tries) in [(&patient, 5), (&hasty_one, 3)] {
            fixture.script(&["fail-once=C_SignInit:90", &format!("fail=C_OpenSession:b1#{tries}")]);
            refresh_session_pkcs11::close_all();
            refresh_session_pkcs11::reopen();
            let before = fixture.calls("C_OpenSession");
            *hasty.late.lock().unwrap() = Some((before + 3, Duration::from_millis(39_750)));
            let error = try_sign(signer).unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11Call, "{error:?}");
            assert!(error.message().contains("C_OpenSession returned CKR_SESSION_COUNT (0xB1)"), "{error}");
            assert!(error.hint().unwrap().contains("hold all sessions"), "{error:?}");
            assert_eq!(fixture.calls("C_OpenSession") - before, tries);
        }
        *hasty.late.lock().unwrap() = None;
        fixture.script(&["fail-once=C_OpenSession:b1"]);
        sign(&hasty_one);
        assert_eq!(fixture.calls("C_Finalize"), 0);
    });
}

/// It never gets later.
#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn boot(&self) -> BootTime {
        BootTime::from_duration(Duration::from_hours(1))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }
}

/// It is so much later once C_OpenSession was called so often.
#[derive(Debug)]
struct ClockOfTries {
    log: PathBuf,
    late: Mutex<Option<(usize, Duration)>>,
}

impl Clock for ClockOfTries {
    fn boot(&self) -> BootTime {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tries = log.lines().filter(|line| line.ends_with(": C_OpenSession")).count();
        let late = self.late.lock().unwrap().filter(|(after, _)| tries >= *after);
        StoppedClock.boot().after(late.map_or(Duration::ZERO, |(_, by)| by))
    }

    fn wall(&self) -> Timestamp {
        StoppedClock.wall()
    }
}

#[test]
fn a_module_of_other_code_is_not_finalised_and_the_error_says_so() {
    let name = "ladder::a_module_of_other_code_is_not_finalised_and_the_error_says_so";
    isolated(name, one_key, |fixture| {
        let stranger = Pkcs11::new(fixture.shim("gw").module).unwrap();
        stranger.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let signer = signer(fixture, &fixture.shim("gw"), PIN, "key").unwrap();
        fixture.script(&["fail=*:5"]);
        for _ in 0..2 {
            let error = try_sign(&signer).unwrap_err();
            let hint = error.hint().unwrap();
            assert!(hint.contains("other code in this process") && hint.contains("restarted"), "{error:?}");
            skip_the_pause();
        }
        assert_eq!(fixture.calls("C_Finalize"), 0);
        fixture.script(&[]);
        sign(&signer);
    });
}

#[test]
fn a_pin_that_may_have_been_counted_waits_for_a_new_initialisation() {
    let name = "ladder::a_pin_that_may_have_been_counted_waits_for_a_new_initialisation";
    isolated(name, one_key, |fixture| {
        let attempt = || signer(fixture, &fixture.shim("gw"), PIN, "key");
        fixture.script(&["fail=C_Login:30"]);
        assert!(attempt().unwrap_err().message().contains("CKR_DEVICE_ERROR"));
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Finalize")), (1, 0));
        // Initialised anew, then sent: once.
        assert!(attempt().unwrap_err().message().contains("CKR_DEVICE_ERROR"));
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Finalize")), (2, 1));
        fixture.script(&[]);
        for _ in 0..5 {
            let error = attempt().unwrap_err();
            assert!(error.message().contains("initialised anew"), "{error}");
            assert!(error.retryable());
        }
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Finalize")), (2, 1));
        skip_the_pause();
        let signer = attempt().unwrap();
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Finalize")), (3, 2));

        // One that was accepted is known to be right, and may be repeated.
        skip_the_pause();
        fixture.script(&["fail-once=C_SignInit:90", "fail-until-anew=C_Login:5"]);
        sign(&signer);
        assert_eq!((fixture.calls("C_Login"), fixture.calls("C_Finalize")), (5, 3));
    });
}

#[test]
fn a_wrong_pin_is_sent_once_whatever_is_lost_in_between() {
    let name = "ladder::a_wrong_pin_is_sent_once_whatever_is_lost_in_between";
    isolated(name, one_key, |fixture| {
        let attempt = |pin| signer(fixture, &fixture.shim("gw"), pin, "key");
        assert_eq!(attempt("9999").unwrap_err().code(), Code::Pkcs11PinIncorrect);
        for (number, lost) in ["5", "30", "e0", "b3", "80000001"].into_iter().enumerate() {
            fixture.script(&[&format!("fail-until-anew=C_GetSlotList:{lost}")]);
            let _ = attempt("9999");
            fixture.script(&[]);
            skip_the_pause();
            assert_eq!(attempt("9999").unwrap_err().code(), Code::Pkcs11PinNotRetried, "{lost}");
            assert_eq!(fixture.calls("C_Login"), 1, "{number}");
        }
        let good = attempt(PIN).unwrap();
        fixture.script(&["fail-until-anew=*:5"]);
        sign(&good);
        assert_eq!(attempt("9999").unwrap_err().code(), Code::Pkcs11PinNotRetried);
        assert_eq!(attempt("8888").unwrap_err().code(), Code::Pkcs11PinMismatch);
        assert_eq!(fixture.calls("C_Login"), 3);
    });
}
